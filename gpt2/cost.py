"""What a live model costs per token, by part: its multiplications, counted from its modules.

Attention is a CausalSelfAttention or made from it. Whatever else multiplies must be an `nn.Linear`:
a block that holds a matrix of another kind is refused, because its work would be missing from every
figure without a sign.
"""

from torch import nn

from gpt2.components.attention import CausalSelfAttention
from gpt2.model import GPT
from lib.flops import AttentionShape, ModelFlops

POSITION_EMBEDDING = "position_embedding."


def attention_shape(layer: CausalSelfAttention) -> AttentionShape:
    """What an attention layer multiplies beside its projections. Heads that share keys and values
    and channels with gates multiply as others; so does a cache that evicts, which saves nothing
    here."""
    return AttentionShape(layer.n_head, score_size=layer.head_size, value_size=layer.head_size)


def model_flops(model: GPT, length: int) -> ModelFlops:
    """The cost of a token of `model` in a sequence of `length` tokens.

    model: as it was built, not what torch.compile or DDP made of it; the meta device will do.
    """
    projections = feed_forward = attention = 0
    for index, block in enumerate(model.blocks):
        layers = [m for m in block.modules() if isinstance(m, CausalSelfAttention)]
        assert layers, f"block {index} has no attention that gpt2/cost.py knows"
        uncounted = _matrices_elsewhere(block)
        assert not uncounted, f"block {index} multiplies outside nn.Linear: {uncounted}"
        inside = sum(_linear(layer) for layer in layers)
        projections += 2 * inside
        feed_forward += 2 * (_linear(block) + _reused(block) - inside)
        attention += sum(attention_shape(layer).forward(length) for layer in layers)
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


def _reused(module: nn.Module) -> int:
    """Weights of a linear layer that multiply a token once more, where a tied layer says so."""
    return sum(getattr(m, "reused_weights", 0) for m in module.modules())


def _matrices_elsewhere(module: nn.Module) -> list[str]:
    """Names of the parameters with two dimensions or more that are no weight of an nn.Linear."""
    weights = {id(m.weight) for m in module.modules() if isinstance(m, nn.Linear)}
    return [n for n, p in module.named_parameters() if p.ndim >= 2 and id(p) not in weights]
