import torch

from tests.lib.optimizers.harness import counted_reads


def test_reading_a_tensor_is_counted():
    value = torch.tensor(1.5)
    with counted_reads() as reads:
        value.item()
        bool(value > 1)
        float(value)
        value + 1
    assert reads.count == 3
