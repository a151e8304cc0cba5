"""The compiled form of every architecture: causal as well, and the same function.

Traced and differentiated ahead of time, without generating code, for all; with generated code for
a few (`BITTERBENCH_COMPILED=all` for all, four minutes).
"""

import os
import warnings

import pytest
import torch

from gpt2.reciprocal.steps import STEPS
from tests.architectures.cases import CASES
from tests.architectures.test_architectures import assert_causal, every_case

GENERATED = ("llama", "RT")
if os.environ.get("BITTERBENCH_COMPILED") == "all":
    GENERATED = tuple(CASES)


def assert_compiles(model, text, backend: str) -> None:
    torch._dynamo.reset()
    with warnings.catch_warnings():
        # Of PyTorch's own compiler, about itself.
        warnings.simplefilter("ignore")
        compiled = torch.compile(model, backend=backend, dynamic=False)
        with torch.no_grad():
            # Rotary angles are float32 whatever the model, and their sines differ in the last bit.
            torch.testing.assert_close(compiled(text), model(text), atol=1e-6, rtol=1e-4)
        assert_causal(compiled, text[0])


@every_case
def test_a_token_never_changes_what_came_before_it(build, text, case):
    # The chunks of an evicting attention are unrolled: a layer takes four seconds.
    evicts = STEPS.get(case.split()[0], STEPS["V0"]).eviction != "none"
    model = build(case, DROPOUT="0.0", N_LAYER=1 if evicts else 2).double().eval()
    assert_compiles(model, text[0].expand(16, 16).contiguous(), "aot_eager")


@pytest.mark.slow
@pytest.mark.parametrize("case", GENERATED)
def test_with_generated_code(build, text, case):
    model = build(case, DROPOUT="0.0").double().eval()
    assert_compiles(model, text[0].expand(16, 16).contiguous(), "inductor")
