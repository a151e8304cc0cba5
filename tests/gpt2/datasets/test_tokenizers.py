import builtins
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.datasets import tokenizers
from gpt2.datasets.errors import CORRUPT, USAGE, DataError
from gpt2.datasets.manifest import TokenizerInfo
from gpt2.datasets.tokenizers import (
    GPT2_EOT,
    GPT2_PATTERN,
    ByteTokenizer,
    CharacterTokenizer,
    GPT2Tokenizer,
    parts_between_runs,
    read_merges,
    tokenizer_of,
)

TRAPS = "I'll say: don't  \n\n\t caf\u00e9 \u4f60\u597d \U0001f600 12345 <|endoftext|> x" + " " * 50


@settings(deadline=None)
@given(st.text())
def test_bytes_are_utf8(text):
    tokenizer = ByteTokenizer()
    tokens = tokenizer.encode(text)
    assert tokens.dtype == np.uint16
    assert tokens.tolist() == list(text.encode())
    assert tokenizer.decode(tokens) == text


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1))
def test_characters_are_ranks_among_those_of_the_text(pieces):
    tokenizer = CharacterTokenizer.of(pieces)
    characters = tokenizer.info.characters
    assert characters is not None
    assert tokenizer.info.vocab_size == len(characters)
    for piece in pieces:
        tokens = tokenizer.encode(piece)
        assert tokens.dtype == np.uint16
        assert [characters[token] for token in tokens] == list(piece)
        assert tokenizer.decode(tokens) == piece


def test_a_text_of_several_pieces_has_the_separator():
    tokenizer = CharacterTokenizer.of(["b", "a"])
    assert tokenizer.info.characters == "\nab"
    assert tokenizer.separator().tolist() == [0]
    assert CharacterTokenizer.of(["b"]).info.characters == "b"


def test_too_many_characters_are_refused():
    # All of Unicode but the surrogates, which no text contains.
    codes = [*range(0xD800), *range(0xE000, 0x12000)]
    with pytest.raises(DataError, match="CUSTOM_TOKENIZER=bytes") as caught:
        CharacterTokenizer.of(["".join(map(chr, codes))])
    assert caught.value.exit_status == USAGE


def test_gpt2_equals_tiktoken(gpt2, real_mirror, monkeypatch):
    tiktoken = pytest.importorskip("tiktoken")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", f"{real_mirror}/tiktoken")
    reference = tiktoken.get_encoding("gpt2")
    assert gpt2._encoding._mergeable_ranks == reference._mergeable_ranks
    assert gpt2._encoding._special_tokens == reference._special_tokens
    assert gpt2.encode(TRAPS).tolist() == reference.encode_ordinary(TRAPS)
    assert gpt2.info.vocab_size == reference.n_vocab
    assert gpt2.separator().tolist() == [reference.eot_token] == [GPT2_EOT]


@settings(max_examples=50, deadline=None)
@given(text=st.text())
def test_gpt2_decodes_what_it_encodes(gpt2, text):
    tokens = gpt2.encode(text)
    assert tokens.dtype == np.uint16
    assert gpt2.decode(tokens) == text


@settings(max_examples=50, deadline=None)
@given(text=st.text(), data=st.data())
def test_bytes_are_counted_by_the_tokens(gpt2, text, data):
    for tokenizer in (gpt2, ByteTokenizer(), CharacterTokenizer.of([text, "\n"])):
        tokens = tokenizer.encode(text)
        cut = data.draw(st.integers(0, tokens.size))
        parts = [tokenizer.count_bytes(part) for part in (tokens[:cut], tokens[cut:])]
        assert sum(parts) == len(text.encode())
        assert tokenizer.count_bytes(tokenizer.separator()) == tokenizer.separator_bytes


def test_gpt2_takes_the_end_mark_in_a_text_for_text(gpt2):
    assert GPT2_EOT not in gpt2.encode("a<|endoftext|>b").tolist()


def test_merges_are_numbered_after_the_bytes(tmp_path):
    path = tmp_path / "merges"
    path.write_text("#version: 0.2\na b\nab \u0120\n", encoding="utf-8")
    ranks = read_merges(path)
    assert len(ranks) == 258
    assert sorted(ranks.values()) == list(range(258))
    assert ranks[b"!"] == 0
    assert ranks[b"ab"] == 256
    assert ranks[b"ab "] == 257, "U+0120 stands for a blank"


def test_a_file_that_is_no_merge_list_is_named(tmp_path):
    path = tmp_path / "merges"
    path.write_text("#version: 0.2\n\u4f60 b\n", encoding="utf-8")
    with pytest.raises(DataError, match="is not a merge list") as caught:
        read_merges(path)
    assert caught.value.exit_status == CORRUPT


def test_a_missing_tiktoken_names_the_remedy(tmp_path, monkeypatch):
    real_import = builtins.__import__

    def refuse(name, *arguments, **keywords):
        if name == "tiktoken":
            raise ModuleNotFoundError("No module named 'tiktoken'", name="tiktoken")
        return real_import(name, *arguments, **keywords)

    monkeypatch.delitem(sys.modules, "tiktoken", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DataError, match="make setup") as caught:
        GPT2Tokenizer(tmp_path / "merges")
    assert caught.value.exit_status == USAGE


