"""What the blocks of a measurement are made into, and a smallest one from end to end."""

import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from gpt2.budget import tokens_per_step
from lib.device import Device
from scripts.bench import training
from scripts.bench.matmul import Product, fastest_product
from scripts.bench.training import Timed, describe
from scripts.bench.workloads import FAST, ON_A_GPU, ON_A_PROCESSOR

CPU = torch.device("cpu")


def timed(plain_ms, ours_ms, twin_ms, product_ms, dtype=torch.bfloat16):
    """Five rounds of 1000 tokens a step, 2000 FLOPs a token, 10 products of 1e5 FLOPs."""
    product = Product(50, 100, 10, False, dtype, CPU)
    assert product.flops == 100_000
    blocks = [[ms] * 10 for ms in (plain_ms, ours_ms, twin_ms, product_ms)]
    return Timed(blocks, tokens=1000, flops=2000, product=product, product_count=10)


def test_known_answers():
    found = timed(plain_ms=200.0, ours_ms=100.0, twin_ms=198.0, product_ms=40.0)
    assert found.rounds == 5
    assert found.tokens_per_s(training.OURS) == pytest.approx(10_000)
    assert found.tokens_per_s(training.PLAIN) == pytest.approx(5_000)
    assert found.speed_up().median == pytest.approx(2.0)
    assert found.control().median == pytest.approx(200 / 198)
    assert found.product_rate() == pytest.approx(1e6 / 0.040)
    # 2e6 FLOPs in 0.1 s are 2e7 a second; the products did 2.5e7.
    assert found.share_of_product(training.OURS).median == pytest.approx(0.8)
    assert found.share_of_product(training.PLAIN).median == pytest.approx(0.4)


@pytest.mark.parametrize(("noise", "passes"), [(0.0, 1), (0.3, training.MOST_PASSES)])
def test_it_goes_on_until_the_control_is_precise(monkeypatch, context, noise, passes):
    """Whatever the control reads, and whatever the others do."""
    draw = random.Random(1)

    class Loop:
        def __init__(self, ms, noise=0.0):
            self.ms, self.noise, self.blocks = ms, noise, 0

        def block(self, repetitions):
            self.blocks += 1
            return [self.ms * (1 + draw.uniform(-self.noise, self.noise))]

    product = Product(2, 2, 2, False, torch.float32, CPU)
    monkeypatch.setattr(training, "fastest_product", lambda *_, **__: (product, 1.0))
    monkeypatch.setattr(training, "FAST_TOLERANCE", training.TOLERANCE)
    facts = SimpleNamespace(dtype="float32", flops=10, tokens=20)
    # Twenty per cent off is no reason to go on, and twofold noise of ours is none either.
    plain, ours, twin = Loop(10.0), Loop(5.0, noise=0.9), Loop(12.0, noise)
    pace = training.Pace(seconds=0.0, fewest_rounds=9, most_rounds=9, block_ms=1.0)
    found = training.time_loops((plain, ours, twin), facts, context(), pace)
    assert found.rounds == 9 * passes
    assert {len(blocks) for blocks in found.blocks_ms} == {2 * 9 * passes}


@pytest.mark.parametrize(("twin_ms", "verdict"), [(200.0, "reached"), (202.0, "void: A/A 0.990")])
def test_a_twin_that_differs_makes_the_measurement_void(monkeypatch, context, twin_ms, verdict):
    monkeypatch.setattr(training, "FAST_TOLERANCE", training.TOLERANCE)
    found = list(describe(timed(200.0, 100.0, twin_ms, 40.0), FAST, context()))
    assert [line.verdict for line in found[1:]] == [verdict, verdict]
    assert (found[0].verdict == "held") == (verdict == "reached")


