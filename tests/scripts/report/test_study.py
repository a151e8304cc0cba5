import json
import math
import re
import shlex

import pytest

from gpt2.reciprocal.steps import CONTROL, STEPS, step_named
from scripts.matrix.expand import with_controls
from scripts.report import scoreboard_text, study
from scripts.report.frames import runs as frame_of_runs
from scripts.report.load import load_matrix
from scripts.report.refusals import NAMED, refusals
from scripts.report.scoreboard import Scoreboard
from scripts.report.verdict import cautions

TWINS = {"adamw V1": "adamw V0c", "adamw V3": "adamw V0c-V3", "adamw RT": "adamw V0c"}


def board_of(folder):
    return Scoreboard(load_matrix(folder))


def row(board, arm):
    return next(row for row in board.rows if row.arm == arm)


def losses(results, board, arm):
    files = [results.root / run.dir / "summary.json" for run in row(board, arm).runs]
    return [json.loads(path.read_text())["val_loss"] for path in files]


def gaps(results, board, arm, other):
    both = zip(losses(results, board, arm), losses(results, board, other), strict=True)
    return [mine - others for mine, others in both]


def keys(board):
    return [column.key for column in board.columns]


def test_an_effect_is_a_step_minus_its_twin_of_equal_seed(results, study_of):
    board = board_of(study_of(results, 3))
    assert {"effect", "difference"} <= set(keys(board))
    for arm, twin in TWINS.items():
        cells = row(board, arm).cells
        assert list(cells["effect"].values) == gaps(results, board, arm, twin)
        assert list(cells["difference"].values) == gaps(results, board, arm, "adamw V0")
        assert row(board, arm).control == twin
    for arm in ("adamw V0", "adamw V0c", "adamw V0c-V3"):
        assert not row(board, arm).is_step
        assert row(board, arm).cells["effect"].n == 0
    assert row(board, "adamw V0c").cells["difference"].n == 3


@pytest.mark.parametrize("control", [None, "adamw V99", 7, ["adamw V0c"]])
def test_a_step_without_its_twin_shows_neither_effect_nor_difference(results, study_of, control):
    controls = TWINS | {"adamw V1": control}
    board = board_of(study_of(results, 3, controls=controls))
    refused = row(board, "adamw V1")
    assert refused.is_step
    assert refused.control is None
    assert refused.cells["effect"].n == refused.cells["difference"].n == 0
    assert refused.cells["perplexity_difference"].n == 0
    assert refused.mean("loss") is not None
    assert row(board, "adamw RT").cells["effect"].n == 3


def test_a_step_that_the_plan_forgot_is_refused_too(results, study_of):
    controls = {arm: twin for arm, twin in TWINS.items() if arm != "adamw V3"}
    board = board_of(study_of(results, 3, controls=controls))
    assert row(board, "adamw V3").is_step
    assert row(board, "adamw V3").cells["difference"].n == 0


@pytest.mark.parametrize("how", ["failed", "oom", "diverged", None, "data"])
def test_a_seed_that_the_twin_lacks_counts_for_neither(results, study_of, how):
    def changed(item):
        if (item.arm, item.seed) == ("adamw V0c", 1338):
            if how == "data":
                item.provenance = {"data.hash": "e" * 64}
            else:
                item.status = how

    board = board_of(study_of(results, 3, changed))
    for arm in ("adamw V1", "adamw RT"):
        assert row(board, arm).cells["effect"].n == row(board, arm).cells["difference"].n == 2
        assert row(board, arm).lacking == (1338,)
    assert row(board, "adamw V3").lacking == ()
    why, remedy = {
        "failed": ("failed", "`make test-rerun TARGET=failed` computes again what ended so."),
        "oom": ("failed", "`make test-rerun TARGET=oom` computes again what ended so."),
        "diverged": ("diverged", "`make test-rerun TARGET=diverged` computes again what ended so."),
        None: ("has not ended", "`make` computes the rest."),
        "data": ("saw other tokens or data", "Compute both from the same data."),
    }[how]
    assert cautions(board).count(
        f"Nothing is compared where the plain twin {why}: adamw V0c of adamw V1 and adamw RT "
        f"(seed 1338). {remedy}"
    ) == 1  # fmt: skip


def test_a_caution_names_the_missing_control_and_its_command(results, study_of):
    board = board_of(study_of(results, 3, controls=TWINS | {"adamw V3": None}))
    found = [text for text in cautions(board) if "without its plain twin" in text]
    assert len(found) == 1
    (caution,) = found
    assert caution.startswith("adamw V3 stands here without its plain twin V0c-V3")
    (command,) = re.findall("`(.*)`", caution)
    first = row(board, "adamw V3").runs[0]
    assert shlex.split(command) == [
        "cp", f"results/{first.dir}/.config", ".config", "&&", "make", "test-matrix", "SEEDS=3",
    ]  # fmt: skip


def test_a_matrix_of_one_step_brings_its_twin():
    """What the sentence above promises of its command."""
    for name, control in CONTROL.items():
        label = STEPS[name].label.lower()
        assert with_controls([label]) == tuple(
            step.label.lower() for step in STEPS.values() if step.name in (name, control)
        )


