import pytest
import torch
from torch import nn

from lib.pruning.storage import PrunableTensor


def begun(values, dtype=torch.float32):
    tensor = PrunableTensor("w", nn.Parameter(torch.tensor(values, dtype=dtype)))
    tensor.begin()
    return tensor


def pruned_count(tensor):
    return int(tensor.pruned().sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_clear_selects_and_does_not_multiply(dtype):
    tensor = begun([0.0, -0.0, 1.0, -2.0, 1e-38], dtype)
    gradient = torch.tensor([float("nan"), float("inf"), float("nan"), -3.0, 4.0], dtype=dtype)
    tensor.clear(gradient)
    assert gradient[:2].tolist() == [0.0, 0.0]
    assert gradient[2].isnan()
    assert gradient[3:].tolist() == [-3.0, 4.0]


def test_clear_follows_logical_order_whatever_the_layout():
    weight = nn.Parameter(torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]]).t())
    tensor = PrunableTensor("w", weight)
    gradient = torch.ones(3, 2)
    tensor.clear(gradient)
    assert torch.equal(gradient, (weight != 0).float())


def test_zeros_are_the_mask_and_cost_nothing():
    tensor = begun([1.0, 2.0, 0.0, 4.0])
    assert (pruned_count(tensor), tensor.mask_bytes) == (1, 0)
    tensor.prune(torch.tensor([True, False, False, False]))
    assert tensor.weight.tolist() == [0.0, 2.0, 0.0, 4.0]
    assert tensor.pruned().tolist() == [True, False, True, False]
    assert pruned_count(tensor) == 2


def test_a_tensor_that_is_all_zero_can_still_train():
    tensor = begun([0.0, 0.0, 0.0])
    assert (pruned_count(tensor), tensor.mask_bytes) == (0, 3)
    tensor.prune(torch.tensor([True, False, False]))
    gradient = torch.ones(3)
    tensor.clear(gradient)
    assert gradient.tolist() == [0.0, 1.0, 1.0]
    assert pruned_count(tensor) == 1


def test_sixteen_bit_weights_that_land_on_zero_stay_alive():
    tensor = begun([1.0, 2.0, 0.0], torch.bfloat16)
    assert (pruned_count(tensor), tensor.mask_bytes) == (1, 3)
    with torch.no_grad():
        tensor.weight[0] = 0.0
    gradient = torch.ones(3, dtype=torch.bfloat16)
    tensor.clear(gradient)
    assert gradient.tolist() == [1.0, 1.0, 0.0]
    assert pruned_count(tensor) == 1


def test_an_empty_tensor_is_harmless():
    tensor = PrunableTensor("w", nn.Parameter(torch.ones(0, 3)))
    tensor.begin()
    tensor.clear(torch.ones(0, 3))
    assert (tensor.size, pruned_count(tensor)) == (0, 0)
