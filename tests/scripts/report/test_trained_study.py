"""The report of a study that was really trained, though small: what the parts hand each other."""

import json

import pytest

from gpt2 import train
from gpt2.dataset_choice import data_arguments
from gpt2.datasets import prepare
from scripts.matrix.plan import plan
from scripts.report import scoreboard_text, write_report
from scripts.report.gates import gate_curves
from scripts.report.load import load_matrix
from scripts.report.scoreboard import Scoreboard


@pytest.fixture
def trained(configure, tmp_path, monkeypatch):
    """The folder of a matrix of V15, which waits, evicts and has gates, and of its twin."""
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "no.config"))
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)
    text = tmp_path / "counting.txt"
    text.write_text("".join(f"{number} and {number + 1}.\n" for number in range(1500)))
    configuration = configure(
        ARCHITECTURE="unified-ra", RA_STEP="V15", OPTIMIZER="adamw", PRUNING_METHOD="none",
        MAX_ITERS=20, LOG_INTERVAL=1, SEEDS=1,
        DATASET="custom", CUSTOM_PATH=text, CUSTOM_TOKENIZER="bytes",
    )  # fmt: skip
    the_plan = plan(configuration)
    the_plan.write()
    settings = the_plan.runs[0].settings
    prepare(**data_arguments(settings), mirror="/none", progress=lambda line: None)
    for planned in the_plan.runs:
        assert train.main(["--run", str(planned.directory.path)]) == 0
    return the_plan.folder


def test_a_trained_study_has_effects_and_gates(trained):
    board = Scoreboard(load_matrix(trained))
    files = {run.arm: json.loads((run.folder / "summary.json").read_text()) for run in board.runs}
    step, twin = "adamw V15", "adamw V0c-V13"
    (row,) = [row for row in board.rows if row.is_step]
    assert (row.arm, row.control, row.lacking) == (step, twin, ())
    assert row.cells["effect"].values == (files[step]["val_loss"] - files[twin]["val_loss"],)
    (curve,), short = gate_curves(board.runs)
    assert curve.points.keys() == {"rmlp_gate", "rmlp_gate_detail"}
    assert short == []
    # A quarter of 20 steps is over before the 75 of its own rule.
    assert curve.woken_at == files[step]["reciprocal"]["activation"]["woken_at"] == 5
    asleep, awake = curve.points["rmlp_gate"][0], curve.points["rmlp_gate"][-1]
    assert awake[1] > 50 * asleep[1]
    assert "twins: adamw V0c-V13 of adamw V15" in scoreboard_text(trained, 200)
    page = write_report(trained)
    assert (page.parent / "gates.svg").is_file()
    markdown = (page.parent / "report.md").read_text()
    kept = files[step]["reciprocal"]["ra_gate"]["kept"]["mean"]
    assert f"| adamw V15 | 5 | forced: a quarter of the run was over | {100 * kept:.1f} % |" in (
        markdown
    )
