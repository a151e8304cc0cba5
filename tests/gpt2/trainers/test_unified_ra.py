"""Steps of the reciprocal attention study, trained: they wake up, resume, and are looked at."""

import json

import pytest

from gpt2.reciprocal.gates import DORMANT
from gpt2.reciprocal.steps import STEPS
from gpt2.trainers.run import TRAINERS
from gpt2.trainers.unified_ra import UnifiedRATrainer
from gpt2.trainers.vanilla import VanillaGPT2Trainer
from lib.metrics import read_metrics

RA = {"ARCHITECTURE": "unified-ra", "LOG_INTERVAL": 5, "EVAL_INTERVAL": 8, "DROPOUT": "0.1"}


def test_each_architecture_has_its_trainer(tree):
    assert set(TRAINERS) == set(tree.groups["ARCHITECTURE"].values)
    assert {"vanilla": VanillaGPT2Trainer, "unified-ra": UnifiedRATrainer} == TRAINERS


def test_a_finished_run_says_what_its_gates_came_to(train):
    outcome, run = train(RA_STEP="V12", **RA)
    assert outcome.status == "done"
    found = outcome.measured["reciprocal"]
    assert found["activation"] == {
        "policy": "delay", "woken_at": 5, "reason": "forced", "figure": None,
    }  # fmt: skip
    assert found["ra_gate"]["awake"]["mean"] == 1.0
    assert found["ra_gate"]["w_rec"]["drift"] != 0
    assert outcome.measured["architecture_name"] == "2L-2H-32D-AbsPos-LN-GELUtanh-Pre"
    kept = json.loads((run.path / "gates.json").read_text())
    assert kept["step"] == "V12"
    # Two layers of two heads.
    assert [len(layer) for layer in kept["final"]["ra_gate"]["values"]["w_std"]] == [2, 2]
    assert kept["initial"]["ra_gate"]["w_std"] != kept["final"]["ra_gate"]["values"]["w_std"]
    assert all(0 < ratio < 1 for ratio in kept["final"]["ra_gate"]["contribution"])


def test_rows_tell_of_gates_gradients_and_the_activation(train):
    _, run = train(RA_STEP="V12", **RA)
    rows = read_metrics(run.metrics_path, {"ra_gate"})
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    # The row at step 5 is written when the wake-up of that step has happened.
    assert [row["awake"]["mean"] for row in rows] == [1.0] * 4
    for row in rows:
        assert {"mean", "min", "max", "sd", "drift"} == row["w_eff"].keys()
        assert row["gradient_norms"].keys() == {"w_std", "w_rec", "low"}
        assert all(norm > 0 for norm in row["gradient_norms"].values())
    (activation,) = read_metrics(run.metrics_path, {"activation"})
    assert (activation["step"], activation["reason"]) == (5, "forced")
    detail = read_metrics(run.metrics_path, {"ra_gate_detail"})
    assert [row["step"] for row in detail] == [8, 16, 20]


def test_asleep_a_step_trains_with_the_dormant_coefficient(train, monkeypatch):
    seen = []
    step_end = UnifiedRATrainer.on_step_end

    def look(self, outcome):
        seen.append(self.model.blocks[0].attention.pair.awake.item())
        step_end(self, outcome)

    monkeypatch.setattr(UnifiedRATrainer, "on_step_end", look)
    train(RA_STEP="V12", **RA)
    assert seen == pytest.approx([DORMANT] * 5 + [1.0] * 15)


@pytest.mark.parametrize("step", ["V12", "V15", "V16", "V0lr", "V5t"])
@pytest.mark.parametrize("stops", [[4], [5], [6, 13]], ids=str)
def test_a_resumed_run_has_the_bits_of_a_straight_one(
    train, interrupted, final_weights, equal, step, stops
):
    settings = RA | {"RA_STEP": step, "RA_RAMP_STEPS": 3}
    straight, run = train(**settings)
    resumed, again = interrupted(stops, **settings)
    assert equal(final_weights[0], final_weights[-1])
    assert resumed.measured["val_loss"] == straight.measured["val_loss"]
    assert (
        resumed.measured["reciprocal"]["activation"]
        == (straight.measured["reciprocal"]["activation"])
    )
    kinds = {"activation", "ra_gate_detail", "rmlp_gate_detail"}
    # The time of an attempt is its own.
    assert without_times(again, kinds) == without_times(run, kinds)


def without_times(run, kinds):
    rows = read_metrics(run.metrics_path, kinds)
    return [{key: value for key, value in row.items() if key != "time_s"} for row in rows]


def test_a_limited_cache_says_how_much_it_keeps(train):
    outcome, _ = train(RA_STEP="V14", MAX_ITERS=4, **RA)
    found = outcome.measured["reciprocal"]
    # Two layers, 32 tokens of 32 numbers of 4 bytes, twice; 12 and a chunk of 2 stay.
    assert found["cache"] == {"bytes": 2 * 2 * 14 * 32 * 4, "full_bytes": 2 * 2 * 32 * 32 * 4}
    assert 0 < found["ra_gate"]["kept"]["mean"] < 1


def test_looking_at_the_gates_changes_no_bit(train, final_weights, equal):
    train(RA_STEP="V6", **RA | {"LOG_INTERVAL": 1, "EVAL_INTERVAL": 1})
    train(RA_STEP="V6", **RA | {"LOG_INTERVAL": 20, "EVAL_INTERVAL": 20})
    assert equal(final_weights[0], final_weights[1])


def test_v0_is_the_vanilla_model(train, final_weights, equal):
    train(RA_STEP="V0", **RA)
    train(**RA | {"ARCHITECTURE": "vanilla"})
    assert equal(final_weights[0], final_weights[1])


def test_v0lr_differs_from_v0c(train, final_weights, equal):
    for step in ("V0c", "V0lr"):
        train(RA_STEP=step, **RA)
    assert not equal(final_weights[0], final_weights[1])


@pytest.mark.parametrize("step", [name for name, row in STEPS.items() if row.role == "step"])
def test_every_step_trains_and_prunes(train, step):
    outcome, _ = train(RA_STEP=step, PRUNING_METHOD="magnitude", MAX_ITERS=4, **RA)
    assert outcome.status == "done"
    assert outcome.measured["pruning"]["achieved_sparsity"] == pytest.approx(0.5, abs=0.01)
