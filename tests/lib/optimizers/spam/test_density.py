"""R10: below density 1 a random share of each block matrix is updated between two resets."""

import pytest
import torch
from torch import nn

HALF = {"density": 0.5, "periodic_reset": True, "interval": 10, "learning_rate": 0.01}


def big():
    shapes = {
        "token_embedding.weight": (40, 30),
        "blocks.0.up.weight": (60, 50),
        "blocks.0.up.bias": (60,),
        "blocks.1.up.weight": (60, 50),
    }
    return [(name, nn.Parameter(torch.ones(shape))) for name, shape in shapes.items()]


def step(optimizer, named):
    """One step with gradients of 1; which elements moved, by name."""
    before = {name: p.detach().clone() for name, p in named}
    for _, p in named:
        p.grad = torch.ones_like(p)
    optimizer.step()
    return {name: p.detach() != before[name] for name, p in named}


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_r10_the_share_of_block_matrices_that_moves(build, density):
    named = big()
    moved = step(build(named, **HALF | {"density": density}), named)
    for name in ("blocks.0.up.weight", "blocks.1.up.weight"):
        # Four standard deviations of 3000 draws.
        assert moved[name].double().mean().item() == pytest.approx(density, abs=0.04)
    assert moved["token_embedding.weight"].all()
    assert moved["blocks.0.up.bias"].all()


def test_r10_masks_stay_between_resets_and_are_drawn_afresh_at_each(build):
    named = big()
    optimizer = build(named, **HALF)
    masks = [step(optimizer, named)["blocks.0.up.weight"] for _ in range(35)]
    draws = [masks[0], masks[9], masks[19], masks[29]]
    for number, mask in enumerate(masks, 1):
        assert torch.equal(mask, draws[number // 10]), number
    for i in range(4):
        for j in range(i):
            both = (draws[i] & draws[j]).double().mean().item()
            assert both == pytest.approx(0.25, abs=0.04)


def test_r10_every_tensor_and_seed_has_masks_of_its_own(build):
    named = big()
    moved = step(build(named, **HALF), named)
    other, same = big(), big()
    again = step(build(same, **HALF), same)
    elsewhere = step(build(other, **HALF | {"seed": 2}), other)
    first, second = "blocks.0.up.weight", "blocks.1.up.weight"
    assert torch.equal(moved[first], again[first])
    assert not torch.equal(moved[first], moved[second])
    assert not torch.equal(moved[first], elsewhere[first])


def test_r10_masks_draw_from_no_shared_stream(build):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    named = big()
    optimizer = build(named, **HALF)
    for _ in range(12):
        step(optimizer, named)
    assert torch.equal(torch.get_rng_state(), before)


def test_r10_decay_reaches_what_the_mask_leaves_out(build):
    named = big()
    optimizer = build(named, **HALF | {"weight_decay": 0.1, "learning_rate": 0.1})
    for _ in range(9):
        step(optimizer, named)
    weight, state = named[1][1].detach(), optimizer.state[named[1][1]]
    closed = state["exp_avg_sq"] == 0
    assert closed.double().mean().item() == pytest.approx(0.5, abs=0.04)
    torch.testing.assert_close(weight[closed], torch.full_like(weight[closed], 0.99**9))
    assert (weight[~closed] < 0.99**9).all()


def test_r10_equals_the_compact_state_of_the_paper(build):
    """Only the open elements exist for AdamW; in between, nothing of the others is left over."""
    named = big()
    optimizer = build(named, **HALF)
    compact = None
    for number in range(1, 26):
        before = named[1][1].detach().clone()
        generator = torch.Generator().manual_seed(number)
        for _, p in named:
            p.grad = torch.randn(p.shape, generator=generator)
        gradient = named[1][1].grad.clone()
        optimizer.step()
        if number % 10 == 0 or compact is None:
            open_ = optimizer.state[named[1][1]]["exp_avg"] != 0
            compact = nn.Parameter(before[open_])
            judge = torch.optim.AdamW([compact], lr=0.01, weight_decay=0.0, fused=True)
        compact.grad = gradient[open_]
        judge.step()
        torch.testing.assert_close(named[1][1].detach()[open_], compact.detach())
        assert torch.equal(named[1][1].detach()[~open_], before[~open_])


def test_r10_the_norm_that_comes_back_is_that_of_the_open_elements(build):
    named = big()
    optimizer = build(named, **HALF)
    for _, p in named:
        p.grad = torch.ones_like(p)
    norm = torch.nn.utils.get_total_norm([p.grad for _, p in named])
    after = optimizer.condition_gradients(norm)
    assert after < norm
    assert torch.equal(after, torch.nn.utils.get_total_norm([p.grad for _, p in named]))
