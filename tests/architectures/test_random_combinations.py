"""Sizes and work by arithmetic, for random legal combinations of components and sizes."""

from dataclasses import asdict
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gpt2.architectures import model_of
from gpt2.banner import banner, brief
from gpt2.budget import check_fit
from gpt2.cost import model_flops
from gpt2.instruments import run_facts
from gpt2.sizes import block_matrices, parameter_count
from lib.arms import settings_of
from lib.cli import ROOT
from lib.console import work
from lib.device import processor
from lib.flops import EXACT
from lib.kconfig import override_layer, read_layer
from lib.matmul import MatmulRate
from lib.memory import MemorySplit
from lib.throughput import throughput
from scripts.report.columns import architecture_columns
from scripts.report.load import Run
from tests.architectures.cases import COMPONENTS, options_of
from tests.architectures.test_architectures import counted_flops

HEADS = (1, 2, 3, 4, 6)


@st.composite
def combinations(draw) -> dict[str, str]:
    """Options of a model that Kconfig and the rules between options allow."""
    n_head = draw(st.sampled_from(HEADS))
    options = {
        "OPTIMIZER": "adamw",
        "PRUNING_METHOD": "none",
        "N_LAYER": draw(st.integers(1, 3)),
        "N_HEAD": n_head,
        "N_EMBD": max(8, n_head * 2 * draw(st.integers(1, 8))),
        "BLOCK_SIZE": draw(st.integers(8, 24)),
    }
    options["N_EMBD"] += -options["N_EMBD"] % (2 * n_head)
    row = {name: draw(st.integers(0, len(c) - 1)) for name, c in COMPONENTS.items()}
    options |= options_of(row)
    divisors = [0, *(n for n in range(1, n_head + 1) if n_head % n == 0)]
    options["N_KV_HEAD"] = draw(st.sampled_from(divisors))
    if options["FFN_HIDDEN"]:
        options["FFN_HIDDEN"] = draw(st.integers(1, 40))
    elif options["FFN_TYPE"] == "swiglu":
        options["FFN_MULTIPLE"] = draw(st.sampled_from([1, 8, 64]))
    return {name: str(value) for name, value in options.items()}


@pytest.fixture(scope="module")
def smoke() -> object:
    return read_layer(ROOT / "defconfigs" / "smoke", "smoke")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(options=combinations(), vocab_size=st.integers(2, 70))
def test_parameters_and_work_are_those_of_the_module(tree, smoke, options, vocab_size):
    chosen = settings_of(tree.resolve([smoke, override_layer(list(options.items()))]))
    check_fit(chosen, None)
    model = model_of(chosen, vocab_size, 1).train()
    assert parameter_count(chosen, vocab_size) == sum(p.numel() for p in model.parameters())
    matrices = sum(p.numel() for p in model.blocks.parameters() if p.dim() >= 2)
    assert block_matrices(chosen, model.shape) == matrices
    flops = model_flops(model, model.shape.block_size).training(EXACT)
    assert flops == counted_flops(model)


def run_of(speed) -> Run:
    """A run as the report has it that left this throughput."""
    blank = dict.fromkeys(("planned_steps", "planned_tokens", "folder"))
    texts = dict.fromkeys(("dir", "arm", "budget", "live", "reason"), "")
    summary = {"throughput": asdict(speed)}
    return Run(seed=1, axes={}, state="done", summary=summary, provenance={}, **blank, **texts)


# Twins that differ in nothing but the tied head: they compute the same products.
TWINS = [
    {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none", "ARCH_PRESET": "custom", "WEIGHT_TYING": tying}
    for tying in ("y", "n")
]


@settings(
    max_examples=36, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(options=combinations(), vocab_size=st.integers(2, 70))
@example(options=TWINS[0], vocab_size=64)
@example(options=TWINS[1], vocab_size=64)
def test_what_is_shown_is_what_pytorch_counts(tree, smoke, options, vocab_size):
    """In the banner, in a line and a row of the log, in the summary and in the report."""
    chosen = settings_of(tree.resolve([smoke, override_layer(list(options.items()))]))
    check_fit(chosen, None)
    model = model_of(chosen, vocab_size, 1).train()
    counted = counted_flops(model)
    facts = run_facts(
        run="",
        settings=chosen,
        model=model,
        dataset=SimpleNamespace(manifest=SimpleNamespace(vocab_size=vocab_size), train=range(999)),
        device=processor(),
        steps=20,
        first_step=0,
        matmul=None,
        split=MemorySplit(0, 0, 0, 0, 0),
        pruning="none",
        choices={},
    )
    assert facts.expected.flops_per_token == counted
    (line,) = (line for line in banner(facts) if "FLOPs per token" in line)
    assert f" {work(counted)}," in line
    assert brief(facts)[1].startswith(f"{work(counted)} a token")

    flops = model_flops(model, model.shape.block_size)
    product = MatmulRate(tflops=1.0, size=64, dtype="float32", seconds=0.1)
    speed = throughput(1e6, flops, "NVIDIA H200", product, 0)
    assert speed.flops_per_token == counted
    assert speed.achieved_tflops == pytest.approx(counted / 1e6, rel=1e-12)
    assert speed.mfu == pytest.approx(counted / 1e6 / 989, rel=1e-12)
    assert speed.share_of_matmul == pytest.approx(counted / 1e6, rel=1e-12)
    assert speed.useful_flops_per_token == 3 * speed.forward_flops_per_token == counted

    run = run_of(speed)
    shown = {column.key: column.read(run) for column in architecture_columns([run])}
    assert shown["flops_per_token"] == counted
    assert shown["mfu"] == speed.mfu
    assert shown["matmul_share"] == speed.share_of_matmul
