"""The loop: what every arm shares, and what must never change a result."""

import math
from types import SimpleNamespace

import pytest
import torch

from gpt2.evaluate import Evaluation
from gpt2.model import GPT
from gpt2.trainers import base, journal, step
from lib.arms import BITTER2_ALONE
from lib.metrics import read_metrics


def test_a_run_is_done_and_learned_something(train):
    outcome, run = train(LEARNING_RATE="5e-3", LOG_INTERVAL=1)
    assert outcome.status == "done"
    rows = read_metrics(run.metrics_path)
    losses = [row["loss"] for row in rows if row["kind"] == "train"]
    assert abs(losses[0] - math.log(256)) < 0.1
    assert losses[-1] < losses[0] - 1
    assert [row["step"] for row in rows if row["kind"] == "eval"] == [10, 20]
    final = [row for row in rows if row["kind"] == "eval"][-1]
    assert final["is_full_split"]
    assert final["loss"] == outcome.measured["val_loss"]
    assert final["evaluated_tokens"] == outcome.measured["val_tokens"]
    assert outcome.measured["tokens"] == 20 * 4 * 32


def test_the_best_step_is_chosen_by_the_same_windows_throughout(train, monkeypatch):
    """The whole split may be harder or easier than the windows of the evaluations before."""
    losses = {False: iter([2.0, 1.9]), True: iter([2.1])}

    def evaluation_of(self, windows):
        loss = next(losses[windows.is_full_split])
        return Evaluation(loss, 32, len(windows), windows.is_full_split)

    monkeypatch.setattr(base.BaseGPT2Trainer, "_evaluation_of", evaluation_of)
    outcome, run = train(EVAL_SAMPLES=3, EVAL_INTERVAL=10)
    assert outcome.measured["val_best"] == {"loss": 1.9, "step": 20, "sparsity": 0.0}
    assert outcome.measured["val_loss"] == 2.1
    rows = read_metrics(run.metrics_path, {"eval"})
    assert [(row["step"], row["loss"]) for row in rows] == [(10, 2.0), (20, 2.1)]
    assert [row.get("sampled_loss") for row in rows] == [None, 1.9]


def test_two_runs_give_the_same_bits(train, final_weights, equal):
    first, _ = train()
    second, _ = train()
    assert equal(*final_weights)
    assert first.measured["val_loss"] == second.measured["val_loss"]


def test_another_seed_gives_another_run(train, final_weights, equal):
    train()
    train(SEED=1338)
    assert not equal(*final_weights)


