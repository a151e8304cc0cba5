import torch

from tests.lib.pruning.scores.views import score, scores


def test_known_answer():
    memory = score("movement").memory
    weight, gradient = torch.tensor([1.0, -2.0, 3.0]), torch.tensor([2.0, 1.0, -1.0])
    q = memory.initial(weight)
    memory.observe([q], [weight], [gradient], 1.0)
    assert q.tolist() == [-2.0, 2.0, 3.0]
    assert scores(score("movement"), weight, memory=q).tolist() == [-2.0, 2.0, 3.0]


def test_a_weight_that_grows_gains_score_and_a_gated_one_keeps_its_own():
    memory = score("movement").memory
    weight = torch.tensor([1.0, -1.0, 1.0, 0.0])
    grows_shrinks_gated = torch.tensor([-1.0, -1.0, 0.0, 0.0])
    q = torch.full((4,), 0.25)
    memory.observe([q], [weight], [grows_shrinks_gated], 0.5)
    assert q.tolist() == [0.75, -0.25, 0.25, 0.25]


def test_the_learning_rate_weighs_the_steps():
    memory = score("movement").memory
    weight, gradient = torch.ones(2), torch.tensor([1.0, -3.0])
    q = memory.initial(weight)
    for learning_rate in (1.0, 0.5, 0.0):
        memory.observe([q], [weight], [gradient], learning_rate)
    assert q.tolist() == [-1.5, 4.5]


def test_several_tensors_of_any_precision_are_observed_at_once():
    memory = score("movement").memory
    weights = [torch.ones(2, 3, dtype=torch.bfloat16), torch.full((4,), 2.0)]
    gradients = [torch.full_like(weight, -1.0) for weight in weights]
    kept = [memory.initial(weight) for weight in weights]
    memory.observe(kept, weights, gradients, 1.0)
    assert [q.dtype for q in kept] == [torch.float32] * 2
    assert torch.equal(kept[0], torch.ones(2, 3))
    assert torch.equal(kept[1], torch.full((4,), 2.0))


def test_a_trained_weight_may_be_observed_outside_no_grad():
    memory = score("movement").memory
    weight = torch.nn.Parameter(torch.ones(2))
    q = memory.initial(weight)
    memory.observe([q], [weight], [torch.ones(2)], 1.0)
    assert not q.requires_grad
    assert q.tolist() == [-1.0, -1.0]


def test_displacement_is_the_product_with_the_way_since_the_start():
    entry = score("movement-displacement")
    start = torch.nn.Parameter(torch.tensor([1.0, -1.0, 0.5, 0.0]))
    memory = entry.memory.initial(start)
    with torch.no_grad():
        start.copy_(torch.tensor([1.5, -0.5, -0.5, 0.0]))
    assert memory.tolist() == [1.0, -1.0, 0.5, 0.0]  # a copy, not the weight itself
    assert not memory.requires_grad
    assert entry.memory.observe is None
    # Away from zero, toward zero, through zero, pruned.
    assert scores(entry, start.detach(), memory=memory).tolist() == [0.75, -0.25, 0.5, 0.0]
