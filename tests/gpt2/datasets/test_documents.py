"""Files in a row and pieces of texts, from any position."""

import pyarrow
import pyarrow.parquet

from gpt2.datasets import documents
from gpt2.datasets.documents import Chunk, Pieces
from gpt2.datasets.files import FileDocuments, LocalFile
from tests.gpt2.datasets.reading import check_positions, write_lines, write_parquet


def test_files_follow_one_another_whatever_their_kind(tmp_path):
    paths = [
        write_parquet(tmp_path / "a.parquet", ["1", "2"]),
        write_lines(tmp_path / "b.jsonl.gz", [{"text": "3"}]),
        tmp_path / "c.txt",
        write_parquet(tmp_path / "d.parquet", pyarrow.array([], pyarrow.string())),
        write_lines(tmp_path / "e.jsonl", [{"text": "5"}]),
    ]
    paths[2].write_text("4")
    source = FileDocuments([LocalFile(path) for path in paths], "text", tmp_path / "cache")
    chunks = check_positions(source.chunks, ["1", "2", "3", "4", "5"])
    assert [chunk.position[0] for chunk in chunks if chunk.texts] == [0, 1, 2, 4]
    assert [chunk.position[0] for chunk in chunks if not chunk.texts] == [1, 2, 3, 4]


class Counted:
    def __init__(self, path):
        self.path, self.uses, self.releases = path, 0, 0

    def local(self):
        self.uses += 1
        return self.path

    def release(self):
        self.releases += 1


def test_a_file_is_had_when_it_is_its_turn_and_let_go_behind(tmp_path):
    files = [Counted(write_parquet(tmp_path / f"{n}.parquet", [str(n)])) for n in range(4)]
    source = FileDocuments(files, "text", tmp_path)
    walk = source.chunks(None)
    next(walk)
    assert next(walk) == Chunk([1, None], [], [])
    assert [file.uses for file in files] == [1, 0, 0, 0]
    assert next(walk).texts == ["1"]
    source.release([2, None])
    assert [file.releases for file in files] == [1, 1, 0, 0]
    source.release([2, None])
    source.release(None)
    assert [file.releases for file in files] == [1, 1, 1, 1]


def test_pieces_have_a_separator_between_them():
    chunks = check_positions(Pieces(["a", "b", "c"]).chunks, ["a", "b", "c"])
    assert [chunk.begins for chunk in chunks] == [[False], [True], [True]]


def test_a_chunk_is_worth_a_thread():
    assert documents.CHUNK_CHARACTERS >= 1 << 16
