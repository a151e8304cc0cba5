"""Which tensors may be pruned.

`blocks`: the matrices of the transformer blocks (84,934,656 weights of GPT-2 124M).
`blocks-head`: also the tied embedding and output matrix, which would dominate a global
population with 38.6M weights and loses the rows of rare tokens first: only on request.
Never biases, norms or the position embedding.
"""

from collections.abc import Callable, Iterable

from torch import nn

from lib.optimizers.groups import BLOCK_PREFIX
from lib.pruning.lookup import lookup

HEAD_NAME = "token_embedding.weight"


def is_block_matrix(name: str, parameter: nn.Parameter) -> bool:
    """A tensor of two or more dimensions inside a transformer block."""
    return name.startswith(BLOCK_PREFIX) and parameter.ndim >= 2


def is_block_matrix_or_head(name: str, parameter: nn.Parameter) -> bool:
    """As `is_block_matrix`, or the tied token embedding."""
    return is_block_matrix(name, parameter) or name == HEAD_NAME


SCOPES: dict[str, Callable[[str, nn.Parameter], bool]] = {
    "blocks": is_block_matrix,
    "blocks-head": is_block_matrix_or_head,
}


def prunable_parameters(
    scope: str, named_parameters: Iterable[tuple[str, nn.Parameter]]
) -> list[tuple[str, nn.Parameter]]:
    """The parameters in scope, in model order, each tensor once.

    Raises ValueError for an unknown scope, and if the scope holds no weight at all.
    """
    is_in_scope = lookup(SCOPES, scope, "pruning scope")
    first: dict[int, tuple[str, nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if is_in_scope(name, parameter):
            first.setdefault(id(parameter), (name, parameter))
    chosen = list(first.values())
    if not sum(parameter.numel() for _, parameter in chosen):
        raise ValueError(
            f"no parameter is in the pruning scope {scope}; name the block matrices "
            f"'{BLOCK_PREFIX}...', as the models here do, or switch pruning off"
        )
    return chosen
