"""Deleting asks first, deletes what the project made and nothing else, and nothing in use."""

import json
import shutil

import pytest

from gpt2.datasets import CORPORA, prepare
from gpt2.datasets.hub import HubCorpus
from gpt2.datasets.shakespeare import TEXT
from gpt2.datasets.tokenizers import GPT2_MERGES
from gpt2.exchange.published import PUBLISHED
from gpt2.questions.hellaswag import VALIDATION
from lib.claims import claim
from lib.kconfig import render_config_py
from lib.runs import RunDirectory
from scripts import clean
from scripts.matrix import last


@pytest.fixture
def folders(tree, tmp_path, monkeypatch):
    """RESULTS_DIR and DATA_DIR with files of ours and of others, all of them together."""
    results, data = tmp_path / "results", tmp_path / "data"
    config = tree.resolve([]).typed()

    class Places(dict):
        RESULTS_DIR, DATA_DIR, TRACKER_PROJECT = str(results), str(data), None

    monkeypatch.setattr(clean, "_config", lambda: Places())
    monkeypatch.delenv("YES", raising=False)
    run = RunDirectory(results / "runs" / f"a-run-{config.hash[:8]}")
    for name in (
        *("checkpoints/step-000600.pt", "checkpoints.attempt-1/final.pt", "metrics.jsonl"),
        *("hellaswag/lock", "hellaswag/final.json", "trackers/trackio/lock", "train.log.attempt-2"),
        *("export-hf/README.md", "checkpoints/.step-000900.pt.tmp-7", "events.out.tfevents.1.vm.2"),
    ):
        write(run.path / name)
    write(run.path / "wandb" / "run-1" / "files" / "output.log")
    write(run.path / ".config")
    write(run.path / "config.py", render_config_py(config, []))
    matrix = results / "matrices" / "m-12345678"
    write(matrix / "matrix.json", json.dumps({"id": "m-12345678", "runs": []}))
    write(matrix / last.NAME)
    write(matrix / "report" / "report.html")
    write(matrix / last.NAME)
    write(results / "compare.html", "<title>x: bitterbench</title>")
    write(results / "reference" / "a" / "summary.csv")
    text = tmp_path / "a.txt"
    write(text, "some text of it")
    prepare("custom", data, "", str(text), "bytes", lambda line: None)
    return results, data


THEIRS = {
    "results": [
        *("reference/a/summary.csv", "runs/theirs/summary.json", "matrices/x/report.html"),
        *("runs/notes.txt", "trackio/theirs.db", "thesis.tex"),
    ],
    "data": [
        *("custom/novel.txt", "others/manifest.json", "others/train-00000.bin", "cache/theirs"),
        *("notes.txt", "shakespeare/input.txt", "cache/shakespeare/mine.txt", "x/lock"),
    ],
}


