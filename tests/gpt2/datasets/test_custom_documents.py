"""A folder of the user's own as documents."""

import gzip
import json
import os

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.datasets import dataset_folder, open_dataset, prepare, verify
from gpt2.datasets.errors import CORRUPT, MISSING, USAGE, DataError
from gpt2.datasets.parquet import text_bytes
from lib.kconfig import override_layer, read_config_py, render_config_py
from lib.kconfig.store import read_config, save_config


@pytest.fixture
def source(tmp_path):
    """A folder with two parquet files, JSON lines, and a note that is no document."""
    folder = tmp_path / "my texts"
    (folder / "deep").mkdir(parents=True)
    for name, first in (("b.parquet", 100), ("deep/c.parquet", 200)):
        texts = [f"document {number}" for number in range(first, first + 100)]
        pyarrow.parquet.write_table(pyarrow.table({"text": texts}), folder / name)
    lines = "".join(json.dumps({"text": f"document {number}"}) + "\n" for number in range(100))
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "README.md").write_text("not a document")
    return folder


def prepared(source, told=None, tokenizer="bytes", column="text", tokens="0"):
    lines = told if told is not None else []
    options = {"custom_documents": True, "custom_text_column": column, "tokens": tokens}
    data = source.parent / "data"
    prepare("custom", data, "", str(source), tokenizer, lines.append, **options)
    dataset = open_dataset(dataset_folder("custom", data, str(source), tokenizer, **options))
    verify(dataset)
    return dataset


def text_of(dataset):
    """All of it; the validation split is the head."""
    streams = (dataset.validation, dataset.train)
    return b"".join(bytes(stream.window(0, len(stream)).tolist()) for stream in streams).decode()


def refused(source, **options):
    with pytest.raises(DataError) as caught:
        prepared(source, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_files_of_all_kinds_in_the_order_of_their_names(source):
    told = []
    dataset = prepared(source, told)
    assert text_of(dataset) == "".join(f"\ndocument {number}" for number in range(300))
    assert told[0] == f"left out of {source}, of another kind: README.md (14 bytes)"
    size = (source / "a.jsonl.gz").stat().st_size
    assert f"reading as JSON: 1 files, {size:,} bytes" in told
    size = sum(text_bytes(path, "text") for path in source.rglob("*.parquet"))
    size += (source / "a.jsonl.gz").stat().st_size
    assert len(dataset.validation) == size // 10
    assert dataset.manifest.train.bytes == len(dataset.train)


def test_no_file_goes_unsaid(source):
    (source / "empty.jsonl").write_text("")
    (source / ".part-0.parquet.crc").write_text("12")
    (source / "rows.arrow").write_text("123")
    told = []
    prepared(source, told)
    for sentence in (
        "of another kind: README.md (14 bytes), rows.arrow (3 bytes)",
        "hidden: .part-0.parquet.crc (2 bytes)",
        "empty, so nothing of the text: empty.jsonl",
        "reading as JSON: 2 files",
        "reading as parquet: 2 files",
    ):
        assert any(sentence in line for line in told), sentence


def test_a_budget_of_it(source):
    dataset = prepared(source, tokens="1K")
    assert (len(dataset.validation), len(dataset.train)) == (100, 900)
    assert dataset.folder.name.endswith("-1K")


def test_text_files_are_documents_where_there_is_nothing_else(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("a.txt", "b.md"):
        (folder / name).write_text(f"the text of {name} " * 50)
    expected = "".join(f"\n{f'the text of {name} ' * 50}" for name in ("a.txt", "b.md"))
    assert text_of(prepared(folder)) == expected


def test_one_file_of_any_kind(source):
    path = source / "b.parquet"
    assert text_of(prepared(path)).startswith("\ndocument 100\ndocument 101")


@pytest.mark.parametrize(
    "name",
    ["A.NDJSON", "a.json", "a.Json.GZ", "a.jsonl.ZST", "b/C.PARQUET", "b/c.ndjson.gz"],
)
@pytest.mark.parametrize("is_folder", [True, False])
def test_what_a_name_says_in_any_case(tmp_path, name, is_folder):
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True)
    texts = [f"document {number}" for number in range(50)]
    if name.endswith("PARQUET"):
        pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path)
    else:
        data = "".join(json.dumps({"n": 1, "text": text}) + "\n" for text in texts).encode()
        if name.endswith(("gz", "GZ")):
            data = gzip.compress(data)
        if name.endswith("ZST"):
            data = pyarrow.compress(data, codec="zstd", asbytes=True)
        path.write_bytes(data)
    given = tmp_path / "in" if is_folder else path
    assert text_of(prepared(given)) == "".join(f"\n{text}" for text in texts)


