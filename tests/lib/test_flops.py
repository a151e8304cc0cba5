"""The conventions as arithmetic; tests/gpt2/test_cost.py counts live models and asks torch."""

import pytest

from lib.flops import CONVENTIONS, STATED, AttentionShape, ModelFlops

# A model of two-digit parts, so that each convention has a result of its own.
PARTS = ModelFlops(
    length=8,
    attention_projections=100,
    feed_forward=400,
    head=60,
    attention=48,
    parameters=1000,
    position_parameters=10,
    table_parameters=35,
)

FORWARD = {
    "palm": 2 * 990 + 48,
    "exact": 100 + 400 + 60 + 48,
    "exact-causal": 100 + 400 + 60 + 24,
    "torchtitan": 2 * 965 + 48,
    "picotron": 2 * 1000 + 48,
    "llm.c": 2 * 1000 + 24,
    "chinchilla": 2 * 990,
}


def test_each_convention_counts_what_it_says():
    assert {name: PARTS.forward(name) for name in CONVENTIONS} == FORWARD


@pytest.mark.parametrize("name", CONVENTIONS)
def test_training_is_three_forward_passes(name):
    assert PARTS.training(name) == 3 * FORWARD[name]


def test_a_run_states_what_is_ranked_first():
    assert STATED == ("exact", "exact-causal", "palm")


def test_heads_may_differ_in_what_they_score_and_what_they_mix():
    # Per token and head: length scores of 3 channels, and a mixture of length values of 5.
    assert AttentionShape(heads=2, score_size=3, value_size=5).forward(7) == 2 * 2 * (3 + 5) * 7


def test_attention_beside_feed_forward():
    assert PARTS.attention_to_feed_forward == (100 + 48) / 400


def test_zeros_are_subtracted_only_where_that_is_asked_for():
    assert PARTS.useful("palm", 100) == PARTS.training("palm") - 6 * 100
    assert PARTS.useful("palm", 0) == PARTS.training("palm")
