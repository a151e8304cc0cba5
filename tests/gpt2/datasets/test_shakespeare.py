import pytest

from gpt2.datasets.corpus import Request
from gpt2.datasets.errors import IO, DataError
from gpt2.datasets.shakespeare import TEXT, Shakespeare


def request_of(tmp_path, mirror):
    return Request("shakespeare", tmp_path, mirror, None, None)


@pytest.mark.parametrize("by_character", [False, True])
def test_the_text_is_the_pinned_one(tmp_path, real_mirror, by_character):
    request = request_of(tmp_path, real_mirror)
    material = Shakespeare(by_character).load(request, lambda line: None)
    assert material.pieces[0].startswith("First Citizen:\nBefore we proceed")
    assert len(material.pieces) == 1
    assert material.source == {"url": TEXT.url, "bytes": 1_115_394, "sha256": TEXT.sha256}
    assert material.tokenizer.info.vocab_size == (65 if by_character else 50_257)


def test_characters_need_no_vocabulary_file(tmp_path, real_mirror):
    Shakespeare(by_character=True).load(request_of(tmp_path, real_mirror), lambda line: None)
    assert not (tmp_path / "cache" / "tiktoken").exists()


def test_an_unreadable_cache_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("gpt2.datasets.shakespeare.fetch", lambda *arguments: tmp_path)
    with pytest.raises(DataError, match="Cannot read") as caught:
        Shakespeare(by_character=True).load(request_of(tmp_path, ""), lambda line: None)
    assert caught.value.exit_status == IO