@pytest.mark.parametrize("name", ["corpus", "corpus.txt", "corpus.data"])
@pytest.mark.parametrize("content", ['{"text": "a"}\n' * 50, '[{"text": "a"}]', '{\n "text": 1}'])
def test_json_that_is_not_named_so_is_no_text(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    error = refused(path)
    assert error.exit_status == USAGE
    assert f"{path} begins like JSON and is not named so. Rename it to corpus.jsonl" in str(error)


def test_what_describes_a_data_set_is_no_document(source):
    for name in ("dataset_infos.json", "deep/state.json"):
        (source / name).write_text('{"splits": 1}')
    told = []
    assert len(text_of(prepared(source, told))) > 3000
    assert "deep/state.json (13 bytes)" in told[0]


def test_gpt2_has_an_end_of_text_before_each(source, gpt2, real_mirror):
    options = {"custom_documents": True, "custom_text_column": "text", "tokens": "500"}
    data = source.parent / "data"
    prepare("custom", data, real_mirror, str(source), "gpt2", lambda line: None, **options)
    dataset = open_dataset(dataset_folder("custom", data, str(source), "gpt2", **options))
    tokens = [*dataset.validation.window(0, 50), *dataset.train.window(0, 450)]
    expected = [t for n in range(300) for t in (50256, *gpt2.encode(f"document {n}").tolist())]
    assert [int(token) for token in tokens] == expected[:500]


def test_characters_are_not_for_streams(source):
    error = refused(source, tokenizer="char")
    assert error.exit_status == USAGE
    assert "Set it to gpt2 or bytes" in str(error)


def test_another_column_is_asked_for(source):
    error = refused(source, column="content")
    assert error.exit_status == USAGE
    assert "has no column content; it has text" in str(error)


def test_no_documents_and_no_folder_are_told(tmp_path):
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty").exit_status == CORRUPT
    assert refused(tmp_path / "none").exit_status == MISSING


def test_a_changed_source_is_noticed_and_a_touched_one_is_not(source):
    prepared(source)
    os.utime(source / "b.parquet")
    told = []
    prepared(source, told)
    assert told == [], "nothing is done again"
    with gzip.open(source / "a.jsonl.gz", "ab") as file:
        file.write(b'{"text": "more"}\n')
    assert "changed after it was prepared" in str(refused(source))


def test_a_text_that_needs_the_option_says_so(tmp_path, source):
    data = source.parent / "data"
    (source / "README.md").unlink()
    with pytest.raises(DataError, match="set CUSTOM_DOCUMENTS=y"):
        prepare("custom", data, "", str(source), "bytes", lambda line: None)


def test_what_makes_another_text_makes_another_folder(source):
    def name(tokenizer, **options):
        return dataset_folder("custom", source.parent, str(source), tokenizer, **options).name

    streamed = {"custom_documents": True, "custom_text_column": "text", "tokens": "0"}
    names = {
        name("gpt2"),
        name("gpt2", **streamed),
        name("bytes", **streamed),
        name("gpt2", **(streamed | {"custom_text_column": "body"})),
        name("gpt2", **(streamed | {"tokens": "1M"})),
    }
    assert len(names) == 5


@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20))
def test_any_line_comes_back_from_every_file(tmp_path_factory, tree, text):
    """A column of a data set bears whatever name its maker gave it."""
    chosen = [("DATASET", "custom"), ("CUSTOM_DOCUMENTS", "y"), ("CUSTOM_TEXT_COLUMN", text)]
    configuration = tree.resolve([override_layer(chosen)])
    folder = tmp_path_factory.mktemp("line")
    save_config(folder / ".config", configuration, None)
    (folder / "config.py").write_text(render_config_py(configuration.typed(), []))
    configs = (
        configuration.typed(),
        tree.resolve([read_config(folder / ".config")]).typed(),
        read_config_py(folder / "config.py"),
    )
    assert [config["CUSTOM_TEXT_COLUMN"] for config in configs] == [text] * 3
