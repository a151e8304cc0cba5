"""Sizes and work by arithmetic, for random legal combinations of components and sizes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpt2.architectures import model_of
from gpt2.budget import check_fit
from gpt2.cost import model_flops
from gpt2.sizes import block_matrices, parameter_count
from lib.arms import settings_of
from lib.cli import ROOT
from lib.flops import EXACT
from lib.kconfig import override_layer, read_layer
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
    assert flops == pytest.approx(counted_flops(model), rel=1e-3)
