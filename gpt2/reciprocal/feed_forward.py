"""The reciprocal MLP: a part of the hidden channels with gates, and perhaps a mixer, of its own.

    h_std = GELU(up_std x)      h_low = GELU(up_low x), mixed by M, times a gate gamma
    y = dropout(down [w_std h_std | w_rec h_low])

E = E_std + R hidden channels, no biases. Written out, and unless gamma is of each token, this is a
standard MLP whose down matrix has the gates in it; `folded` gives it.

Shapes: B sequences, T tokens, C channels, E hidden channels.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpt2.components.activation import ACTIVATIONS
from gpt2.reciprocal.gates import ReciprocalPair
from gpt2.reciprocal.steps import Step
from gpt2.shape import Shape

# Gamma at the start; of the gate of each token through a sigmoid.
GAMMA = 0.1


class ReciprocalFeedForward(nn.Module):
    """What of it there is, its step says."""

    def __init__(self, shape: Shape, step: Step, low: int, pair: ReciprocalPair) -> None:
        """shape: whose `ffn_hidden` is E; low: R, its reciprocal part; pair: gates of shape ()."""
        super().__init__()
        assert shape.activation is not None
        self.activation = ACTIVATIONS[shape.activation]
        self.low = low
        self.tie = step.tie
        self.pair = pair
        standard = shape.ffn_hidden - low
        self.up_std = nn.Linear(shape.n_embd, standard, bias=shape.bias)
        self.up_low: nn.Linear | None = None
        if step.tie == "none":
            self.up_low = nn.Linear(shape.n_embd, low, bias=shape.bias)
        assert step.tie != "up-std" or low <= standard, (low, standard)
        self.mixer = nn.Linear(low, low, bias=False) if step.mixer else None
        self.gamma = nn.Parameter(torch.full((), GAMMA)) if step.gate == "scalar" else None
        self.has_token_gate = step.gate == "token"
        if self.has_token_gate:
            # A vector, which does not decay: gamma = sigmoid(direction . x + level).
            self.direction = nn.Parameter(torch.zeros(shape.n_embd))
            self.level = nn.Parameter(torch.full((), math.log(GAMMA / (1 - GAMMA))))
        self.down = nn.Linear(shape.ffn_hidden, shape.n_embd, bias=shape.bias)
        self.dropout = nn.Dropout(shape.dropout)

    @property
    def reused_weights(self) -> int:
        """Weights that multiply a token a second time: those of a tied up matrix."""
        return 0 if self.tie == "none" else self.low * self.down.out_features

    def forward(self, x_BTC: Tensor) -> Tensor:
        w_std, w_rec = (gate.to(x_BTC.dtype) for gate in self.pair())
        h_std = self.activation(self.up_std(x_BTC))
        y_BTE = torch.cat((w_std * h_std, w_rec * self.low_hidden(x_BTC)), dim=-1)
        return self.dropout(self.down(y_BTE))

    def low_hidden(self, x_BTC: Tensor) -> Tensor:
        """h_low, mixed and gated by gamma, [B, T, R]."""
        weight = self.low_weight()
        bias = None if self.up_low is None else self.up_low.bias
        h_BTR = self.activation(F.linear(x_BTC, weight, bias))
        if self.mixer is not None:
            h_BTR = self.mixer(h_BTR)
        gamma = self.gate_of(x_BTC)
        return h_BTR if gamma is None else gamma.to(h_BTR.dtype) * h_BTR

    def low_weight(self) -> Tensor:
        """The up matrix of the low channels, [R, C], its own or tied."""
        if self.up_low is not None:
            return self.up_low.weight
        if self.tie == "up-std":
            return self.up_std.weight[: self.low]
        return self.down.weight[:, -self.low :].T

    def gate_of(self, x_BTC: Tensor) -> Tensor | None:
        """gamma: 0-D, or [B, T, 1] of each token; None where there is none."""
        if self.has_token_gate:
            along_BT1 = (x_BTC * self.direction).sum(dim=-1, keepdim=True)
            return torch.sigmoid(along_BT1 + self.level)
        return self.gamma

    @torch.no_grad()
    def folded(self) -> dict[str, Tensor]:
        """The parameters of the standard MLP that this is when it is awake.

        Of the gate of each token only what it begins as, the same for all.
        """
        w_std, w_rec = self.pair.std(), self.pair.rec()
        down_std, down_low = self.down.weight.split((self.down.in_features - self.low, self.low), 1)
        if self.mixer is not None:
            down_low = down_low @ self.mixer.weight
        if self.has_token_gate:
            down_low = torch.sigmoid(self.level) * down_low
        elif self.gamma is not None:
            down_low = self.gamma * down_low
        state = {
            "up.weight": torch.cat((self.up_std.weight, self.low_weight())),
            "down.weight": torch.cat((w_std * down_std, w_rec * down_low), dim=1),
        }
        if self.down.bias is not None:
            low_bias = self.up_std.bias[: self.low] if self.up_low is None else self.up_low.bias
            state["up.bias"] = torch.cat((self.up_std.bias, low_bias))
            state["down.bias"] = self.down.bias.clone()
        return state