def test_the_goals_of_bfloat16_are_not_those_of_float32(context):
    (characters,) = (each for each in ON_A_PROCESSOR if each.key == "characters")
    for dtype, goals in ((torch.bfloat16, [">= 1.6", ">= 0.7"]), (torch.float32, [">= 1.1", "-"])):
        found = describe(timed(200.0, 100.0, 200.0, 40.0, dtype), characters, context())
        assert [line.cells()[6] for line in found] == ["-", *goals]


def test_mfu_of_a_known_device(context):
    gpu = Device("cuda", "NVIDIA H200", 141 << 30, 1)
    free = ON_A_GPU[-1]
    # 2e6 FLOPs in 4.49 ns are 445 TFLOP/s, 45 % of 989.
    found = timed(plain_ms=8.98e-6, ours_ms=4.49e-6, twin_ms=8.98e-6, product_ms=40.0)
    (line,) = list(describe(found, free, replace(context(), device=gpu)))[3:]
    assert line.what.startswith("MFU, of 989 TFLOP/s (H200 SXM")
    assert (line.ours, line.plain) == ("0.450", "0.225")
    assert (str(line.goal), line.verdict) == (">= 0.45", "reached")
    unknown = replace(gpu, name="Some GPU")
    assert len(list(describe(found, free, replace(context(), device=unknown)))) == 3


@pytest.mark.slow
def test_every_line_and_the_clock_of_a_smallest_measurement(context):
    section = training.measure(context(CPU_THREADS=1))
    names = [finding.what for finding in section.findings]
    assert names[0].startswith("A/A: the plain loop against itself")
    assert names[1] == "tokens/s"
    assert names[2].startswith("share of the matmul rate")
    rate = float(section.findings[1].ours.replace(",", ""))
    plain = float(section.findings[1].plain.replace(",", ""))
    assert section.findings[1].ratio.median == pytest.approx(rate / plain, rel=0.01)
    assert any("nanoGPT does on a processor" in note for note in section.notes)


@pytest.mark.parametrize("workload", [*ON_A_PROCESSOR, *ON_A_GPU, FAST], ids=lambda w: w.key)
def test_both_loops_learn_from_as_many_tokens_in_a_step(context, workload):
    ours, plain = (context().settings(part) for part in (workload.ours, workload.options))
    assert tokens_per_step(ours) == tokens_per_step(plain)
    assert ours["DROPOUT"] == 0


def test_the_goals_are_those_of_the_design():
    goals = {w.key: (w.least_ratio, w.least_share_of_matmul) for w in ON_A_PROCESSOR}
    assert goals == {"tiny": (1.05, None), "characters": (1.6, 0.7), "gpt2": (1.8, None)}


def test_the_fastest_product_is_one_of_the_candidates_and_right():
    product, milliseconds = fastest_product(CPU, torch.float32, is_fast=True)
    assert milliseconds > 0
    assert (product.rows, product.inner, product.columns) in ((64, 64, 64), (128, 64, 128))


def test_an_option_that_is_fixed_cannot_be_chosen(context):
    with pytest.raises(ValueError, match="N_LAYER cannot be chosen"):
        context(N_LAYER=3).settings(FAST.ours)
    assert context(DTYPE="float32").settings(FAST.ours)["DTYPE"] == "float32"


def test_warm_up_is_twenty_steps_or_as_many_as_time_allows(context, monkeypatch):
    class Slow:
        def __init__(self, step_s):
            self.step_s, self.steps = step_s, 0

        def block(self, steps):
            self.steps += steps
            now["s"] += self.step_s
            return [1e3 * self.step_s if self.steps > 1 else 9e9]

    now = {"s": 0.0}
    monkeypatch.setattr(training.time, "perf_counter", lambda: now["s"])
    whole = replace(context(), is_fast=False)
    for step_s, steps in ((0.1, 20), (3.0, 11), (60.0, 5)):
        loop = Slow(step_s)
        # The first step, which compiles, says nothing of the rest.
        assert training._warm_up(loop, whole) == pytest.approx(1e3 * step_s)
        assert loop.steps == steps
