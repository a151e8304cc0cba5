"""What a score remembers of the steps: one fp32 tensor beside each prunable weight.

Only the movement scores remember; the others cost nothing here.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lib.pruning.scores import Memory
from lib.pruning.storage import PrunableTensor


class ScoreMemories:
    """The memories of one score over all prunable tensors; empty for a score without one."""

    def __init__(
        self,
        memory: Memory | None,
        tensors: Sequence[PrunableTensor],
        optimizer: torch.optim.Optimizer,
    ) -> None:
        """Starts the memories from the weights as they are now."""
        self.memory = memory
        self.weights = {tensor.name: tensor.weight for tensor in tensors}
        self.optimizer = optimizer
        self.tensors: dict[str, Tensor] = {}
        """By the name of the weight, each of the weight's shape."""
        if memory is not None:
            self.tensors = {
                name: memory.initial(weight.detach()) for name, weight in self.weights.items()
            }

    @property
    def bytes(self) -> int:
        """Held over the whole run."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())

    @torch.no_grad()
    def observe(self) -> None:
        """Take in the gradients of this step, with the learning rate of each weight's group.

        Weights without a gradient are passed over. Never waits for the device.
        """
        if self.memory is None or self.memory.observe is None:
            return
        for group in self.optimizer.param_groups:
            members = {id(parameter) for parameter in group["params"]}
            found = [
                (self.tensors[name], weight, weight.grad)
                for name, weight in self.weights.items()
                if id(weight) in members and weight.grad is not None
            ]
            if found:
                memories, weights, gradients = zip(*found, strict=True)
                self.memory.observe(memories, weights, gradients, group["lr"])

    def state_dict(self) -> dict[str, Tensor]:
        """The memories themselves, not copies: of the size of the weights, as optimizer state."""
        return dict(self.tensors)

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`, which is copied. Raises ValueError if it is of another score."""
        if set(state) != set(self.tensors):
            raise ValueError(
                f"the checkpoint's pruning score remembers {len(state)} tensors and this run's "
                f"{len(self.tensors)}; resume with the configuration that wrote it"
            )
        for name, tensor in self.tensors.items():
            tensor.copy_(state[name])
