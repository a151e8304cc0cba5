"""What a live model costs per token, by part: its multiplications, counted from its modules.

A family of models that brings its own attention adds one line to ATTENTION. Whatever else
multiplies must be an `nn.Linear`: a block that holds a matrix of another kind is refused, because
its work would be missing from every figure without a sign.
"""

from collections.abc import Callable, Mapping

from torch import nn

from gpt2.components.attention import CausalSelfAttention
from gpt2.model import GPT
from lib.flops import AttentionShape, ModelFlops

POSITION_EMBEDDING = "position_embedding."


def _causal_self_attention(module: nn.Module) -> AttentionShape:
    assert isinstance(module, CausalSelfAttention)
    size = module.head_size
    return AttentionShape(module.n_head, score_size=size, value_size=size)


# What each kind of attention layer multiplies beside its projections.
ATTENTION: Mapping[type[nn.Module], Callable[[nn.Module], AttentionShape]] = {
    CausalSelfAttention: _causal_self_attention,
}


def model_flops(model: GPT, length: int) -> ModelFlops:
    """The cost of a token of `model` in a sequence of `length` tokens.

    model: as it was built, not what torch.compile or DDP made of it; the meta device will do.
    """
    projections = feed_forward = attention = 0
    for index, block in enumerate(model.blocks):
        layers = [module for module in block.modules() if type(module) in ATTENTION]
        assert layers, f"block {index} has no attention that gpt2/cost.py knows"
        uncounted = _matrices_elsewhere(block)
        assert not uncounted, f"block {index} multiplies outside nn.Linear: {uncounted}"
        inside = sum(_linear(layer) for layer in layers)
        projections += 2 * inside
        feed_forward += 2 * (_linear(block) - inside)
        attention += sum(ATTENTION[type(layer)](layer).forward(length) for layer in layers)
    tables = {id(m.weight): m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    for module in model.modules():
        if isinstance(module, nn.Linear):
            # A tied table also multiplies.
            tables.pop(id(module.weight), None)
    return ModelFlops(
        length=length,
        attention_projections=projections,
        feed_forward=feed_forward,
        head=2 * model.head.weight.numel(),
        attention=attention,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        position_parameters=sum(
            parameter.numel()
            for name, parameter in model.named_parameters()
            if name.startswith(POSITION_EMBEDDING)
        ),
        table_parameters=sum(weight.numel() for weight in tables.values()),
    )


def _linear(module: nn.Module) -> int:
    """Weights of the linear layers below a module; one that is shared counts at each use."""
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Linear))


def _matrices_elsewhere(module: nn.Module) -> list[str]:
    """Names of the parameters with two dimensions or more that are no weight of an nn.Linear."""
    weights = {id(m.weight) for m in module.modules() if isinstance(m, nn.Linear)}
    return [n for n, p in module.named_parameters() if p.ndim >= 2 and id(p) not in weights]