def test_bytes_that_are_no_text_are_shown_when_decoded():
    tokenizer = ByteTokenizer()
    cut = tokenizer.encode("caf\u00e9")[:-1]
    assert tokenizer.decode(cut) == "caf\ufffd"
    assert tokenizer.decode(np.array([0xFF, ord("a")], dtype=np.uint16)) == "\ufffda"


def test_gpt2_shows_half_a_character_when_decoded(gpt2):
    assert gpt2.decode(gpt2.encode("\U0001f600")[:1]) == "\ufffd"


def test_a_character_without_a_token_is_named():
    tokenizer = CharacterTokenizer.of(["hello"])
    for text, named in (("help", "'p'"), ("~", "'~'"), ("\u00e9h!", "'!' '\u00e9'")):
        with pytest.raises(DataError, match="none of the 4 characters") as caught:
            tokenizer.encode(text)
        assert f"has {named}," in str(caught.value)
        assert caught.value.exit_status == USAGE
    assert tokenizer.encode("").tolist() == []


@pytest.mark.parametrize("tokenizer", [ByteTokenizer(), CharacterTokenizer("abc")])
def test_a_manifest_s_tokenizer_is_made_again(tokenizer, tmp_path):
    again = tokenizer_of(tokenizer.info, tmp_path, "/none", print)
    assert again.info == tokenizer.info
    assert again.decode(again.encode("abcab")) == "abcab"


def test_gpt2_is_made_from_the_cache_or_the_mirror(real_mirror, tmp_path):
    made = tokenizer_of(GPT2Tokenizer.info, tmp_path, real_mirror, lambda line: None)
    assert made.decode(made.encode("Hello, world")) == "Hello, world"
    again = tokenizer_of(GPT2Tokenizer.info, tmp_path, "/none", lambda line: None)
    assert again.info == made.info


@pytest.mark.parametrize("name", ["char", "sentencepiece"])
def test_an_unknown_tokenizer_is_refused(name, tmp_path):
    with pytest.raises(DataError, match=f"no tokenizer {name}"):
        tokenizer_of(TokenizerInfo(name, 5, None), tmp_path, "/none", print)


# U+001C to U+001F are blanks to Python and not to tiktoken's engine.
blank_runs = st.lists(
    st.one_of(
        st.sampled_from(["a", "'s", "1", ".", "\x1c", "\x1f", "\u4f60"]),
        st.text(" \n\t\u00a0\u3000\u0085\u2028\x1c", min_size=1, max_size=12),
    ),
    max_size=12,
).map("".join)


@pytest.fixture(scope="module")
def engine():
    """tiktoken itself with GPT-2's pattern, and merges that show where it cuts."""
    import tiktoken

    merges = [*(bytes([byte]) for byte in range(256)), b"  ", b"    ", b"\n\n", b" \n", b" a"]
    merges += [
        b"\n ",
        b"\t\t",
        b" .",
        b"\x1c ",
        b" \x1c",
        b"\xe3\x80",
        b"\xe3\x80\x80",
        b"\xc2\xa0",
    ]
    ranks = {token: rank for rank, token in enumerate(merges)}
    return tiktoken.Encoding("t", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={})


@settings(deadline=None, max_examples=300)
@given(blank_runs, st.integers(1, 6))
def test_parts_between_long_runs_of_blanks_have_the_tokens_of_the_whole(engine, text, longest):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizers, "LONGEST_RUN", longest)
        parts = list(parts_between_runs(text))
    assert "".join(parts) == text
    found = [token for part in parts for token in engine.encode_ordinary(part)]
    assert found == engine.encode_ordinary(text)
    blanks = tokenizers._BLANKS
    assert all(part.rstrip(blanks) == "" or not _has_run(part, longest + 1) for part in parts)


def _has_run(text, length):
    """Whether blanks, so many and more, stand before something else."""
    stripped = text.rstrip(tokenizers._BLANKS)
    run = 0
    for character in stripped:
        run = run + 1 if character in tokenizers._BLANKS else 0
        if run >= length:
            return True
    return False


def test_the_blanks_are_those_of_the_engine(engine):
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)}
    only = tiktoken.Encoding("b", pat_str=r"\s", mergeable_ranks=ranks, special_tokens={})
    found = [chr(code) for code in range(0x3100) if only.encode_ordinary(chr(code))]
    assert "".join(found) == tokenizers._BLANKS


@pytest.mark.parametrize("run", [" ", "\n", " \n", "\u3000"])
def test_a_run_that_the_engine_has_no_room_for(engine, run):
    text = f"some text{run * 1_100_000}and the rest"
    with pytest.raises(ValueError, match="stack"):
        engine.encode(text, disallowed_special=())
    parts = list(parts_between_runs(text))
    assert "".join(engine.decode(engine.encode_ordinary(part)) for part in parts) == text
