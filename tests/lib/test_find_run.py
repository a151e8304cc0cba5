import json

import pytest

from lib.find_run import SHOWN, find_run

NAMES = (
    "gpt2-shakespeare-adamw-s1-aaaaaaaa",
    "gpt2-shakespeare-adamw-s2-bbbbbbbb",
    "gpt2-shakespeare-sgd-s1-cccccccc",
)


@pytest.fixture
def results(tmp_path):
    for name in NAMES:
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.py").write_text("")
    # No run: it was never planned.
    (tmp_path / "runs" / "sgd-notes").mkdir()
    return tmp_path


@pytest.mark.parametrize("wanted", [NAMES[2], "sgd", "cccc", f"results/runs/{NAMES[2]}/"])
def test_a_name_or_a_part_of_it(results, wanted):
    assert find_run(wanted, results).name == NAMES[2]


def test_a_path_is_taken_as_it_is(results, tmp_path, monkeypatch):
    folder = results / "runs" / NAMES[0]
    assert find_run(str(folder), tmp_path / "elsewhere").path == folder
    monkeypatch.chdir(results)
    assert find_run(f"runs/{NAMES[0]}", tmp_path / "elsewhere").path == folder


def test_a_whole_name_wins_over_those_that_contain_it(results):
    longer = results / "runs" / f"{NAMES[0]}-again"
    longer.mkdir()
    (longer / "config.py").write_text("")
    assert find_run(NAMES[0], results).name == NAMES[0]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("adamw", f"RUN=adamw fits 2 runs: {NAMES[0]}, {NAMES[1]}. Give more of it."),
        ("lion", f"RUN=lion fits no run in .*/runs. There are {', '.join(NAMES)}."),
        ("", f"Which run. Name one of {', '.join(NAMES)} with RUN="),
    ],
)
def test_what_is_not_one_run_is_one_sentence_with_the_candidates(results, wanted, sentence):
    with pytest.raises(ValueError, match=sentence):
        find_run(wanted, results)


def test_the_sentence_names_the_option_that_was_given(results):
    with pytest.raises(ValueError, match="RUNS=lion fits no run"):
        find_run("lion", results, option="RUNS")


def test_without_runs_the_remedy_is_to_compute_some(tmp_path):
    with pytest.raises(ValueError, match="has none. `make` computes some"):
        find_run("adamw", tmp_path)


def test_a_thousand_candidates_are_not_listed(tmp_path):
    for number in range(SHOWN + 3):
        folder = tmp_path / "runs" / f"run-{number:02d}"
        folder.mkdir(parents=True)
        (folder / "config.py").write_text("")
    with pytest.raises(ValueError, match="run-09 and 3 more") as caught:
        find_run("run", tmp_path)
    assert "run-10" not in str(caught.value)


@pytest.mark.parametrize(
    "wanted",
    [
        "gpt2-shakespeare-other-s1-cccccccc",
        "results/runs/gpt2-shakespeare-other-s1-cccccccc",
        "c" * 64,
        "cccccccc",
        "other",
        "shakespeare-other-s1",
    ],
)
def test_a_name_of_a_plan_or_a_hash_finds_the_folder_with_another_name(results, wanted):
    plans = (
        {"runs": [{"name": "gpt2-shakespeare-other-s1", "hash": "c" * 64}, {"name": "x"}, 1]},
        {"runs": None},
        [],
    )
    for number, plan in enumerate(plans):
        (results / "matrices" / f"{number}").mkdir(parents=True)
        (results / "matrices" / f"{number}" / "matrix.json").write_text(json.dumps(plan))
    assert find_run(wanted, results).name == NAMES[2]


def test_two_folders_of_one_run_are_one_answer(results):
    again = results / "runs" / "gpt2-shakespeare-plain-s1-cccccccc"
    again.mkdir()
    (again / "config.py").write_text("")
    (results / "runs" / NAMES[2] / "run.json").write_text('{"attempts": [{}]}')
    assert find_run("cccccccc", results).name == NAMES[2]
    assert find_run(again.name, results).path == again
