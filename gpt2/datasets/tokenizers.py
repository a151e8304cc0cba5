"""Three ways to turn text into tokens below 65,536: bytes, characters, GPT-2's BPE.

GPT-2's vocabulary is built from its published merge list: tokens 0-255 are the single bytes, each
merge adds one token, and 50256 ends a text. The published encoder.json lists the same numbers, so
it is not needed. tiktoken does the encoding; it is given the vocabulary and so never looks for it
on the network.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from gpt2.datasets.download import Progress, Resource, fetch
from gpt2.datasets.errors import CORRUPT, USAGE, DataError
from gpt2.datasets.manifest import TokenizerInfo
from gpt2.datasets.shards import MAX_VOCABULARY, TOKEN, Tokens

GPT2_EOT = 50256

# Radford et al. 2019 split text with this pattern before merging; possessive quantifiers, which
# find the same pieces, keep the search linear on long runs of blanks.
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"

# The engine that searches with it keeps a place on its stack for each character of a run of blanks
# that something follows, and has room for a million. Such a run is cut before its last character,
# which is where the pattern cuts it: what comes before is a piece of its own, also where it ends
# the text. So the tokens are those of the whole. `\s` of that engine is the property White_Space;
# Python's has four more characters.
LONGEST_RUN = 400_000
_BLANKS = "".join(map(chr, (*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B))))
_BLANKS += "\u2028\u2029\u202f\u205f\u3000"
_REST_OF_RUN = re.compile(f"[{_BLANKS}]*+")

# The name in a mirror is the one that tiktoken gives the file in its own cache: SHA-1 of the URL.
GPT2_MERGES = Resource(
    url="https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/vocab.bpe",
    size=456_318,
    sha256="1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    mirror_path="tiktoken/6d1cbeee0f20b3d9449abfede4726ed8212e3aee",
)


class Tokenizer(Protocol):
    """What the preparation asks of a tokenizer. `encode` may be called from several threads.

    `count_bytes` is the size in UTF-8 of the text that tokens stand for, 0 for an end of text; of
    a text in parts it is the sum of the parts, also where one ends inside a character.
    """

    info: TokenizerInfo
    # What stands between two files: text of that many UTF-8 bytes, as tokens.
    separator_bytes: int

    def separator(self) -> Tokens: ...
    def encode(self, text: str) -> Tokens: ...
    def count_bytes(self, tokens_N: Tokens) -> int: ...
    def decode(self, tokens_N: Tokens) -> str: ...


class ByteTokenizer:
    """Token = byte of the UTF-8 text. Files are separated by a newline."""

    info = TokenizerInfo(name="bytes", vocab_size=256, eot=None)
    separator_bytes = 1

    def separator(self) -> Tokens:
        return self.encode("\n")

    def encode(self, text: str) -> Tokens:
        return np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(TOKEN)

    def count_bytes(self, tokens_N: Tokens) -> int:
        return int(np.count_nonzero(tokens_N < 256))

    def decode(self, tokens_N: Tokens) -> str:
        return tokens_N.astype(np.uint8).tobytes().decode("utf-8", errors="replace")


class CharacterTokenizer:
    """Token = rank of the character among those of the text. Files are separated by a newline."""

    separator_bytes = 1

    def __init__(self, characters: str) -> None:
        """`characters`: all that may occur, sorted, each once."""
        assert list(characters) == sorted(set(characters)), "characters must be sorted and unique"
        if len(characters) > MAX_VOCABULARY:
            raise DataError(
                f"The text has {len(characters):,} different characters; {MAX_VOCABULARY:,} is "
                "the most. Choose CUSTOM_TOKENIZER=bytes or gpt2.",
                USAGE,
            )
        self.info = TokenizerInfo(
            name="char", vocab_size=len(characters), eot=None, characters=characters
        )
        self._codes = _code_points(characters)
        self._sizes = np.array([len(character.encode("utf-8")) for character in characters])

    @classmethod
    def of(cls, pieces: list[str]) -> "CharacterTokenizer":
        """The tokenizer of a text that is given in pieces."""
        characters = set().union(*pieces) | ({"\n"} if len(pieces) > 1 else set())
        return cls("".join(sorted(characters)))

    def separator(self) -> Tokens:
        return self.encode("\n")

    def encode(self, text: str) -> Tokens:
        """Raises DataError for a character that has no token, which would else become another."""
        codes = _code_points(text)
        if not np.isin(codes, self._codes).all():
            unknown = sorted(set(text) - set(self.info.characters or ""))
            raise DataError(
                f"The text has {' '.join(map(repr, unknown[:10]))}, which is none of the "
                f"{self.info.vocab_size} characters of this dataset. Leave it out.",
                USAGE,
            )
        return np.searchsorted(self._codes, codes).astype(TOKEN)

    def count_bytes(self, tokens_N: Tokens) -> int:
        return int(self._sizes[tokens_N].sum())

    def decode(self, tokens_N: Tokens) -> str:
        return self._codes[tokens_N].tobytes().decode("utf-32-le")


class GPT2Tokenizer:
    """GPT-2's byte-pair encoding, 50,257 tokens. Files are separated by <|endoftext|>.

    The same characters inside a text are ordinary text.
    """

    info = TokenizerInfo(name="gpt2", vocab_size=GPT2_EOT + 1, eot=GPT2_EOT)
    separator_bytes = 0

    def __init__(self, merges: Path) -> None:
        """`merges`: the file GPT2_MERGES. Raises DataError if tiktoken is not installed."""
        try:
            import tiktoken
        except ImportError as error:
            raise DataError(
                f"The gpt2 tokenizer needs the package tiktoken ({error}). Run `make setup`, or "
                "choose a dataset or tokenizer without BPE.",
                USAGE,
            ) from error
        ranks = read_merges(merges)
        self._encoding = tiktoken.Encoding(
            name="gpt2",
            explicit_n_vocab=self.info.vocab_size,
            pat_str=GPT2_PATTERN,
            mergeable_ranks=ranks,
            special_tokens={"<|endoftext|>": GPT2_EOT},
        )
        self._sizes = np.zeros(self.info.vocab_size, dtype=np.int64)
        self._sizes[list(ranks.values())] = [len(token) for token in ranks]

    def separator(self) -> Tokens:
        return np.array([GPT2_EOT], dtype=TOKEN)

    def encode(self, text: str) -> Tokens:
        # No list of Python's numbers in between, which would hold up the other threads.
        parts = [
            self._encoding.encode_to_numpy(part, disallowed_special=()).astype(TOKEN)
            for part in parts_between_runs(text)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def count_bytes(self, tokens_N: Tokens) -> int:
        return int(self._sizes[tokens_N].sum())

    def decode(self, tokens_N: Tokens) -> str:
        return self._encoding.decode(tokens_N.tolist())


def parts_between_runs(text: str) -> Iterator[str]:
    """The text in parts whose tokens are the tokens of the whole, with no long run of blanks that
    something follows; at least one part."""
    begin = end = 0
    # A run of that length has one of these places, so no other is looked at.
    for place in range(LONGEST_RUN - 1, len(text), LONGEST_RUN):
        if place < end or text[place] not in _BLANKS:
            continue
        before = text[max(place - LONGEST_RUN, 0) : place]
        start = place - len(before) + len(before.rstrip(_BLANKS))
        rest = _REST_OF_RUN.match(text, place)
        assert rest is not None
        end = rest.end()
        if end - start >= LONGEST_RUN and end < len(text):
            yield text[begin:start]
            yield text[start : end - 1]
            begin = end - 1
    yield text[begin:]


def tokenizer_of(info: TokenizerInfo, cache: Path, mirror: str, progress: Progress) -> Tokenizer:
    """The tokenizer that a manifest names; GPT-2's merges are fetched into `cache` if need be.

    Raises DataError.
    """
    if info.name == "bytes":
        return ByteTokenizer()
    if info.name == "gpt2":
        return GPT2Tokenizer(fetch(GPT2_MERGES, cache, mirror, progress))
    if info.name == "char" and info.characters is not None:
        return CharacterTokenizer(info.characters)
    raise DataError(f"There is no tokenizer {info.name}. Prepare the dataset again.", CORRUPT)


def byte_characters() -> dict[str, int]:
    """How GPT-2's files write a byte, in the order of their tokens: bytes that do not print are
    characters from U+0100 on, in the order of the bytes."""
    printing = [byte for byte in range(256) if chr(byte).isprintable() and byte != ord(" ")]
    others = [byte for byte in range(256) if byte not in printing]
    byte_of = {chr(byte): byte for byte in printing}
    return byte_of | {chr(256 + rank): byte for rank, byte in enumerate(others)}


def read_merges(path: Path) -> dict[bytes, int]:
    """Token bytes -> token, from a merge list in GPT-2's format.

    A line "A B" says that tokens A and B become one. Raises DataError if a line is none.
    """
    byte_of = byte_characters()
    ranks = {bytes([byte]): rank for rank, byte in enumerate(byte_of.values())}
    # The first line is a version, and the text ends with a newline.
    for line in path.read_text(encoding="utf-8").split("\n")[1:-1]:
        try:
            token = bytes(byte_of[character] for character in line.replace(" ", "", 1))
        except KeyError as error:
            raise DataError(
                f"{path} is not a merge list: {line!r} has {error}. Remove it and prepare again.",
                CORRUPT,
            ) from error
        ranks[token] = len(ranks)
    return ranks


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
