"""The baseline is the same model, trained as people do; its own code, so also a judge of ours."""

import ast
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from gpt2.schedule import learning_rate
from lib.run_length import ByStep
from scripts.bench import plain_loop
from scripts.bench.data import make_dataset
from scripts.bench.loops import PlainLoop, our_windows, random_windows, train_file
from scripts.bench.our_loop import OurLoop
from scripts.bench.plain_loop import PlainGPT, get_batch, get_lr, open_tokens
from scripts.bench.workloads import FAST

CPU = torch.device("cpu")


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "data", FAST.vocab_size, 20_000, 2_000, seed=1)


@pytest.fixture
def both(context, dataset, tmp_path):
    """both(NAME=value, ...): our loop and the plain one, from one set of weights, in float32.

    is_fed: the plain one gets our batches.
    """
    stack = []

    def make(is_fed=False, **options):
        here = context(CPU_THREADS=1)
        named = {name: str(value) for name, value in options.items()}
        settings = here.settings(dict(FAST.options) | {"DTYPE": "float32"} | named)
        ours = OurLoop(settings, dataset, here.device, tmp_path / f"run-{len(stack)}")
        stack.append(ours)
        if is_fed:
            batches = our_windows(dataset, settings, CPU)
        else:
            batches = random_windows(dataset, settings, CPU, seed=1)
        plain = PlainLoop(settings, FAST.vocab_size, CPU, batches, ours.initial_weights())
        return ours, plain, settings

    yield make
    for ours in stack:
        ours.__exit__()


def test_it_shares_no_code_with_what_it_is_compared_to():
    """Only how a token file begins; else what gets faster there would get faster here."""
    tree = ast.parse(Path(plain_loop.__file__).read_text())
    ours = [
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in ("gpt2", "lib")
    ]
    assert ours == ["gpt2.datasets.shards"]


def test_the_same_model(both, dataset):
    ours, _, settings = both()
    weights = ours.initial_weights()
    plain = PlainGPT(settings, FAST.vocab_size)
    plain.load_state_dict(weights)
    mine, theirs = (dict(model.named_parameters()) for model in (ours.model, plain))
    assert mine.keys() == theirs.keys()
    assert all(mine[name].shape == theirs[name].shape for name in mine)
    rows = torch.from_numpy(dataset.train.window(0, 4 * 33).astype(np.int64)).view(4, 33)
    loss = ours.model.loss(rows)
    other = plain(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())
    assert loss.item() == pytest.approx(other.item(), rel=1e-6)
    loss.backward()
    other.backward()
    for name in mine:
        assert torch.allclose(mine[name].grad, theirs[name].grad, rtol=1e-4, atol=1e-7), name


@pytest.mark.parametrize("bias", ["y", "n"])
@pytest.mark.parametrize("accumulation", [1, 3])
def test_the_first_steps_agree_on_the_same_batches(both, accumulation, bias):
    """Loss and norm of the gradients before the clip, and the weights after three updates."""
    ours, plain, _ = both(
        is_fed=True,
        GRADIENT_ACCUMULATION=accumulation,
        ARCH_PRESET="custom",
        BIAS=bias,
        NORMALIZATION="layernorm" if bias == "y" else "layernorm-nobias",
        WARMUP_STEPS=2,
        MAX_ITERS=9,
    )
    for step in range(3):
        ours.step()
        mine, theirs = ours.read(), plain.step()
        assert mine["gradient_norm"] == pytest.approx(theirs.norm.item(), rel=1e-5), step
        if accumulation == 1:
            assert mine["loss"] == pytest.approx(theirs.loss, rel=1e-6), step
    plain_weights = plain.model.state_dict()
    for name, weight in ours.model.state_dict().items():
        assert torch.allclose(weight, plain_weights[name], rtol=1e-4, atol=1e-6), name


def test_the_loss_falls_on_the_made_up_language(both):
    _, plain, _ = both(LEARNING_RATE="1e-2", WARMUP_STEPS=5, MAX_ITERS=200)
    losses = [plain.step().loss for _ in range(200)]
    assert abs(losses[0] - math.log(FAST.vocab_size)) < 0.1
    assert np.mean(losses[-20:]) < losses[0] - 1.5


def test_the_learning_rates_are_ours(context):
    share = {"WARMUP_STEPS": "-1", "WARMUP_PCT": "25"}
    for decay, warmup in (("y", {"WARMUP_STEPS": "5"}), ("n", {"WARMUP_STEPS": "5"}), ("y", share)):
        options = {"MAX_ITERS": "20", "DECAY_LR": decay} | warmup
        settings = context().settings(dict(FAST.options) | options)
        floor = settings["MIN_LR"] if decay == "y" else settings["LEARNING_RATE"]
        for step in range(20):
            ours = learning_rate(ByStep(20, 5), step + 1, settings["LEARNING_RATE"], floor)
            assert get_lr(step, settings) == pytest.approx(ours, rel=1e-12), step


def test_y_is_x_one_token_later(dataset):
    tokens = open_tokens(train_file(dataset))
    assert len(tokens) == len(dataset.train)
    assert np.array_equal(tokens[:100], dataset.train.window(0, 100))
    generator = torch.Generator().manual_seed(1)
    x, y = get_batch(tokens, 32, 6, CPU, generator)
    assert (x.dtype, x.shape, y.shape) == (torch.int64, (6, 32), (6, 32))
    assert torch.equal(x[:, 1:], y[:, :-1])
    again, _ = get_batch(tokens, 32, 6, CPU, generator)
    assert not torch.equal(x, again)


def test_on_a_processor_the_optimizer_is_a_loop_in_float32(both):
    _, plain, _ = both()
    plain.step()
    here = plain._steps.gi_frame.f_locals
    for group in here["optimizer"].param_groups:
        assert (group["foreach"], group["fused"]) == (False, False)
    assert here["forward"] is here["model"]
    assert here["read_every"] == 1
    assert {parameter.dtype for parameter in here["model"].parameters()} == {torch.float32}
    decays = {len(g["params"]): g["weight_decay"] for g in here["optimizer"].param_groups}
    assert sorted(decays.values()) == [0.0, 0.1]
