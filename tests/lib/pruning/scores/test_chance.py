import torch

from tests.lib.pruning.scores.views import score, scores


def test_seeded_uniform_numbers():
    weight = torch.randn(100, 200)
    first = scores(score("random"), weight, seed=1)
    assert torch.equal(first, scores(score("random"), weight.neg(), seed=1))
    assert not torch.equal(first, scores(score("random"), weight, seed=2))
    assert 0 <= float(first.min()) < 0.001 < 0.999 < float(first.max()) < 1
    assert abs(float(first.mean()) - 0.5) < 0.01
