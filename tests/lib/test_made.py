"""What fits goes, what does not stays, and a link is a link."""

import pytest

from lib.made import made_at

PATTERNS = ("a.txt", "deep/*.bin", "empty/x")


def always(path):
    return True


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "place"
    for name in ("a.txt", "deep/1.bin", "deep/er/2.bin", "deep/note", "b.txt", "mine/a.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("12345")
    (folder / "empty").mkdir()
    (folder / "theirs").mkdir()
    return folder


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_only_what_fits_goes_and_folders_that_are_empty_then(place):
    made = made_at(place, PATTERNS, always)
    assert made.size == 15
    assert {path.relative_to(place).as_posix() for path in made.foreign} == {
        *("deep/note", "b.txt", "mine/a.txt")
    }
    made.delete()
    assert names(place) == {"deep", "deep/note", "b.txt", "mine", "mine/a.txt", "theirs"}


def test_a_place_that_is_all_ours_goes(place):
    for name in ("deep/note", "b.txt", "mine/a.txt"):
        (place / name).unlink()
    for name in ("mine", "theirs"):
        (place / name).rmdir()
    made_at(place, PATTERNS, always).delete()
    assert not place.exists()


def test_a_link_goes_and_never_what_it_points_to(place, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1.bin").write_text("theirs")
    (place / "deep" / "linked.bin").symlink_to(outside / "1.bin")
    (place / "deep" / "folder").symlink_to(outside)
    (place / "deep" / "folder.bin").symlink_to(outside)
    made_at(place, PATTERNS, always).delete()
    assert names(place / "deep") == {"note", "folder"}
    assert (outside / "1.bin").read_text() == "theirs"
    (tmp_path / "link").symlink_to(outside)
    made_at(tmp_path / "link", PATTERNS, always).delete()
    assert names(outside) == {"1.bin"}
    assert not (tmp_path / "link").is_symlink()


def test_a_name_that_others_use_as_well_is_asked_for(place):
    made_at(place, PATTERNS, lambda path: path.name == "1.bin").delete()
    assert {"a.txt", "deep/er/2.bin"} < names(place)
    assert "deep/1.bin" not in names(place)
