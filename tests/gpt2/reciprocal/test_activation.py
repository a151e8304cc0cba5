import math

import pytest
import torch

from gpt2.reciprocal.activation import RULES, Activation
from gpt2.reciprocal.gates import DORMANT
from gpt2.reciprocal.steps import DELAY, STEPS
from lib.run_length import ByStep


def activation(step="V12", rule="variance", ramp=0, total=10_000) -> Activation:
    return Activation(STEPS[step], RULES[rule], ramp, ByStep(total), "cpu")


def run(policy: Activation, losses, start=0) -> list[float]:
    """How far the parts were awake in each step."""
    awake = []
    for done, loss in enumerate(losses, start=start + 1):
        awake.append(policy.awake(done - 1))
        policy.observe(done, torch.tensor(float(loss)))
    return awake


def test_a_step_without_a_policy_is_awake_from_the_start():
    policy = activation("V1")
    assert run(policy, [3.0] * 5) == [1.0] * 5
    assert policy.woken_at == 0


def test_a_delayed_step_sleeps_75_steps():
    policy = activation("V12")
    awake = run(policy, [3.0] * 80)
    assert awake == [DORMANT] * DELAY + [1.0] * (80 - DELAY)
    assert (policy.woken_at, policy.reason) == (75, "delay")


def test_a_ramp_rises_in_equal_steps():
    policy = activation("V12", ramp=3)
    awake = run(policy, [3.0] * 81)[73:]
    wanted = [DORMANT, DORMANT, *(DORMANT + (1 - DORMANT) * k / 4 for k in (1, 2, 3, 4)), 1.0, 1.0]
    assert awake == pytest.approx(wanted)


def test_a_short_run_wakes_at_a_quarter_and_says_forced():
    policy = activation("V12", total=100)
    run(policy, [3.0] * 60)
    assert (policy.woken_at, policy.reason) == (25, "forced")


@pytest.mark.parametrize(
    ("losses", "woken_at", "reason"),
    [
        # Asked at 250, 300, ...: the last hundred are steady from step 320 on, so at 450 first.
        ([5.0 + (-1) ** k for k in range(320)] + [3.0] * 200, 450, "steady"),
        # Steady when asked for the first time.
        ([3.0] * 400, 250, "steady"),
        # Never: a quarter of 2,000.
        ([5.0 + (-1) ** k for k in range(600)], 500, "forced"),
        # A straight fall of 0.48 nats in the window has a variance just below 0.02.
        ([10 - 0.0048 * k for k in range(400)], 250, "steady"),
        ([10 - 0.0050 * k for k in range(600)], 500, "forced"),
    ],
)
def test_a_steady_loss_wakes_it_at_the_predicted_step(losses, woken_at, reason):
    policy = activation("V16", total=2000)
    run(policy, losses)
    assert (policy.woken_at, policy.reason) == (woken_at, reason)


def test_a_steady_loss_wakes_it_once():
    policy = activation("V16")
    assert [done for done in range(1, 500) if policy.observe(done, torch.tensor(3.0))] == [250]


def test_the_later_rule_asks_for_the_coefficient_of_variation():
    policy = activation("V16", rule="coefficient")
    run(policy, [3.0 + 0.5 * (-1) ** k for k in range(100)])
    assert (policy.woken_at, policy.reason) == (50, "steady")
    assert policy.figure == pytest.approx(0.5 / 3.0)


def test_a_loss_that_is_no_number_is_not_steady():
    policy = activation("V16", total=100_000)
    run(policy, [math.nan] * 400)
    assert policy.woken_at is None


@pytest.mark.parametrize("cut", [100, 230, 251, 299])
def test_taken_up_in_the_middle_it_decides_as_before(cut):
    losses = [5.0 + (-1) ** k for k in range(170)] + [3.0] * 200
    straight = activation("V16")
    run(straight, losses)
    first, second = activation("V16"), activation("V16")
    run(first, losses[:cut])
    second.load_state_dict(first.state_dict())
    run(second, losses[cut:], start=cut)
    assert (straight.woken_at, straight.reason) == (300, "steady")
    assert (second.woken_at, second.reason) == (straight.woken_at, straight.reason)
    assert torch.equal(second.losses, straight.losses)
