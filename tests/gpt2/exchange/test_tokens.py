"""The tokenizer's files against the published ones, and transformers with them against ours."""

import hashlib
import json
from pathlib import Path

import pytest

from gpt2.datasets.download import fetch
from gpt2.datasets.tokenizers import GPT2_MERGES, GPT2Tokenizer
from gpt2.exchange.tokens import tokenizer_files

# Of encoder.json, as tiktoken names it: what OpenAI published as the vocabulary.
ENCODER = "tiktoken/6c7ea1a7e38e3a7f062df639a5b80947f075ffe6"
ENCODER_SHA256 = "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"


@pytest.fixture(scope="module")
def merges(merges_mirror, tmp_path_factory):
    return fetch(GPT2_MERGES, tmp_path_factory.mktemp("cache"), merges_mirror, print)


def test_the_vocabulary_is_the_published_one(merges, merges_mirror):
    """The same bytes: its digest is that of vocab.json in every repository of GPT-2."""
    text = tokenizer_files(merges, 1024)["vocab.json"]
    assert hashlib.sha256(text.encode()).hexdigest() == ENCODER_SHA256
    encoder = Path(merges_mirror) / ENCODER
    if encoder.is_file():
        assert json.loads(text) == json.loads(encoder.read_text())


def test_transformers_encodes_as_we_do(merges, real_mirror, tmp_path):
    transformers = pytest.importorskip("transformers")
    for name, text in tokenizer_files(merges, 1024).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = GPT2Tokenizer(merges)
    assert len(theirs) == ours.info.vocab_size
    assert (theirs.bos_token_id, theirs.eos_token_id) == (50256, 50256)
    assert theirs.model_max_length == 1024
    text = (Path(real_mirror) / "shakespeare" / "input.txt").read_text()[:200_000]
    odd = "  two  blanks\n\n\ttabs\r\n it's we'LL 1234567 \u00e9\u4e2d\u6587\U0001f600 \u00a0 .,;  "
    for one in (text, odd, "", " ", "\n", "a" * 999, Path(__file__).read_text()):
        tokens = theirs(one, truncation=False, verbose=False)["input_ids"]
        assert tokens == ours.encode(one).tolist()
        assert theirs.decode(tokens) == one
