"""The plan on disk: what Make, the report and the status read."""

import json
import shlex
import subprocess

import pytest

from lib.arms import BITTER2_ALONE
from lib.kconfig import override_layer
from scripts.matrix import __main__ as command
from scripts.matrix import __main__ as matrix_main
from scripts.matrix.disk import require_folder
from scripts.matrix.estimate import estimated_s, seconds_per_step
from scripts.matrix.plan import Plan, in_recipe, plan
from scripts.matrix.rerun import chosen_again
from scripts.matrix.show import outcome_text, plan_text

# Only shows what it would do, in the folder that follows.
MAKE = ("make", "-n", "-C")


@pytest.fixture
def planned(configure):
    """planned(NAME=value, ...): a plan, written."""

    def make(**overrides):
        result = plan(configure(**overrides))
        result.write()
        return result

    return make


def finish(run, **values):
    directory = run.directory
    directory.begin_attempt({})
    summary = {
        "run": directory.name,
        "config_hash": run.run.hash,
        "status": "done",
        "reason": None,
        "shape": "x",
        "steps": 20,
        "time": {"total_s": 40.0},
    }
    directory.write_summary(summary | values)
    directory.end_attempt(values.get("status", "done"), values.get("reason"))


def test_matrix_json_says_what_the_contract_promises(planned):
    result = planned()
    matrix = json.loads((result.folder / "matrix.json").read_text())
    assert matrix["schema"] == 1
    assert matrix["id"] == result.folder.name
    assert matrix["id"].startswith("smoke-")
    assert matrix["baseline"] == "adamw"
    assert matrix["parity"] == {}
    assert [run["arm"] for run in matrix["runs"]] == [
        "adamw",
        "adamw+magnitude@50%",
        "adamwprune",
        "adamwprune+bitter1@50%",
    ]
    for run in matrix["runs"]:
        folder = result.results / run["dir"]
        assert run["dir"].endswith(run["hash"][:8])
        assert (folder / ".config").is_file()
        assert (folder / "config.py").is_file()
        assert (run["steps"], run["tokens"]) == (20, 2560)


def test_the_folder_is_the_set_of_runs(planned):
    assert planned().id == planned(LOG_INTERVAL=3).id
    assert planned().id != planned(MAX_ITERS=30).id
    assert planned().id != planned(SEEDS=2).id
    shared = {run.directory.name for run in planned(SEEDS=2).runs}
    assert {run.directory.name for run in planned().runs} < shared


def test_planning_again_keeps_what_is_there(planned):
    first = planned()
    before = (first.folder / "matrix.json").read_text()
    assert planned().folder == first.folder
    assert (first.folder / "matrix.json").read_text() == before


def test_trackers_act_on_what_is_planned_already_and_not_ended(planned):
    first = planned()
    finish(first.runs[0])
    again = planned(TRACKER="wandb")
    assert again.id == first.id
    directories = [run.directory for run in again.runs]
    assert [run.config().TRACKER_WANDB for run in directories] == [False, True, True, True]


def test_a_damaged_plan_is_written_anew(planned):
    first = planned()
    for text in ("", "{", "[]"):
        (first.folder / "matrix.json").write_text(text)
        planned()
        assert json.loads((first.folder / "matrix.json").read_text())["id"] == first.id


