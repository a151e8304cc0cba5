"""The presets as keywords of the factory, and gradients that depend on the step alone."""

import torch

OFF = {
    "learning_rate": 0.1,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    "enable_clip": False,
    "theta": 50.0,
    "corrected_reference": True,
    "grace": 20,
    "periodic_reset": False,
    "interval": 1000,
    "bias_reset": True,
    "warmup": False,
    "warmup_steps": 100,
    "warmup_floor": 0.001,
    "detect_spikes": False,
    "spike_threshold": 2.0,
    "log_norms": False,
    "amsgrad": False,
    "density": 1.0,
    "as_published": False,
    "seed": 1,
}
SEED = OFF | {
    "enable_clip": True,
    "periodic_reset": True,
    "warmup": True,
    "detect_spikes": True,
    "amsgrad": True,
}
PAPER = OFF | {
    "epsilon": 1e-6,
    "enable_clip": True,
    "theta": 5000.0,
    "corrected_reference": False,
    "periodic_reset": True,
    "interval": 500,
    "bias_reset": False,
    "warmup": True,
    "warmup_steps": 150,
    "warmup_floor": 0.01,
    "as_published": True,
}
PRESETS = {"off": OFF, "seed": SEED, "paper": PAPER}


def set_gradients(named, step, factor=1.0):
    generator = torch.Generator().manual_seed(1000 + step)
    for _, parameter in named:
        gradient = factor * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.grad = gradient.to(parameter.dtype)
