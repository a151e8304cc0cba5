"""What the tests of all optimizers share: a few tensors of every kind, gradients, judgements."""

import copy
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

SHAPES = {
    "blocks.0.matrix": (5, 7),
    "blocks.0.bias": (7,),
    "gate": (),
    "empty": (0, 3),
    "embedding": (4, 6),
    "blocks.1.matrix": (5, 7),
    "blocks.1.tall": (8, 3),
}

# Every configuration symbol that an entry of the registry reads, and one that none reads.
ALL_SETTINGS = {
    "LEARNING_RATE": 1e-2,
    "BETA1": 0.9,
    "BETA2": 0.95,
    "EPSILON": 1e-8,
    "WEIGHT_DECAY": 0.1,
    "SGD_LEARNING_RATE_FACTOR": 50.0,
    "SGD_MOMENTUM": 0.9,
    "SGD_WEIGHT_DECAY": 0.1,
    "ADAM_WEIGHT_DECAY": 0.1,
    "MUON_MOMENTUM": 0.95,
    "MUON_NESTEROV": True,
    "MUON_ITERATIONS": 5,
    "ADAMWPRUNE_BASE": "adamw",
    "BLOCK_SIZE": 64,
    "SEED": 1,
    "SPAM_EPSILON": 1e-8,
    "SPAM_ENABLE_CLIP": True,
    "SPAM_THETA": 50.0,
    "SPAM_CORRECTED_REFERENCE": True,
    "SPAM_GRACE": 20,
    "SPAM_AS_PUBLISHED": False,
    "SPAM_PERIODIC_RESET": True,
    "SPAM_INTERVAL": 1000,
    "SPAM_BIAS_RESET": True,
    "SPAM_WARMUP": True,
    "SPAM_WARMUP_STEPS": 100,
    "SPAM_WARMUP_FLOOR": 0.001,
    "SPAM_DETECT_SPIKES": True,
    "SPAM_SPIKE_THRESHOLD": 2.0,
    "SPAM_LOG_NORMS": False,
    "SPAM_AMSGRAD": True,
    "SPAM_DENSITY": 1.0,
    "STABLE_SPAM_GAMMA1": 0.7,
    "STABLE_SPAM_GAMMA2": 0.9,
    "STABLE_SPAM_GAMMA3": 0.999,
    "STABLE_SPAM_INTERVAL": 1000,
}


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return [
        (name, nn.Parameter(torch.randn(shape, generator=generator).to(dtype)))
        for name, shape in SHAPES.items()
    ]


def train(optimizer, named, steps, seed=2):
    """Random gradients, the same for the same seed and step."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for _, p in named:
            p.grad = torch.randn(p.shape, generator=generator).to(p.dtype)
        optimizer.step()


def weights(build, steps=5, dtype=torch.float32):
    """The weights after a few steps with the optimizer that `build(named)` returns."""
    named = parameters(dtype)
    train(build(named), named, steps)
    return [p.detach() for _, p in named]


def are_equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def assert_step_by_step(build, judge, dtype=torch.float32, steps=20, tolerance=0.0):
    """Two optimizers give the same weights after each of 20 steps."""
    ours, theirs = parameters(dtype), parameters(dtype)
    optimizer, reference = build(ours), judge(theirs)
    for step in range(steps):
        train(optimizer, ours, 1, seed=step)
        train(reference, theirs, 1, seed=step)
        for (name, a), (_, b) in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=tolerance, msg=f"{name}, step {step}")


def in_groups(named, decay):
    """The shared rule, written down again for torch's own optimizers."""
    return [
        {"params": [p for _, p in named if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for _, p in named if p.ndim < 2], "weight_decay": 0.0},
    ]


def assert_round_trip(build):
    """Saved in the middle and loaded into a new optimizer, it goes on bit-equal, state and all."""
    straight = parameters()
    optimizer = build(straight)
    train(optimizer, straight, 5)
    saved_weights = [p.detach().clone() for _, p in straight]
    saved_state = copy.deepcopy(optimizer.state_dict())
    train(optimizer, straight, 5, seed=9)

    resumed = [
        (name, nn.Parameter(weight)) for name, weight in zip(SHAPES, saved_weights, strict=True)
    ]
    again = build(resumed)
    again.load_state_dict(saved_state)
    train(again, resumed, 5, seed=9)
    assert are_equal([p for _, p in straight], [p for _, p in resumed])
    ours, theirs = optimizer.state_dict(), again.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    for key, state in ours["state"].items():
        assert set(state) == set(theirs["state"][key])
        for name, value in state.items():
            other = theirs["state"][key][name]
            is_same = torch.equal(value, other) if torch.is_tensor(value) else value == other
            assert is_same, name


class _Reads(TorchDispatchMode):
    """Counts the calls that make the host wait for a number on the device."""

    NAMES = ("aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal")

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function.name().split(".")[0] in self.NAMES
        return function(*args, **(kwargs or {}))


@contextmanager
def counted_reads():
    """with counted_reads() as reads: ...; reads.count is how often the host read a tensor."""
    with _Reads() as reads:
        yield reads
