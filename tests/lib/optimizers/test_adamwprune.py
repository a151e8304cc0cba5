import torch
from torch import nn

from lib.optimizers.adamw import adamw
from lib.optimizers.adamwprune import adamwprune

SETTINGS = {
    "learning_rate": 1e-2,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
}


def test_is_its_base_bit_for_bit_and_owns_nothing():
    def trajectory(build):
        torch.manual_seed(0)
        named = [("a", nn.Parameter(torch.randn(5, 3))), ("b", nn.Parameter(torch.randn(3)))]
        optimizer = build(named)
        for _ in range(20):
            for _, p in named:
                p.grad = torch.randn_like(p)
            optimizer.step()
        return [p.detach() for _, p in named], optimizer.state_dict()

    base, base_state = trajectory(lambda named: adamw(named, **SETTINGS))
    ours, our_state = trajectory(lambda named: adamwprune(named, base=adamw, **SETTINGS))
    assert all(torch.equal(a, b) for a, b in zip(base, ours, strict=True))
    assert our_state["param_groups"] == base_state["param_groups"]
    for key, state in base_state["state"].items():
        assert set(our_state["state"][key]) == set(state) == {"step", "exp_avg", "exp_avg_sq"}
