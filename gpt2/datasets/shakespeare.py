"""Tiny Shakespeare (Karpathy 2015): 1,115,394 bytes of plays, by GPT-2 BPE or by character."""

from gpt2.datasets.corpus import Corpus, Forecast, Material, Request
from gpt2.datasets.download import Progress, Resource, fetch
from gpt2.datasets.errors import reading_failed
from gpt2.datasets.tokenizers import (
    GPT2_MERGES,
    CharacterTokenizer,
    GPT2Tokenizer,
    Tokenizer,
)

TEXT = Resource(
    url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    size=1_115_394,
    sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    mirror_path="shakespeare/input.txt",
)


class Shakespeare(Corpus):
    """301,966 + 36,059 BPE tokens, or 1,003,854 + 111,540 characters."""

    def __init__(self, by_character: bool) -> None:
        self._by_character = by_character
        tokens = "65 characters" if by_character else "GPT-2 BPE"
        self.description = f"tiny Shakespeare, 1.1 MB, {tokens}; one download"

    def forecast(self, request: Request) -> Forecast:
        if self._by_character:
            return Forecast(1_003_854, TEXT.size)
        return Forecast(301_966, TEXT.size + GPT2_MERGES.size)

    def load(self, request: Request, progress: Progress) -> Material:
        path = fetch(TEXT, request.cache, request.mirror, progress)
        try:
            text = path.read_bytes().decode("utf-8")
        except OSError as error:
            raise reading_failed(error, path) from error
        tokenizer: Tokenizer
        if self._by_character:
            tokenizer = CharacterTokenizer.of([text])
        else:
            tokenizer = GPT2Tokenizer(fetch(GPT2_MERGES, request.cache, request.mirror, progress))
        source = {"url": TEXT.url, "bytes": TEXT.size, "sha256": TEXT.sha256}
        return Material([text], tokenizer, source)
