import hashlib
import os

import pytest

from gpt2.datasets import dataset_folder
from gpt2.datasets.corpus import Request
from gpt2.datasets.custom import Custom
from gpt2.datasets.errors import CORRUPT, IO, MISSING, USAGE, DataError
from gpt2.datasets.manifest import Manifest, Split
from gpt2.datasets.tokenizers import ByteTokenizer


@pytest.fixture
def request_for(tmp_path):
    def make(path, tokenizer="bytes", mirror=""):
        return Request("custom", tmp_path / "data", mirror, str(path), tokenizer)

    return make


def load(request, told=None):
    return Custom().load(request, (told if told is not None else []).append)


def refused(request):
    with pytest.raises(DataError) as caught:
        load(request)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_file_of_any_name(write_text, request_for):
    path = write_text("notes.LOG", "caf\u00e9\r\nend")
    material = load(request_for(path))
    assert material.pieces == ["caf\u00e9\r\nend"], "line ends stay as they are"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert material.source == {"path": str(path), "files": 1, "sha256": digest}


def test_of_a_folder_the_text_files_in_order(write_text, request_for, tmp_path):
    texts = {"b.txt": "2", "a/z.md": "1", "c.py": "3", "a.txt": "0"}
    for name, text in texts.items():
        write_text(f"texts/{name}", text)
    for name in ("x.bin", ".hidden.txt", ".git/config.txt", "a/__pycache__/c.pyc", "README"):
        write_text(f"texts/{name}", b"\xff\0")
    material = load(request_for(tmp_path / "texts"))
    assert material.pieces == ["0", "1", "2", "3"], "a.txt, a/z.md, b.txt, c.py"
    sums = "".join(
        f"{hashlib.sha256(texts[name].encode()).hexdigest()}  {name}\n" for name in sorted(texts)
    )
    assert material.source["sha256"] == hashlib.sha256(sums.encode()).hexdigest()


def test_links_to_files_count_and_links_to_folders_do_not(write_text, request_for, tmp_path):
    target = write_text("elsewhere/a.txt", "linked")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "file.txt").symlink_to(target)
    (tmp_path / "texts" / "folder").symlink_to(target.parent)
    (tmp_path / "texts" / "loop").symlink_to(tmp_path / "texts")
    (tmp_path / "texts" / "dangling.txt").symlink_to("nowhere")
    assert load(request_for(tmp_path / "texts")).pieces == ["linked"]


