"""What the gates of a model do: their values, their gradients, and what their terms contribute.

The value of a gate alone says little, since weights rescale freely (gpt2/reciprocal/attention.py):
beside it stands how large the reciprocal term is next to the standard one on the same text.

Rows of kind `ra_gate` and `rmlp_gate`; trackers show them under these names.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gpt2.components.attention import causal_mask
from gpt2.model import GPT
from gpt2.reciprocal.attention import ReciprocalAttention, TiedReciprocalAttention
from gpt2.reciprocal.eviction import EvictingAttention
from gpt2.reciprocal.feed_forward import ReciprocalFeedForward
from gpt2.reciprocal.gates import ReciprocalPair

ATTENTION, FEED_FORWARD = "ra_gate", "rmlp_gate"

Values = dict[str, list[Tensor]]
"""By the name of a gate, its value in each layer: 0-D or [H]."""


@torch.no_grad()
def values(model: GPT) -> dict[str, Values]:
    """By kind of row."""
    found: dict[str, Values] = {ATTENTION: {}, FEED_FORWARD: {}}
    for block in model.blocks:
        for kind, layer in ((ATTENTION, block.attention), (FEED_FORWARD, block.feed_forward)):
            for name, value in _values_of(layer).items():
                found[kind].setdefault(name, []).append(value.detach().float())
    return {kind: of_kind for kind, of_kind in found.items() if of_kind}


def _values_of(layer: nn.Module) -> dict[str, Tensor]:
    gates: dict[str, Tensor] = {}
    pair = getattr(layer, "pair", None)
    if isinstance(pair, ReciprocalPair):
        w_std, w_eff = pair()
        gates |= {"w_std": w_std, "w_rec": pair.rec(), "w_eff": w_eff, "awake": pair.awake}
    if isinstance(layer, ReciprocalAttention) and layer.restart is not None:
        gates["restart"] = layer.restart()
    if isinstance(layer, ReciprocalFeedForward) and layer.gamma is not None:
        gates["gamma"] = layer.gamma
    if isinstance(layer, EvictingAttention):
        gates["kept"] = layer.kept
        if layer.share is not None:
            gates["share"] = layer.share()
    return gates


def statistics(values: Values, initial: Values) -> dict[str, dict[str, float]]:
    """Mean, extremes and spread over all layers and heads, and the mean's drift from the start."""
    row = {}
    for name, of_layers in values.items():
        flat = torch.cat([value.flatten() for value in of_layers]).double()
        before = torch.cat([value.flatten() for value in initial[name]]).double()
        row[name] = {
            "mean": flat.mean().item(),
            "min": flat.min().item(),
            "max": flat.max().item(),
            "sd": flat.std(correction=0).item(),
            "drift": (flat.mean() - before.mean()).item(),
        }
    return row


def in_full(values: Values) -> dict[str, list[Any]]:
    """Every value: a list of layers of numbers, or of lists of heads."""
    return {name: [value.tolist() for value in of_layers] for name, of_layers in values.items()}


class GateMonitor:
    """Looks at the gates of one model while it trains; changes nothing."""

    def __init__(self, model: GPT, interval: int) -> None:
        """interval: steps between looks at the gradients."""
        self._model = model
        self._interval = interval
        self.initial = values(model)
        self._groups = gradient_groups(model)
        self._norms: Tensor | None = None

    def is_due(self, step: int) -> bool:
        return step % self._interval == 0

    @torch.no_grad()
    def observe(self) -> None:
        """Take in the gradients as they are now, without waiting for the device."""
        squares = []
        for parts in self._groups.values():
            parts_of = [part(parameter.grad) for parameter, part in parts]
            squares.append(torch.stack([x.float().square().sum() for x in parts_of]).sum())
        self._norms = torch.stack(squares).sqrt() if squares else None

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """For a log line: statistics of each gate, and norms of gradients where they were seen."""
        norms = {}
        if self._norms is not None:
            norms = dict(zip(self._groups, self._norms.tolist(), strict=True))
            self._norms = None
        for kind, now in values(self._model).items():
            row: dict[str, Any] = statistics(now, self.initial[kind])
            of_kind = {name: norm for (k, name), norm in norms.items() if k == kind}
            yield kind, row | ({"gradient_norms": of_kind} if of_kind else {})


