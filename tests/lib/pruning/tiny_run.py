"""A few hundred weights that train and are pruned: what the tests of the pruner share."""

import torch
from torch import nn

from lib.optimizers import build_optimizer
from lib.pruning import build_pruner

OPTIMIZER = {
    "LEARNING_RATE": 1e-2,
    "BETA1": 0.9,
    "BETA2": 0.95,
    "EPSILON": 1e-8,
    "WEIGHT_DECAY": 0.1,
    "ADAMWPRUNE_BASE": "adamw",
}


PRUNING = {
    "PRUNING": True,
    "SEED": 5,
    "TARGET_SPARSITY": 0.5,
    "PRUNING_SCHEDULE": "zhu-gupta",
    "PRUNING_BEGIN_PCT": 25,
    "PRUNING_END_PCT": 75,
    "PRUNING_FREQUENCY": 7,
    "PRUNING_SCOPE": "blocks",
    "PRUNING_DISTRIBUTION": "uniform",
    "PRUNING_PATTERN": "unstructured",
    "PRUNING_N": None,
    "PRUNING_M": None,
    "PRUNING_ALPHA": 0.25,
    "ADAMWPRUNE_VARIANT": "bitter1",
    "ADAMWPRUNE_NORMALISE": False,
}


STEPS = 80


SIZES = {"blocks.0.up": 35, "blocks.1.up": 54}


N = sum(SIZES.values())


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(11)
    shapes = {
        "token_embedding.weight": (4, 3),
        "blocks.0.up": (5, 7),
        "blocks.0.bias": (5,),
        "blocks.1.up": (9, 6),
    }
    return [
        (name, nn.Parameter(torch.randn(shape, generator=generator).to(dtype)))
        for name, shape in shapes.items()
    ]


class Run:
    """A tiny training run whose loss pulls every weight towards a noisy goal of its own."""

    def __init__(self, method="magnitude", optimizer="adamw", dtype=torch.float32, **settings):
        self.named = parameters(dtype)
        self.settings = OPTIMIZER | PRUNING | settings
        self.gradient_scale = 1.0
        self.optimizer = build_optimizer(optimizer, self.named, self.settings)
        self.pruner = build_pruner(method, self.named, self.optimizer, self.settings, STEPS)
        self.step = 0
        self.events = []

    def train(self, steps=STEPS):
        for _ in range(steps):
            self.step += 1
            self.backward()
            self.pruner.gate_gradients()
            self.check_gate()
            self.optimizer.step()
            event = self.pruner.step(self.step)
            if event is not None:
                self.events.append(event)
                self.check_event(event)
        return self

    def backward(self):
        generator = torch.Generator().manual_seed(self.step)
        for _, p in self.named:
            goal = torch.randn(p.shape, generator=generator).to(p.dtype)
            # Coordinates differ in noise, or v would be the same for all and no score's business.
            noise = torch.linspace(0.03, 30.0, p.numel()).view(p.shape).to(p.dtype)
            p.grad = (p.detach() - goal) * noise * self.gradient_scale

    def check_gate(self):
        """Called between gate and optimizer; for a subclass."""

    def check_event(self, event):
        """Called after each event; for a subclass."""

    def weights(self):
        return {name: p.detach() for name, p in self.named}

    def masks(self):
        return {name: self.weights()[name] == 0 for name in SIZES}


def assert_same(first, second):
    for (name, a), (_, b) in zip(first.named, second.named, strict=True):
        assert torch.equal(a, b), name
        state_a, state_b = first.optimizer.state[a], second.optimizer.state[b]
        assert all(
            torch.equal(torch.as_tensor(state_a[key]), torch.as_tensor(state_b[key]))
            for key in state_a
        ), name


CRITERIA = [
    *((name, None) for name in ("magnitude", "movement", "movement-displacement", "random")),
    *((name, None) for name in ("obd", "salpha")),
    *(("state", f"bitter{i}") for i in range(10)),
]
STATE_VARIANTS = [("magnitude", "bitter1")] + [("state", f"bitter{i}") for i in (0, 1, 7)]