@pytest.mark.parametrize(
    "change",
    [
        {"EVAL_INTERVAL": 3},
        {"EVAL_SAMPLES": 0},
        {"LOG_INTERVAL": 7},
        {"PREFETCH": 0},
        {"PREFETCH": 7},
        {"SAVE_CHECKPOINT": "n"},
        {"CHECKPOINT_INTERVAL": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("dropout", ["0.0", "0.2"])
def test_looking_changes_nothing(train, final_weights, equal, change, dropout):
    train(DROPOUT=dropout)
    train(DROPOUT=dropout, **change)
    assert equal(*final_weights)


@pytest.mark.slow
def test_trackers_change_nothing(train, final_weights, equal, unhurried):
    train(DROPOUT="0.2", TRACKER="none")
    _, run = train(DROPOUT="0.2", TRACKER="tensorboard,wandb,trackio", WANDB_OFFLINE="y")
    assert equal(*final_weights)
    assert list(run.path.glob("events.out.tfevents.*"))


def test_arms_see_the_same_initial_weights_and_the_same_batches(train, equal, monkeypatch):
    initial, batches = [], []
    build, loss = base.BaseGPT2Trainer.__init__, GPT.loss

    def keep_initial(self, *arguments):
        build(self, *arguments)
        initial.append({n: p.detach().clone() for n, p in self.model.named_parameters()})
        batches.append([])

    def keep_batch(self, rows, reduction="mean"):
        if reduction == "mean":
            batches[-1].append(rows.clone())
        return loss(self, rows, reduction)

    monkeypatch.setattr(base.BaseGPT2Trainer, "__init__", keep_initial)
    monkeypatch.setattr(GPT, "loss", keep_batch)
    train(DROPOUT="0.1")
    train(PRUNING_METHOD="magnitude", DROPOUT="0.1")
    assert equal(*initial)
    assert len(batches[0]) == 20
    assert all(torch.equal(a, b) for a, b in zip(*batches, strict=True))


def test_accumulation_sees_the_same_tokens_and_nearly_the_same_gradient(train):
    whole, whole_run = train(BATCH_SIZE=8, LOG_INTERVAL=1)
    parts, parts_run = train(BATCH_SIZE=2, GRADIENT_ACCUMULATION=4, LOG_INTERVAL=1)
    # The mean over the micro-batches, not their sum, which Adam and the clipping would hide.
    first, second = (read_metrics(run.metrics_path, {"train"})[0] for run in (whole_run, parts_run))
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)
    assert first["gradient_norm"] == pytest.approx(second["gradient_norm"], rel=1e-3)
    assert whole.measured["tokens"] == parts.measured["tokens"]
    assert whole.measured["val_loss"] == pytest.approx(parts.measured["val_loss"], abs=1e-4)


def test_clipping_is_counted_and_can_be_off(train):
    _, clipped = train(GRAD_CLIP="0.001")
    _, free = train(GRAD_CLIP="0")
    shares = [
        {row["clipped"] for row in read_metrics(run.metrics_path, {"train"})}
        for run in (clipped, free)
    ]
    assert shares == [{1.0}, {0.0}]


def test_a_loss_that_is_not_finite_ends_the_run_before_the_step(train, final_weights, monkeypatch):
    loss = GPT.loss
    calls = []

    def poisoned(self, rows, reduction="mean"):
        calls.append(reduction)
        result = loss(self, rows, reduction)
        return result * math.nan if calls.count("mean") == 6 else result

    monkeypatch.setattr(GPT, "loss", poisoned)
    outcome, _ = train()
    assert outcome.status == "diverged"
    assert "step 6" in outcome.reason
    assert outcome.measured["steps"] == 5
    assert all(torch.isfinite(p).all() for p in final_weights[0].values())


def test_out_of_memory_is_an_end_with_the_batch_and_what_was_measured(train, monkeypatch):
    """Final: the same batch would not fit the next time either."""
    loss, calls = GPT.loss, []

    def hungry(self, rows, reduction="mean"):
        calls.append(reduction)
        if calls.count("mean") == 6:
            raise torch.OutOfMemoryError("tried to allocate 2.00 GiB")
        return loss(self, rows, reduction)

    monkeypatch.setattr(GPT, "loss", hungry)
    outcome, run = train()
    assert outcome.status == "oom"
    assert "at 4 sequences in a micro-batch: tried to allocate 2.00 GiB" in outcome.reason
    assert outcome.measured["steps"] == 5
    assert outcome.measured["memory"]["peak_rss_bytes"] > 50e6


def test_a_run_that_cannot_go_on_is_failed_with_its_reason(train, monkeypatch):
    """Final: the same configuration would end so again, and `make` must not try for ever."""
    from lib.pruning import gradual

    def not_finite(*arguments):
        raise ValueError("the pruning score of a tensor is not finite")

    monkeypatch.setattr(gradual, "keep_scores", not_finite)
    outcome, _ = train(PRUNING_METHOD="magnitude")
    assert outcome.status == "failed"
    assert "is not finite" in outcome.reason
    assert 0 < outcome.measured["steps"] < 20


def test_a_missed_target_is_failed(train, monkeypatch):
    monkeypatch.setattr("gpt2.trainers.run.check_outcome", lambda pruner, target: "48 %, not 50 %")
    outcome, _ = train(PRUNING_METHOD="magnitude")
    assert (outcome.status, outcome.reason) == ("failed", "48 %, not 50 %")


def test_a_huge_learning_rate_is_an_outcome_not_a_crash(train):
    outcome, _ = train(LEARNING_RATE="100", GRAD_CLIP="0", MAX_ITERS=100)
    assert outcome.status in ("diverged", "done")
    assert outcome.measured["steps"] > 0


def test_the_order_of_a_step(train, monkeypatch):
    """Gate, norm, condition, clip, optimizer, pruner."""
    order = []
    build = base.BaseGPT2Trainer.__init__

    def spy(owner, name, label):
        original = getattr(owner, name)

        def call(*arguments, **keywords):
            order.append(label)
            return original(*arguments, **keywords)

        monkeypatch.setattr(owner, name, call, raising=True)

    def watched(self, *arguments):
        build(self, *arguments)
        spy(self.pruner, "gate_gradients", "gate")
        spy(self.pruner, "step", "prune")
        spy(self.optimizer, "step", "optimizer")

    monkeypatch.setattr(base.BaseGPT2Trainer, "__init__", watched)
    spy(step, "total_norm", "norm")
    spy(torch.nn.utils, "clip_grads_with_norm_", "clip")
    spy(step, "condition_gradients", "condition")
    train(PRUNING_METHOD="magnitude", MAX_ITERS=3)
    assert order == ["gate", "norm", "condition", "clip", "optimizer", "prune"] * 3


def test_a_dropout_mask_depends_on_its_place_in_the_run_alone(
    train, final_weights, equal, monkeypatch
):
    """Not on draws before it: so it is the same on any number of processes, and after a resume."""
    train(DROPOUT="0.2", GRADIENT_ACCUMULATION=2)
    rows = step.Loader.rows

    def draw_first(self, number):
        torch.rand(number + 1)
        return rows(self, number)

    monkeypatch.setattr(step.Loader, "rows", draw_first)
    train(DROPOUT="0.2", GRADIENT_ACCUMULATION=2)
    assert equal(*final_weights)


def test_every_micro_batch_has_masks_of_its_own(train, monkeypatch):
    seeds = []
    monkeypatch.setattr(
        step, "device_generator", lambda device: SimpleNamespace(manual_seed=seeds.append)
    )
    train(DROPOUT="0.2", GRADIENT_ACCUMULATION=2, MAX_ITERS=5)
    assert len(seeds) == len(set(seeds)) == 10


def test_the_clip_sees_the_conditioned_norm_and_the_log_the_one_before(train, monkeypatch):
    """Else a gradient that was tamed already would be scaled down a second time."""
    seen = []
    clip = torch.nn.utils.clip_grads_with_norm_
    monkeypatch.setattr(step, "condition_gradients", lambda optimizer, norm: norm * 0 + 0.5)
    monkeypatch.setattr(
        torch.nn.utils,
        "clip_grads_with_norm_",
        lambda parameters, limit, norm: (seen.append(norm.item()), clip(parameters, limit, norm)),
    )
    _, run = train(LOG_INTERVAL=1)
    rows = read_metrics(run.metrics_path, {"train"})
    assert set(seen) == {0.5}
    assert {row["clipped"] for row in rows} == {0.0}
    assert all(row["gradient_norm"] != 0.5 for row in rows)


def test_the_optimizer_s_events_are_read_when_a_line_is_due_and_only_then(train, monkeypatch):
    reads = []

    def events(optimizer):
        reads.append(optimizer)
        return {"spam_spikes": 3.0}

    monkeypatch.setattr(journal, "read_events", events)
    _, run = train(LOG_INTERVAL=8)
    rows = read_metrics(run.metrics_path, {"train"})
    assert [row["step"] for row in rows] == [8, 16, 20]
    assert len(reads) == 3
    assert {row["spam_spikes"] for row in rows} == {3.0}


def test_a_parameter_without_a_gradient_ends_the_run(train, monkeypatch):
    build = base.BaseGPT2Trainer.__init__

    def with_a_dead_parameter(self, *arguments):
        build(self, *arguments)
        self.model.register_parameter("dead", torch.nn.Parameter(torch.ones(2)))

    monkeypatch.setattr(base.BaseGPT2Trainer, "__init__", with_a_dead_parameter)
    outcome, _ = train()
    assert outcome.status == "failed"
    assert "parameter dead has no gradient" in outcome.reason
    assert outcome.measured["steps"] == 0


def test_what_is_doubtful_about_an_optimizer_is_in_the_log(train, monkeypatch):
    monkeypatch.setattr(journal, "notes", lambda optimizer: ["theta is small"])
    _, run = train()
    assert "note: theta is small" in run.log_path.read_text()


def test_the_learning_rate_follows_the_schedule_to_its_floor(train):
    _, run = train(LOG_INTERVAL=1)
    rates = [row["learning_rate"] for row in read_metrics(run.metrics_path, {"train"})]
    assert len(rates) == 20
    assert max(rates) == pytest.approx(6e-4)
    assert rates[-1] == pytest.approx(6e-5)


def test_bfloat16_trains_where_the_processor_has_it(train):
    from lib.device import DeviceError

    try:
        outcome, _ = train(DTYPE="bfloat16")
    except DeviceError:
        pytest.skip("this processor has no bfloat16")
    assert outcome.status == "done"
    reference, _ = train()
    assert outcome.measured["val_loss"] == pytest.approx(reference.measured["val_loss"], abs=0.05)
    assert outcome.measured["val_loss"] != reference.measured["val_loss"]


def test_epochs_decide_the_length(train):
    outcome, run = train(NUM_EPOCHS=1, BATCH_SIZE=32, GRADIENT_ACCUMULATION=4, BLOCK_SIZE=64)
    per_step = 32 * 4 * 64
    assert outcome.measured["steps"] == math.ceil(
        run.provenance()["data"]["train_tokens"] / per_step
    )
    assert outcome.measured["epochs"] >= 1


@pytest.mark.parametrize(("variant", "is_said"), [("bitter2", True), ("bitter1", False)])
def test_bitter2_without_extra_training_says_that_it_is_bitter1(train, variant, is_said):
    state = {"OPTIMIZER": "adamwprune", "PRUNING_METHOD": "state"}
    _, run = train(**state, ADAMWPRUNE_VARIANT=variant, MAX_ITERS=4)
    assert (f"note: {BITTER2_ALONE}" in run.log_path.read_text()) is is_said