def test_make_sees_only_what_is_not_done(planned):
    result = planned()
    finish(result.runs[0])
    result.write()
    command = [*MAKE, str(result.results), "-k", "-f", str(result.folder / "matrix.mk")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert sum("gpt2.ready" in line for line in lines) == 1
    assert sum("train.py" in line for line in lines) == 3
    assert not any(result.runs[0].directory.name in line for line in lines if "train.py" in line)


def test_the_launcher_stands_before_every_run(planned):
    result = planned()
    makefile = str(result.folder / "matrix.mk")
    command = [*MAKE, str(result.results), "LAUNCHER=srun -n1 $$", "-f", makefile]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    runs = [line for line in done.stdout.splitlines() if "train.py" in line]
    assert len(runs) == 4
    assert all(line.startswith("srun -n1 $$ ") for line in runs)


def test_an_option_that_differs_between_arms_is_in_the_parity_table(planned):
    # Swept options are compared on purpose; nothing else can differ today, so pretend.
    result = planned(SWEEP="LEARNING_RATE=1e-3,2e-3")
    assert result.parity() == {}
    result.expansion.axes.pop("LEARNING_RATE")
    result.expansion.compared.discard("LEARNING_RATE")
    assert set(result.parity()) == {"LEARNING_RATE"}
    assert "The arms also differ in:" in plan_text(result)


def test_what_a_preset_fixes_is_compared_with_the_preset(planned):
    arms = {"OPTIMIZER": "adamwspam", "PRUNING_METHOD": "none", "SPAM_PRESET": "seed,paper"}
    result = planned(**arms)
    values = {p.run.configuration.typed()["SPAM_THETA"] for p in result.runs}
    assert values == {50.0, 5000.0}
    assert result.parity() == {}


def test_options_that_do_not_fit_stop_the_plan(configure):
    with pytest.raises(ValueError, match="WARMUP_STEPS=2 leaves none of the 2 steps"):
        plan(configure(MAX_ITERS=2))


@pytest.mark.parametrize("name", ["with blank", "a$b $(c) ${d}", "a:b#c%d=e", "-\\e;*?[f]|&<>()~!"])
def test_make_computes_runs_in_a_folder_of_any_name(planned, tmp_path, name):
    result = planned(RESULTS_DIR=tmp_path / name)
    makefile = str(result.folder / "matrix.mk")
    command = [*MAKE, str(result.results), "--no-print-directory", "-f", makefile]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    runs = [shlex.split(line)[-1] for line in done.stdout.splitlines() if "train.py" in line]
    assert runs == [str(run.directory.path) for run in result.runs]
    finish(result.runs[0])
    assert subprocess.run(command, capture_output=True, text=True).stdout.count("train.py") == 3


def test_a_line_end_in_a_path_of_make_is_a_sentence():
    assert in_recipe("a'b$c") == "'a'\"'\"'b$$c'"
    with pytest.raises(ValueError, match=r"line end in 'a\\nb'\. Move or rename"):
        in_recipe("a\nb")
    with pytest.raises(ValueError, match=r"'a\\udcffb', which is not in UTF-8\. Move or rename"):
        in_recipe("a\udcffb")


def test_a_file_in_the_place_of_the_results_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("file", "file/below/it"):
        with pytest.raises(ValueError, match=r"file is in the way and is no folder\. Move it away"):
            require_folder(tmp_path / name)
    require_folder(tmp_path / "none" / "yet")


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(("name", "reason"), [("line\nend", "line end"), ("file/x", "in the way")])
def test_what_cannot_be_run_is_no_plan_either(
    planned, monkeypatch, tmp_path, command, name, reason
):
    """And nothing is written."""
    (tmp_path / "file").write_text("")
    results = tmp_path / name
    the_plan = planned(RESULTS_DIR=tmp_path / "r")
    monkeypatch.setattr(Plan, "results", results)
    monkeypatch.setattr(matrix_main, "load_configuration", lambda: the_plan.configuration)
    monkeypatch.setattr(Plan, "as_makefile", lambda plan: in_recipe(str(plan.results)))
    with pytest.raises(ValueError, match=reason):
        matrix_main.main([command])
    assert not results.exists()


def test_time_is_estimated_from_ended_runs_of_the_same_shape(planned):
    from gpt2.budget import shape_key

    result = planned()
    assert estimated_s(result.runs[1], seconds_per_step(result.results)) is None
    finish(result.runs[0], shape=shape_key(result.runs[0].settings))
    assert estimated_s(result.runs[1], seconds_per_step(result.results)) == 40.0
    longer = planned(MAX_ITERS=200)
    assert estimated_s(longer.runs[1], seconds_per_step(longer.results)) == 400.0
    wider = planned(N_EMBD=64)
    assert estimated_s(wider.runs[1], seconds_per_step(wider.results)) is None


def test_a_torn_summary_does_not_break_the_estimate(planned):
    result = planned()
    result.runs[0].directory.summary_path.write_text('{"time": {"total_s"')
    assert seconds_per_step(result.results) == {}


def test_totals_add_up_to_the_plan(planned):
    result = planned()
    finish(result.runs[0])
    finish(result.runs[1], status="diverged", reason="loss nan at step 3")
    finish(result.runs[2], status="oom", reason="out of memory")
    text = outcome_text(result)
    assert "1 done, 1 failed, 1 diverged, 1 pending, 2 skipped" in text
    assert "diverged: loss nan at step 3" in text


@pytest.mark.parametrize(
    ("target", "arms"),
    [
        ("all", ["adamw", "adamw+magnitude@50%", "adamwprune"]),
        ("diverged", ["adamwprune"]),
        ("adamw", ["adamw"]),
        ("adamw+magnitude@50%", ["adamw+magnitude@50%"]),
        ("*magnitude*", ["adamw+magnitude@50%"]),
        ("custom-pystdlib-adamw-s1337", ["adamw"]),
    ],
)
def test_ended_runs_are_chosen_again_by_name_arm_or_end(planned, target, arms):
    result = planned()
    for run in result.runs[:2]:
        finish(run)
    finish(result.runs[2], status="diverged", reason="loss nan")
    assert [run.run.arm for run in chosen_again(result, target)] == arms
    path = f"results/runs/{result.runs[0].directory.name}/"
    assert [run.run.arm for run in chosen_again(result, path)] == ["adamw"]


def test_choosing_nothing_is_an_error(planned):
    result = planned()
    with pytest.raises(ValueError, match="needs TARGET"):
        chosen_again(result, "")
    with pytest.raises(ValueError, match="names no ended run"):
        chosen_again(result, "all")


def test_controls_of_steps_are_in_the_plan(configure):
    options = {"OPTIMIZER": "adamw,sgd", "PRUNING_METHOD": "none", "ARCHITECTURE": "unified-ra"}
    result = plan(configure(**options, RA_STEP="V0,V1,V3"))
    assert result.controls() == {
        f"{optimizer} {step}": f"{optimizer} {control}"
        for optimizer in ("adamw", "sgd")
        for step, control in (("V1", "V0c"), ("V3", "V0c-V3"))
    }
    assert result.parity() == {}
    alone = plan(configure(**options, RA_STEP="V1"), has_controls=False)
    assert alone.controls() == {"adamw V1": None, "sgd V1": None}
    assert result.as_json()["controls"] == result.controls()


def test_arms_of_components_differ_in_nothing_else(configure):
    options = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none", "ARCH_PRESET": "custom"}
    result = plan(configure(**options, VARIATIONS="FFN_TYPE=swiglu;ARCH_PRESET=llama"))
    assert result.parity() == {}
    assert result.controls() == {}


LLAMA = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none", "ARCH_PRESET": "llama"}


def test_what_is_done_under_another_name_is_not_computed_again(planned):
    first = planned(**LLAMA)
    finish(first.runs[0])
    again = planned(**LLAMA | {"ARCH_PRESET": "team"})
    assert not again.pending()
    assert again.runs[0].directory == first.runs[0].directory
    folder = first.runs[0].directory.name
    assert "llama" in folder
    assert f"{folder}/summary.json" in (again.folder / "matrix.mk").read_text()
    (entry,) = json.loads((again.folder / "matrix.json").read_text())["runs"]
    assert entry["dir"] == f"runs/{folder}"
    assert "team" in entry["name"]
    for name in (folder, entry["name"], f"results/runs/{entry['name']}-{entry['hash'][:8]}"):
        assert chosen_again(again, name) == again.runs


def test_two_names_of_one_run_are_computed_once_and_it_is_said(planned):
    result = planned(**LLAMA | {"SWEEP": "ARCH_PRESET=team,llama"})
    assert [run.run.arm for run in result.runs] == ["adamw team"]
    assert "adamw llama is adamw team under another name" in plan_text(result)
    dense = planned(SWEEP="TARGET_SPARSITY=0.5,0.9", OPTIMIZER="adamw")
    assert "under another name" not in plan_text(dense)
    assert "1 combination the same as a run above" in plan_text(dense)


def test_train_takes_one_run_where_the_line_names_it(configure, monkeypatch):
    computed = []
    monkeypatch.setattr(command, "run", lambda the_plan: computed.append(the_plan.runs) or 0)
    for words, arms in (
        ({"OPTIMIZER": "adamwprune"}, ["adamwprune"]),
        ({"PRUNING_METHOD": "state"}, ["adamwprune+bitter1@50%"]),
    ):
        layer = override_layer(list(words.items()))
        stored = configure().derive(words, "command line")
        monkeypatch.setattr(command, "load_configuration", lambda stored=stored: stored)
        monkeypatch.setattr(command, "overrides_from_environment", lambda environ, it=layer: it)
        assert command.main(["train"]) == 0
        assert [planned.run.arm for planned in computed.pop()] == arms
    monkeypatch.setattr(command, "load_configuration", configure)
    monkeypatch.setattr(command, "overrides_from_environment", lambda environ: override_layer([]))
    with pytest.raises(ValueError, match="This configuration has 4 runs"):
        command.main(["train"])


STATE = {"OPTIMIZER": "adamwprune", "PRUNING_METHOD": "state", "ADAMWPRUNE_VARIANT": "bitter2"}


@pytest.mark.parametrize(
    ("options", "is_said"),
    [
        ({}, True),
        ({"EXTRA_ITERATIONS_PCT": 21}, False),
        ({"EXTRA_BATCH_PCT": 25}, False),
        ({"ADAMWPRUNE_VARIANT": "bitter1"}, False),
        ({"MAX_TIME": 60}, True),
    ],
    ids=str,
)
def test_bitter2_without_extra_training_is_called_bitter1(configure, options, is_said):
    lines = plan_text(plan(configure(**STATE | options))).splitlines()
    assert (f"Note: {BITTER2_ALONE}" in lines) is is_said
