"""Reciprocal attention: a part of each head's channels changes sides between queries and keys.

    logit_ij = (w_std <Q_std_i, K_std_j> + w_rec <K_low_i, Q_low_j>) / sqrt(D)

of D = D_std + R channels a head. The projection emits the folded layout [Q_std | K_low],
[K_std | Q_low], V, in which the second term is an ordinary product of channels: so one gain a
channel on the queries is all there is to compute. Written out, this is standard attention with two
redundant scales; `folded` gives the standard attention that it is.

The tied form is not: its low channels are channels of the same queries and keys,

    logit_ij = (w_std <q_i, k_j> + w_rec <P k_i, P q_j>) / sqrt(D)

P the last R of D_std channels: the interest of j in i raises the attention of i to j.

Shapes: B sequences, H heads, T tokens, C channels, D channels a head.
"""

import torch
from torch import Tensor, nn

from gpt2.components.attention import CausalSelfAttention
from gpt2.components.cache import LayerCache
from gpt2.components.position import Rotation
from gpt2.reciprocal.gates import BoundedGate, ReciprocalPair
from gpt2.shape import Shape

# Share of a token's own value in its output, at most and at the start.
MOST_RESTART, RESTART = 0.5, 0.05


class ReciprocalAttention(CausalSelfAttention):
    """The folded form, with or without self-restart: (1 - a) A V + a V, a of each head."""

    def __init__(
        self, shape: Shape, rank: int, pair: ReciprocalPair, restarts: bool, residual_dropout: float
    ) -> None:
        """rank: R; pair: gates of shape () or [H]."""
        super().__init__(shape)
        self.rank = rank
        self.pair = pair
        self.residual_dropout = nn.Dropout(residual_dropout)
        self.restart: BoundedGate | None = None
        if restarts:
            self.restart = BoundedGate(RESTART, 0.0, MOST_RESTART, (shape.n_head,))

    def gain(self) -> Tensor:
        """What the logits of each channel are multiplied by, [H, D], float32."""
        w_std, w_rec = (gate.expand(self.n_head) for gate in self.pair())
        return torch.cat(
            (
                w_std[:, None].expand(-1, self.head_size - self.rank),
                w_rec[:, None].expand(-1, self.rank),
            ),
            dim=1,
        )

    def heads(self, x_BTC: Tensor, rotation: Rotation | None) -> tuple[Tensor, Tensor, Tensor]:
        q_BHTD, k_BHTD, v_BHTD = super().heads(x_BTC, rotation)
        # On one side alone: the product is that of the square roots on both.
        return q_BHTD * self.gain()[:, None].to(q_BHTD.dtype), k_BHTD, v_BHTD

    def attend(
        self, q_BHTD: Tensor, k_BKTD: Tensor, v_BKTD: Tensor, cache: LayerCache | None
    ) -> Tensor:
        y_BHTD = super().attend(q_BHTD, k_BKTD, v_BKTD, cache)
        if self.restart is None:
            return y_BHTD
        share = self.restart()[:, None, None].to(y_BHTD.dtype)
        return (1 - share) * y_BHTD + share * v_BKTD

    @torch.no_grad()
    def folded(self) -> dict[str, Tensor]:
        """The parameters of the standard attention that this is when it is awake, self-restart
        left out: rows of queries and keys times the root of their gate."""
        of_queries = row_scale(self).flatten()
        of_rows = torch.cat((of_queries, of_queries, torch.ones_like(of_queries)))
        state = {"qkv.weight": self.qkv.weight * of_rows[:, None]}
        if self.qkv.bias is not None:
            state["qkv.bias"] = self.qkv.bias * of_rows
        projection = self.projection.state_dict(prefix="projection.")
        return state | {name: tensor.clone() for name, tensor in projection.items()}


@torch.no_grad()
def row_scale(attention: ReciprocalAttention) -> Tensor:
    """The root of each channel's awake gate, [H, D]."""
    asleep = attention.pair.awake.clone()
    attention.pair.awake.fill_(1.0)
    scale_HD = attention.gain().sqrt()
    attention.pair.awake.copy_(asleep)
    return scale_HD


class TiedReciprocalAttention(CausalSelfAttention):
    """RT: queries and keys have D_std channels a head, and serve in both terms."""

    def __init__(
        self, shape: Shape, rank: int, pair: ReciprocalPair, residual_dropout: float
    ) -> None:
        super().__init__(shape)
        self.rank = rank
        self.pair = pair
        self.standard = self.head_size - rank
        rows = shape.n_head * (2 * self.standard + self.head_size)
        self.qkv = nn.Linear(shape.n_embd, rows, bias=shape.bias)
        self.residual_dropout = nn.Dropout(residual_dropout)

    def heads(self, x_BTC: Tensor, rotation: Rotation | None) -> tuple[Tensor, Tensor, Tensor]:
        sizes = [self.standard, self.standard, self.head_size]
        parts = self.qkv(x_BTC).split([self.n_head * size for size in sizes], dim=2)
        q_BHTS, k_BHTS, v_BHTD = (
            part.unflatten(2, (self.n_head, size)).transpose(1, 2)
            for part, size in zip(parts, sizes, strict=True)
        )
        w_std, w_rec = (gate.expand(self.n_head)[:, None, None] for gate in self.pair())
        dtype = q_BHTS.dtype
        low = slice(self.standard - self.rank, None)
        q_BHTD = torch.cat((w_std.to(dtype) * q_BHTS, w_rec.to(dtype) * k_BHTS[..., low]), dim=-1)
        k_BHTD = torch.cat((k_BHTS, q_BHTS[..., low]), dim=-1)
        return q_BHTD, k_BHTD, v_BHTD