def test_a_seed_that_the_twin_never_had_is_said(results, study_of):
    folder = study_of(results, 2)
    plan = json.loads((folder / "matrix.json").read_text())
    gone = [r for r in plan["runs"] if (r["arm"], r["seed"]) != ("adamw V0c-V3", 1338)]
    (folder / "matrix.json").write_text(json.dumps(plan | {"runs": gone}))
    assert refusals(board_of(folder)) == [
        "Nothing is compared where the plain twin is not planned: adamw V0c-V3 of adamw V3 "
        "(seed 1338). Give all arms the same SEEDS."
    ]


def test_an_arm_that_is_no_step_is_refused_where_the_plan_calls_it_one(results, study_of):
    board = board_of(study_of(results, 1, controls=TWINS | {"adamw V0": None}))
    (found,) = refusals(board)
    assert found.startswith("adamw V0 stands here without its plain twin, so neither")


def test_many_missing_controls_are_not_a_wall(results, study_of):
    arms = {f"adamw V{k}": 1.6 for k in range(1, 11)}
    board = board_of(study_of(results, 1, losses=arms, controls=dict.fromkeys(arms)))
    found = refusals(board)
    assert len(found) == NAMED + 1
    assert "4 further steps" in found[-1]


def test_no_loss_of_a_study_is_bold_and_an_effect_below_zero_is(results, study_of):
    board = board_of(study_of(results, 3))
    bold = {(r.arm, c.key) for r in board.rows for c in board.columns if board.is_best(r, c)}
    assert ("adamw RT", "effect") in bold
    assert not {key for _, key in bold} & {"loss", "perplexity", "bits_per_byte"}
    assert not {arm for arm, key in bold if key == "effect"} - {"adamw RT"}


def test_a_matrix_of_no_steps_is_as_before(results, grid, tmp_path):
    plain = board_of(results.matrix(grid(2)))
    empty = board_of(type(results)(tmp_path / "b" / "results").matrix(grid(2), controls={}))
    for board in (plain, empty):
        assert "effect" not in keys(board)
        assert not any(r.is_step for r in board.rows)
        assert "control" not in frame_of_runs(board.matrix).columns


def test_the_frame_has_the_control_of_each_run(results, study_of):
    frame = frame_of_runs(load_matrix(study_of(results, 2)))
    for _, line in frame.iterrows():
        assert line.control == TWINS.get(line.arm)


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 160])
def test_the_text_names_the_twins_in_any_width(results, study_of, width):
    text = scoreboard_text(study_of(results, 3, controls=TWINS | {"adamw V3": None}), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii()
    words = " ".join(text.split())
    assert "- twin" in text
    assert "twins: adamw V0c of adamw V1 and adamw RT" in words
    if width >= 60:
        assert "adamw V3 stands here without its plain twin V0c-V3" in words


def test_every_step_is_of_another_class_or_is_its_twin_in_other_weights():
    """The two lists of the study, made of the records alone."""
    changing = {name for name, step in STEPS.items() if study.changes(step)}
    assert changing == {
        *("V2", "V8", "V10", "V14", "V15", "V17", "V18"),
        *("V3t", "V5t", "RT"),
    }


def test_what_a_difference_can_mean():
    names = ("V1", "V7", "V11", "V3", "V0lr", "RT", "V2", "V14", "V5t", "V3t", "V8")
    (text,) = study.meaning(map(step_named, names))
    assert text.startswith(
        "V1 and V7 are standard attention with two redundant scales; V11 is a standard MLP in "
        "another parameterisation; V3 is standard attention with two redundant scales and a "
        "standard MLP in another parameterisation; V0lr is its own twin with other learning rates"
    )
    assert text.endswith(
        "Only RT (tied queries and keys); V2 and V8 (self-restart); V14 (an evicting cache); V5t "
        "(a gate for each token); V3t (tied weights) are of another class of functions."
    )
    (text,) = study.meaning([step_named("V1")])
    assert text.endswith("No step compared here is of another class of functions.")
    assert study.meaning([step_named("RT")]) == []


def test_the_caution_speaks_of_compared_steps_only(results, study_of):
    board = board_of(study_of(results, 1, controls=TWINS | {"adamw V3": None}))
    (text,) = [text for text in cautions(board) if "redundant scales" in text]
    assert "V1 is standard" in text
    assert "V3" not in text


def test_the_step_of_an_arm_is_a_word_of_its_label():
    for step in STEPS.values():
        assert study.step_of(f"adamw+magnitude@50% {step.label} LEARNING_RATE=3e-4") is step
    assert study.step_of("adamw llama") is None


def test_an_effect_that_was_planted_is_found_to_the_last_digit(results, study_of):
    def changed(item):
        if item.arm == "adamw V1":
            item.loss = {1337: 1.5, 1338: 1.6, 1339: 1.7}[item.seed]
        if item.arm == "adamw V0c":
            item.loss = {1337: 1.4, 1338: 1.7, 1339: 1.9}[item.seed]

    effect = row(board_of(study_of(results, 3, changed)), "adamw V1").cells["effect"]
    assert effect.values == (1.5 - 1.4, 1.6 - 1.7, 1.7 - 1.9)
    assert effect.mean == pytest.approx(-0.2 / 3)
    # Student's t with two degrees of freedom.
    assert effect.half_width == pytest.approx(4.302652729911275 * math.sqrt(0.07 / 3 / 3))
