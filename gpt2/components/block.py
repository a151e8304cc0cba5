"""A block of the stack: attention, then a feed-forward layer, each with a residual branch.

pre    x + f(norm(x))    Radford et al. 2019, section 2.3: as in the published GPT-2 and LLaMA
post   norm(x + f(x))    Vaswani et al. 2017, section 3.1: as in the first GPT
"""

from torch import Tensor, nn

from gpt2.components.cache import LayerCache
from gpt2.components.normalization import NORMALIZATIONS
from gpt2.components.position import Rotation
from gpt2.shape import Shape


class PreNormBlock(nn.Module):
    """The residual stream is never normalized itself, so the model ends with a norm."""

    has_final_norm = True

    def __init__(self, shape: Shape, attention: nn.Module, feed_forward: nn.Module) -> None:
        super().__init__()
        norm = NORMALIZATIONS[shape.normalization]
        self.attention_norm = norm(shape.n_embd)
        self.attention = attention
        self.feed_forward_norm = norm(shape.n_embd)
        self.feed_forward = feed_forward

    def forward(
        self, x_BTC: Tensor, rotation: Rotation | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        x_BTC = x_BTC + self.attention(self.attention_norm(x_BTC), rotation, cache)
        return x_BTC + self.feed_forward(self.feed_forward_norm(x_BTC))


class PostNormBlock(PreNormBlock):
    """What leaves a block is normalized."""

    has_final_norm = False

    def forward(
        self, x_BTC: Tensor, rotation: Rotation | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        x_BTC = self.attention_norm(x_BTC + self.attention(x_BTC, rotation, cache))
        return self.feed_forward_norm(x_BTC + self.feed_forward(x_BTC))


BLOCKS: dict[str, type[PreNormBlock]] = {"pre": PreNormBlock, "post": PostNormBlock}
"""By the position of the norm."""
