"""The position-wise feed-forward layer; E hidden channels.

standard   down(activation(up(x)))        Vaswani et al. 2017, section 3.3
swiglu     down(silu(gate(x)) * up(x))    Shazeer 2020, equation 6
"""

from torch import Tensor, nn
from torch.nn import functional as F

from gpt2.components.activation import ACTIVATIONS
from gpt2.shape import Shape


class FeedForward(nn.Module):
    """Two matrices with an activation between them, then dropout."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        assert shape.activation is not None
        self.activation = ACTIVATIONS[shape.activation]
        self.up = nn.Linear(shape.n_embd, shape.ffn_hidden, bias=shape.bias)
        self.down = nn.Linear(shape.ffn_hidden, shape.n_embd, bias=shape.bias)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x_BTC: Tensor) -> Tensor:
        return self.dropout(self.down(self.activation(self.up(x_BTC))))


class SwiGLU(nn.Module):
    """Three matrices: the hidden channels are gated by others. Then dropout."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate = nn.Linear(shape.n_embd, shape.ffn_hidden, bias=shape.bias)
        self.up = nn.Linear(shape.n_embd, shape.ffn_hidden, bias=shape.bias)
        self.down = nn.Linear(shape.ffn_hidden, shape.n_embd, bias=shape.bias)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x_BTC: Tensor) -> Tensor:
        return self.dropout(self.down(F.silu(self.gate(x_BTC)) * self.up(x_BTC)))


FEED_FORWARDS: dict[str, type[nn.Module]] = {"standard": FeedForward, "swiglu": SwiGLU}
"""By its name, what makes one for a shape."""
