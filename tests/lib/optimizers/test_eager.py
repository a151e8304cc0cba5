"""Without PyTorch's compiler the optimizers compute the same, and it is not imported."""

import subprocess
import sys

import pytest

from lib.cli import ROOT

# A process of its own: this one has the compiler as soon as any test wanted it.
PROGRAM = """
import itertools
import sys
import torch
from lib.optimizers import OPTIMIZERS, build_optimizer
from lib.optimizers.eager import do_without_compiler
from tests.lib.optimizers.harness import ALL_SETTINGS

if sys.argv[1] == "without":
    do_without_compiler()
# The kernels that torch has for each case: fused ones, and others for a transposed weight.
for name, matrix in itertools.product(OPTIMIZERS, (torch.ones(8, 4), torch.ones(4, 8).T)):
    torch.manual_seed(1)
    weights = [torch.nn.Parameter(torch.randn_like(like)) for like in (matrix, torch.ones(4))]
    names = ("blocks.0.attention.weight", "blocks.0.attention.bias")
    optimizer = build_optimizer(name, list(zip(names, weights)), ALL_SETTINGS)
    for _ in range(5):
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    optimizer.load_state_dict(optimizer.state_dict())
    assert all(weight.requires_grad and weight.is_leaf for weight in weights)
    print(name, [weight.tolist() for weight in weights])
print("torch._dynamo" in sys.modules)
"""


def in_a_process(word):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *results, has_compiler = done.stdout.splitlines()
    return results, has_compiler


@pytest.mark.slow
def test_every_optimizer_does_the_same_without_the_compiler():
    without, has_compiler = in_a_process("without")
    assert has_compiler == "False"
    marked, has_compiler = in_a_process("with")
    assert has_compiler == "True"
    assert without == marked