def gradient_groups(model: GPT) -> dict[tuple[str, str], list[tuple[nn.Parameter, Any]]]:
    """By kind and name, the parameters whose gradients belong together, each with the part of it
    that counts."""
    found: dict[tuple[str, str], list[tuple[nn.Parameter, Any]]] = {}

    def add(kind: str, name: str, parameter: nn.Parameter | None, part: Any = _whole) -> None:
        if parameter is not None:
            found.setdefault((kind, name), []).append((parameter, part))

    for block in model.blocks:
        attention, feed_forward = block.attention, block.feed_forward
        for kind, layer in ((ATTENTION, attention), (FEED_FORWARD, feed_forward)):
            if isinstance(getattr(layer, "pair", None), ReciprocalPair):
                add(kind, "w_std", layer.pair.std.theta)
                add(kind, "w_rec", layer.pair.rec.theta)
        if isinstance(attention, ReciprocalAttention):
            low = low_rows(attention)
            add(ATTENTION, "low", attention.qkv.weight, lambda gradient, low=low: gradient[low])
            if attention.restart is not None:
                add(ATTENTION, "restart", attention.restart.phi)
        if isinstance(attention, EvictingAttention) and attention.share is not None:
            add(ATTENTION, "share", attention.share.phi)
        if isinstance(feed_forward, ReciprocalFeedForward):
            add(FEED_FORWARD, "gamma", feed_forward.gamma)
            if feed_forward.up_low is not None:
                add(FEED_FORWARD, "low", feed_forward.up_low.weight)
            if feed_forward.mixer is not None:
                add(FEED_FORWARD, "mixer", feed_forward.mixer.weight)
            if feed_forward.has_token_gate:
                add(FEED_FORWARD, "direction", feed_forward.direction)
                add(FEED_FORWARD, "level", feed_forward.level)
    return found


def _whole(gradient: Tensor) -> Tensor:
    return gradient


def low_rows(attention: ReciprocalAttention) -> Tensor:
    """The rows of the projection that make the low channels of queries and keys, indices."""
    of_head = torch.zeros(attention.head_size, dtype=torch.bool)
    of_head[attention.head_size - attention.rank :] = True
    return of_head.repeat(2 * attention.n_head).nonzero().flatten()


@torch.no_grad()
def contributions(model: GPT, tokens_BT: Tensor) -> dict[str, dict[str, list[float]]]:
    """How large the reciprocal term is next to the standard one, in each layer, on this text.

    Of attention: norms of the two parts of the logits, over causal pairs. Of the MLP: norms of the
    two parts of what `down` gives. Of a gate of each token, gamma's mean and spread. The model must
    be in evaluation mode.
    """
    assert not model.training
    found: dict[str, dict[str, list[float]]] = {}

    def add(kind: str, name: str, value: Tensor) -> None:
        found.setdefault(kind, {}).setdefault(name, []).append(value.item())

    for layer, x_BTC in _inputs(model, tokens_BT):
        if isinstance(layer, ReciprocalAttention | TiedReciprocalAttention):
            add(ATTENTION, "contribution", _attention_ratio(layer, x_BTC))
        else:
            add(FEED_FORWARD, "contribution", _feed_forward_ratio(layer, x_BTC))
            if layer.has_token_gate:
                gamma = layer.gate_of(x_BTC)
                assert gamma is not None
                add(FEED_FORWARD, "gamma_mean", gamma.mean())
                add(FEED_FORWARD, "gamma_sd", gamma.std(correction=0))
    return found


def _inputs(model: GPT, tokens_BT: Tensor) -> list[tuple[nn.Module, Tensor]]:
    """Each reciprocal layer with what it is given when the model reads the tokens."""
    kinds = (ReciprocalAttention, TiedReciprocalAttention, ReciprocalFeedForward)
    seen: list[tuple[nn.Module, Tensor]] = []
    layers = [m for m in model.modules() if isinstance(m, kinds)]
    with _hooks(layers, seen):
        model.hidden(tokens_BT)
    return seen


@contextmanager
def _hooks(layers: list[nn.Module], seen: list[tuple[nn.Module, Tensor]]) -> Iterator[None]:
    def note(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.append((layer, inputs[0]))

    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _attention_ratio(layer: Any, x_BTC: Tensor) -> Tensor:
    q_BHTD, k_BHTD, _ = layer.heads(x_BTC, None)
    past_TT = causal_mask(x_BTC.shape[1], x_BTC.shape[1], x_BTC.device)
    split = layer.head_size - layer.rank
    norms = [
        (q.float() @ k.float().transpose(-2, -1)).masked_fill(~past_TT, 0.0).norm()
        for q, k in zip(
            q_BHTD.tensor_split([split], dim=-1), k_BHTD.tensor_split([split], dim=-1), strict=True
        )
    ]
    return norms[1] / norms[0]


def _feed_forward_ratio(layer: ReciprocalFeedForward, x_BTC: Tensor) -> Tensor:
    w_std, w_rec = layer.pair()
    down_std, down_low = layer.down.weight.split((layer.down.in_features - layer.low, layer.low), 1)
    h_std = layer.activation(layer.up_std(x_BTC))
    standard = (w_std * h_std).float() @ down_std.T
    reciprocal = (w_rec * layer.low_hidden(x_BTC)).float() @ down_low.T
    return reciprocal.norm() / standard.norm()


def has_gates(model: GPT) -> bool:
    """Whether there is anything to look at."""
    return bool(values(model))


def finite(tree: Mapping[str, Any]) -> dict[str, Any]:
    """For JSON, which has no word for a number that is not finite: null in its place."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: of(part) for key, part in value.items()}
        if isinstance(value, list):
            return [of(part) for part in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return of(dict(tree))
