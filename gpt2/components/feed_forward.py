"""The position-wise feed-forward layer of GPT-2: four widths, GELU in its tanh form."""

from torch import Tensor, nn
from torch.nn import functional as F

EXPANSION = 4


class FeedForward(nn.Module):
    """x -> down(gelu(up(x))), then dropout."""

    def __init__(self, n_embd: int, bias: bool, dropout: float) -> None:
        super().__init__()
        self.up = nn.Linear(n_embd, EXPANSION * n_embd, bias=bias)
        self.down = nn.Linear(EXPANSION * n_embd, n_embd, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTC: Tensor) -> Tensor:
        # The tanh form (Hendrycks and Gimpel 2016) is what the published weights were trained with.
        return self.dropout(self.down(F.gelu(self.up(x_BTC), approximate="tanh")))
