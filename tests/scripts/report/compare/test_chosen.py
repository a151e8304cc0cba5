import json
import os

import pytest

from lib.claims import claim
from scripts.report.compare.chosen import choose


@pytest.fixture
def four(results, spec):
    """The folders of four ended runs; the later the seed, the earlier it ended."""
    specs = [spec(seed=seed, status="failed" if seed == 2 else "done") for seed in (1, 2, 3, 4)]
    for item in specs:
        end = f"2026-11-2{9 - item.seed}T10:00:00Z"
        item.provenance = {"attempts": [{"start": end, "end": end, "cause": "done"}]}
    return [results.run(item) for item in specs]


def chosen(results, runs=None, latest=None):
    return [run.path for run in choose(runs, latest, results.root)]


def test_runs_by_folder_name_and_part_in_the_order_of_the_command(results, four):
    names = f"s3- {four[0]} {four[1].name}"
    assert chosen(results, names) == [four[2], four[0], four[1]]


def test_runs_of_another_results_folder(results, four, tmp_path):
    elsewhere = tmp_path / "elsewhere" / four[0].name
    elsewhere.parent.mkdir()
    four[0].rename(elsewhere)
    assert chosen(results, f"{elsewhere} s2-") == [elsewhere, four[1]]


def test_the_latest_are_those_that_ended_last_oldest_first(results, four):
    assert chosen(results, latest="3") == [four[2], four[1], four[0]]
    assert chosen(results, latest="1") == [four[0]]
    assert len(chosen(results, latest="99")) == 4


def test_without_a_recorded_end_the_time_of_the_summary_counts(results, four):
    for folder in four:
        (folder / "run.json").write_text("[]")
        os.utime(folder / "summary.json", (0, 0))
    os.utime(four[3] / "summary.json", (9e8, 9e8))
    assert chosen(results, latest="2") == [four[2], four[3]]


def test_the_latest_are_ended_runs_only(results, four, spec):
    results.run(spec(seed=5, status=None))
    torn = results.run(spec(seed=6))
    (torn / "summary.json").write_text('{"schema": 1, "sta')
    assert len(chosen(results, latest="9")) == 4


@pytest.mark.parametrize(
    ("runs", "latest", "sentence"),
    [
        (None, None, r'Which runs\? make compare RUNS="a b c" .* LATEST=3'),
        ("", "", r"Which runs\? make compare RUNS"),
        (" \t", None, r"Which runs\? make compare RUNS"),
        ("s1-", "2", "RUNS and LATEST are two ways to choose"),
        (None, "0", "LATEST=0 is no number of runs"),
        (None, "abc", "LATEST=abc is no number of runs"),
        (None, "-1", "LATEST=-1 is no number"),
        (None, "2.0", "LATEST=2.0 is no number"),
        (None, "\u00b2", "is no number"),
        ("s1- lion", None, "RUNS=lion fits no run in"),
        ("s1- adamw", None, "RUNS=adamw fits 4 runs: .* Give more of it"),
        ("s1- s1-", None, "RUNS=s1- is gpt2-.*: name each run once"),
        ("s1- adamw-s1", None, "RUNS=s1- and adamw-s1 are both gpt2-.*: name each run once"),
    ],
)
def test_what_cannot_be_chosen_is_a_sentence(results, four, runs, latest, sentence):
    with pytest.raises(ValueError, match=sentence):
        choose(runs, latest, results.root)


def test_without_an_ended_run_the_remedy_is_to_compute_some(results):
    with pytest.raises(ValueError, match="No run has ended in .*`make` computes some"):
        choose(None, "3", results.root)
    with pytest.raises(ValueError, match="RUNS=a names no run"):
        choose("a", None, results.root)


def test_a_folder_that_is_no_run_is_told(results, four, tmp_path):
    with pytest.raises(ValueError, match="is not a run: it has no config.py"):
        choose(str(tmp_path), None, results.root)


def test_a_run_that_has_not_ended_says_its_state(results, spec):
    pending = spec(seed=7, status=None, has_begun=False)
    folder = results.run(pending)
    with pytest.raises(ValueError, match="has not ended: it has not been started"):
        choose("s7-", None, results.root)
    results.run(spec(seed=7, status=None, has_begun=True))
    with pytest.raises(ValueError, match="it was interrupted at step 300"):
        choose("s7-", None, results.root)
    with claim(folder), pytest.raises(ValueError, match="it is running. Wait for it"):
        choose("s7-", None, results.root)
    facts = json.loads((folder / "run.json").read_text())
    facts["attempts"][-1] |= {"cause": "device", "message": "no GPU"}
    (folder / "run.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"it stopped at step 300 \(no GPU\)"):
        choose("s7-", None, results.root)