def test_what_is_left_out_and_what_is_empty_is_said(write_text, request_for, tmp_path):
    for name in ("a.txt", "BIG.TXT"):
        write_text(f"texts/{name}", name)
    write_text("texts/empty.md", "")
    write_text("texts/rows.jsonl", '{"text": "a"}\n')
    told = []
    assert load(request_for(tmp_path / "texts"), told).pieces == ["BIG.TXT", "a.txt", ""]
    assert told == [
        f"left out of {tmp_path / 'texts'}, of another kind: rows.jsonl (14 bytes)",
        "empty, so nothing of the text: empty.md",
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.JSON", "a.ndjson.gz", "a.parquet"])
def test_documents_are_not_read_as_prose(write_text, request_for, name):
    error = refused(request_for(write_text(name, '{"text": "a"}\n')))
    assert error.exit_status == USAGE
    assert "Set CUSTOM_DOCUMENTS=y to read the texts in them" in str(error)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_pipe_is_not_waited_for(tmp_path, is_streamed):
    os.mkfifo(tmp_path / "pipe")
    error = refused(
        Request(
            *("custom", tmp_path, "", str(tmp_path / "pipe"), "bytes"),
            custom_documents=is_streamed,
            custom_text_column="text",
        )
    )
    assert error.exit_status == USAGE
    assert "neither a file nor a folder" in str(error)


@pytest.mark.parametrize("name", ["bytes", "char"])
def test_the_tokenizer_is_the_one_asked_for(write_text, request_for, name):
    path = write_text("a.txt", "some text")
    assert load(request_for(path, name)).tokenizer.info.name == name


def test_gpt2_is_a_tokenizer_too(write_text, request_for, real_mirror):
    path = write_text("a.txt", "some text")
    assert load(request_for(path, "gpt2", real_mirror)).tokenizer.info.name == "gpt2"


def test_an_unknown_tokenizer_is_told(write_text, request_for):
    error = refused(request_for(write_text("a.txt", "text"), "words"))
    assert error.exit_status == USAGE
    assert "CUSTOM_TOKENIZER=words" in str(error)


def test_what_is_not_there_is_named(request_for, tmp_path):
    error = refused(request_for(tmp_path / "none"))
    assert error.exit_status == MISSING
    assert f"CUSTOM_PATH={tmp_path / 'none'} does not exist" in str(error)


@pytest.mark.parametrize("path", [None, ""])
def test_no_path_is_told(tmp_path, path):
    error = refused(Request("custom", tmp_path, "", path, "bytes"))
    assert error.exit_status == USAGE
    assert "CUSTOM_PATH is empty" in str(error)


def test_no_text_is_told(write_text, request_for, tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (write_text("empty.txt", ""), tmp_path / "folder"):
        error = refused(request_for(path))
        assert error.exit_status == CORRUPT
        assert "has no text" in str(error)
    write_text("folder/empty.txt", "")
    assert "has no text" in str(refused(request_for(tmp_path / "folder")))


@pytest.mark.parametrize(
    ("data", "what"), [(b"ab\xffcd", "the byte 0xff at 2"), (b"abc\0d", "a zero byte at 3")]
)
def test_a_binary_file_is_named_with_its_offset(write_text, request_for, data, what):
    path = write_text("texts/deep/a.txt", data)
    for given in (path, path.parent.parent):
        error = refused(request_for(given))
        assert error.exit_status == CORRUPT
        assert f"{path} is not UTF-8 text: it has {what}" in str(error)


def test_what_cannot_be_read_is_named(write_text, request_for, monkeypatch, tmp_path):
    path = write_text("texts/a.txt", "text")

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied", str(tmp_path / "texts"))

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "read_bytes", refuse)
        error = refused(request_for(path))
        assert error.exit_status == IO
        assert f"Cannot read {path}: Permission denied" in str(error)
    monkeypatch.setattr(os, "scandir", refuse)
    assert f"Cannot read {path.parent}: Permission denied" in str(refused(request_for(path.parent)))


def folder_of(path, tokenizer):
    return dataset_folder("custom", path.parent, str(path), tokenizer)


def test_each_text_and_tokenizer_has_its_own_folder(tmp_path):
    one = folder_of(tmp_path / "a", "bytes")
    assert one.name.startswith("custom-")
    assert len(one.name) == len("custom-12345678")
    assert folder_of(tmp_path / "x" / ".." / "a", "bytes").name == one.name
    assert len({one.name, folder_of(tmp_path / "b", "bytes").name}) == 2
    assert len({one.name, folder_of(tmp_path / "a", "char").name}) == 2


def test_a_changed_source_is_noticed_and_a_lost_one_is_not_needed(write_text, request_for, told):
    path = write_text("a.txt", "text")
    request = request_for(path)
    split = Split(2, 2, ())
    source = load(request).source
    manifest = Manifest("custom", ByteTokenizer.info, source, split, split)
    Custom().check(manifest, request, told.append)
    assert told == []
    path.write_text("other")
    with pytest.raises(DataError, match="changed after it was prepared") as caught:
        Custom().check(manifest, request, told.append)
    assert caught.value.exit_status == CORRUPT
    assert str(request.data_dir / Custom().folder_name(request)) in str(caught.value)
    path.unlink()
    Custom().check(manifest, request, told.append)
    assert "is gone" in told[0]
