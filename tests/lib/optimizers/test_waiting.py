"""No optimizer makes the host wait for the device, in a step or before it."""

import pytest
import torch
from torch import nn

from lib.optimizers import OPTIMIZERS, build_optimizer, condition_gradients, set_learning_rate
from tests.lib.optimizers.harness import ALL_SETTINGS, counted_reads, parameters

# A reset at step 4, and clipping from step 2 on, so that every mechanism is met.
SETTINGS = ALL_SETTINGS | {
    "SPAM_INTERVAL": 4,
    "SPAM_WARMUP_STEPS": 2,
    "SPAM_GRACE": 1,
    "SPAM_AS_PUBLISHED": True,
    "STABLE_SPAM_INTERVAL": 4,
}


def gradients_of(named, seed):
    for index, (_, p) in enumerate(named):
        generator = torch.Generator().manual_seed(100 * seed + index)
        p.grad = torch.randn(p.shape, generator=generator).to(p.device)


def one_step(optimizer, named):
    set_learning_rate(optimizer, 1e-3)
    norm = torch.nn.utils.get_total_norm([p.grad for _, p in named])
    norm = condition_gradients(optimizer, norm)
    torch.nn.utils.clip_grads_with_norm_([p for _, p in named], 1.0, norm)
    optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_is_read_back_on_the_way_through_a_step(name):
    named = parameters()
    optimizer = build_optimizer(name, named, SETTINGS)
    with counted_reads() as reads:
        for step in range(6):
            gradients_of(named, step)
            one_step(optimizer, named)
    assert reads.count == 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_by_itself_reads_nothing_back_either(name):
    named = parameters()
    optimizer = build_optimizer(name, named, SETTINGS)
    with counted_reads() as reads:
        for step in range(6):
            gradients_of(named, step)
            optimizer.step()
    assert reads.count == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_waits_on_a_gpu(name):
    named = [(key, nn.Parameter(p.detach().cuda())) for key, p in parameters()]
    optimizer = build_optimizer(name, named, SETTINGS)
    for step in range(6):
        gradients_of(named, step)
        torch.cuda.set_sync_debug_mode("error")
        try:
            one_step(optimizer, named)
        finally:
            torch.cuda.set_sync_debug_mode("default")
