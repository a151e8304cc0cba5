"""What of a folder counts, and what is said of the rest."""

import os

import pytest

from gpt2.datasets.folders import HIDDEN, IRREGULAR, LINKED, OTHER, left_out_lines, look

SUFFIXES = (".txt", ".md")


@pytest.fixture
def folder(tmp_path, write_text):
    """A folder with what people have in theirs."""
    for name in ("small.txt", "BIG.TXT", "deep/er/Note.Md"):
        write_text(f"texts/{name}", "text")
    for name in ("README", "data.csv", "a.txt.gz", "a.txt~", "txt"):
        write_text(f"texts/{name}", "x" * len(name))
    for name in (".hidden.txt", ".git/objects/a.txt"):
        write_text(f"texts/{name}", "1234567")
    outside = write_text("outside/a.txt", "linked")
    texts = tmp_path / "texts"
    (texts / "link.txt").symlink_to(outside)
    (texts / "linked").symlink_to(outside.parent)
    (texts / "nowhere.txt").symlink_to("none")
    os.mkfifo(texts / "pipe.txt")
    return texts


def test_every_file_counts_or_is_left_out_for_a_reason(folder):
    found = look(folder, SUFFIXES)
    assert found.files == ["BIG.TXT", "deep/er/Note.Md", "link.txt", "small.txt"]
    assert found.left_out == {
        HIDDEN: {".hidden.txt": 7, ".git/": 7},
        LINKED: {"linked/": None},
        IRREGULAR: {"nowhere.txt": None, "pipe.txt": None},
        OTHER: {"README": 6, "data.csv": 8, "a.txt.gz": 8, "a.txt~": 6, "txt": 3},
    }


def test_what_is_left_out_is_said_by_name_and_bytes(folder):
    lines = left_out_lines(folder, look(folder, SUFFIXES))
    assert f"left out of {folder}, behind a link: linked/" in lines
    other = next(line for line in lines if OTHER in line)
    assert "a.txt.gz (8 bytes), data.csv (8 bytes), README (6 bytes)" in other, "the largest first"
    assert other.endswith("31 bytes in all")


def test_names_of_thousands_and_names_that_move_a_cursor(tmp_path, write_text):
    for number in range(50):
        write_text(f"texts/{number}.bin", "x")
    write_text("texts/a\x1b[2J\n.bin", "12")
    (line,) = left_out_lines(tmp_path / "texts", look(tmp_path / "texts", SUFFIXES))
    assert "and 45 more; 52 bytes in all" in line
    assert line.isprintable()


def test_a_folder_whose_files_all_count_is_not_talked_about(tmp_path, write_text):
    write_text("texts/a.txt", "x")
    assert left_out_lines(tmp_path / "texts", look(tmp_path / "texts", SUFFIXES)) == []