def write(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def below(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


@pytest.fixture
def answer(monkeypatch):
    def give(text):
        def read(prompt):
            if text is None:
                raise EOFError
            return text

        monkeypatch.setattr("builtins.input", read)

    return give


@pytest.mark.parametrize("text", ["", "n", "no", None, "yes please"])
def test_anything_but_yes_deletes_nothing(folders, answer, text):
    answer(text)
    before = [below(folder) for folder in folders]
    for what in ("results", "data"):
        assert clean.main([what]) == 1
    assert [below(folder) for folder in folders] == before


@pytest.mark.parametrize("text", ["y", "YES"])
@pytest.mark.parametrize("what", ["results", "data"])
def test_yes_deletes_what_is_ours_and_keeps_what_is_not(folders, answer, what, text):
    results, data = folders
    for name in THEIRS["results"]:
        write(results / name)
    for name in THEIRS["data"]:
        write(data / name)
    answer(text)
    assert clean.main([what]) == 0
    folder = {"results": results, "data": data}[what]
    assert below(folder) == set(THEIRS[what])


def test_what_is_all_ours_leaves_no_folder(folders, monkeypatch):
    results, data = folders
    monkeypatch.setenv("YES", "1")
    for what in ("results", "data"):
        assert clean.main([what]) == 0
        assert clean.main([what]) == 0, "and nothing is to be deleted any more"
    assert [path.name for path in results.iterdir()] == ["reference"]
    assert list(data.iterdir()) == []


def test_a_note_beside_our_files_stays_and_is_named(folders, answer, capsys):
    results, data = folders
    (run,) = (results / "runs").iterdir()
    (dataset,) = data.glob("custom-*")
    for path in (run / "note.md", run / "checkpoints" / "mine.pt", dataset / "novel.txt"):
        write(path)
    answer("y")
    for what in ("results", "data"):
        assert clean.main([what]) == 0
    assert below(run) == {"note.md", "checkpoints/mine.pt"}
    assert below(dataset) == {"novel.txt"}
    told = capsys.readouterr().out
    assert f"{dataset.name}: novel.txt STAY, not made here" in told


def test_the_question_names_what_and_how_much(folders, capsys, monkeypatch):
    _, data = folders
    asked = []
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or "n")
    clean.main(["data"])
    (dataset,) = data.glob("custom-*")
    told = capsys.readouterr().out
    assert f"In {data}:\n  cache: 1 files, " in told
    assert f"  {dataset.name}: 3 files, " in told
    assert asked[0].startswith("Delete these 4 files (")


@pytest.mark.parametrize("name", ["train-00000.bin", "manifest.json"])
def test_a_shard_of_others_stays_and_a_torn_preparation_goes(folders, monkeypatch, name):
    """The magic of the shards tells, where there is no manifest, or beside one."""
    _, data = folders
    monkeypatch.setenv("YES", "1")
    (dataset,) = data.glob("custom-*")
    write(dataset / name, "of another program")
    assert clean.main(["data"]) == 0
    assert below(data) == ({f"{dataset.name}/{name}"} if name.endswith("bin") else set())


def test_links_go_and_what_they_point_to_stays(folders, monkeypatch, tmp_path):
    results, data = folders
    monkeypatch.setenv("YES", "1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for place in (*(results / "runs").iterdir(), *data.glob("custom-*"), data / "cache"):
        shutil.move(place, elsewhere / place.name)
        place.symlink_to(elsewhere / place.name)
    (data / "custom").symlink_to(elsewhere)
    before = below(elsewhere)
    for what in ("results", "data"):
        assert clean.main([what]) == 0
    assert below(elsewhere) == before
    assert [path.name for path in data.iterdir()] == ["custom"]
    assert not (results / "runs").exists()


def test_a_link_in_the_place_of_all_runs(folders, monkeypatch, tmp_path):
    results, _ = folders
    monkeypatch.setenv("YES", "1")
    shutil.move(results / "runs", tmp_path / "disk")
    (results / "runs").symlink_to(tmp_path / "disk")
    before = below(tmp_path / "disk")
    assert clean.main(["results"]) == 0
    assert below(tmp_path / "disk") == before
    assert not (results / "runs").is_symlink()


def test_a_copy_under_another_name_is_not_ours(folders, monkeypatch):
    _, data = folders
    monkeypatch.setenv("YES", "1")
    (dataset,) = data.glob("custom-*")
    shutil.copytree(dataset, data / "my-backup")
    assert clean.main(["data"]) == 0
    assert {path.split("/")[0] for path in below(data)} == {"my-backup"}


def test_every_download_of_ours_is_known(tmp_path, monkeypatch, folders):
    """A new one must be told to gpt2/datasets/made.py."""
    _, data = folders
    published = [
        f"{corpus_name}/{remote.path}"
        for corpus_name, corpus in CORPORA.items()
        if isinstance(corpus, HubCorpus)
        for remote in corpus.published.files
    ]
    weights = [f"{entry.repository}/model.safetensors" for entry in PUBLISHED.values()]
    resources = [GPT2_MERGES, TEXT, VALIDATION]
    for name in (*published, *weights, *(resource.mirror_path for resource in resources)):
        write(data / "cache" / name)
        write(data / "cache" / f"{name}.part")
    for name in ("inductor/ab/cab.py", "parquet-x1_y2z3a/downloads/x"):
        write(data / "cache" / name)
    monkeypatch.setenv("YES", "1")
    assert clean.main(["data"]) == 0
    assert below(data) == set()


def test_a_run_in_use_stays(folders, monkeypatch):
    results, data = folders
    monkeypatch.setenv("YES", "1")
    (run,) = (results / "runs").iterdir()
    places = [("results", run), ("results", run / "hellaswag"), ("data", data / "cache")]
    for what, folder in places:
        with claim(folder), pytest.raises(ValueError, match="is in use"):
            clean.main([what])
    assert (run / "metrics.jsonl").is_file()


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="usage"):
        clean.main(["everything"])


def test_it_knows_the_places_of_the_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "none"))
    config = clean._config()
    assert (config.DATA_DIR, config.RESULTS_DIR) == ("data", "results")


def test_without_a_configuration_the_command_line_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("BITTERBENCH_OVERRIDES", "DATA_DIR")
    monkeypatch.setenv("BITTERBENCH_GIVEN_DATA_DIR", str(tmp_path / "data"))
    (folder, _) = clean._found("data", clean._config())
    assert folder == tmp_path / "data"
