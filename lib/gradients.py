"""Gradients and parameters looked at closely: norms by layer, mean, deviation, largest, zeros, and
a histogram.

Gradients are those of the global norm in the log: after the gate of pruned weights, before the
optimizer conditions or clips them. `observe` reads gradients and changes nothing, draws no random
number and leaves its sums on the device; `read` fetches them, which is where the host waits, and
`read_parameters` looks at the parameters there and then. So a run with the monitor has the bits of
a run without it.

The histogram (lib/histograms.py) is of sizes, from the exponent bits of the float32 itself.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from lib.histograms import EXPONENTS, histogram
from lib.optimizers.groups import BLOCK_PREFIX, NamedParameters, unique_trainable

_EXPONENT_BITS = 0x7F800000
_MANTISSA_BITS = 23
# Elements at a time: a core's temporaries stay in its cache. On a GPU what costs is the launch,
# and 4 M elements still take only 80 MB of temporaries.
_CHUNK = 1 << 18
_CHUNK_ELSEWHERE = 1 << 22
# Rows that a GPU counts into side by side: gradients share few exponents, and additions to one
# address wait for each other.
_LANES = 64


@dataclass(frozen=True)
class _Observed:
    """What one look at tensors left on the device; the first axis is the tensors, in order."""

    norms: Tensor
    sums: Tensor
    extremes: Tensor
    """[tensors, 2]: least and largest."""
    nonzeros: Tensor
    exponents: Tensor | None
    """int64 [256], over all tensors."""

    @classmethod
    def of(cls, tensors: Sequence[Tensor], has_histogram: bool) -> Self:
        """Look at them, all float32, without waiting for the device."""
        return cls(
            norms=torch.stack(torch._foreach_norm(tensors, 2)),
            sums=torch.stack([tensor.sum() for tensor in tensors]),
            extremes=torch.stack([torch.stack(tensor.aminmax()) for tensor in tensors]),
            nonzeros=torch.stack([tensor.count_nonzero() for tensor in tensors]),
            exponents=_exponents(tensors) if has_histogram else None,
        )


class GradientMonitor:
    """Statistics of the gradients of one step, over all trainable parameters, and of these."""

    def __init__(
        self,
        named_parameters: NamedParameters,
        interval: int,
        has_histogram: bool,
        has_parameters: bool = False,
    ) -> None:
        """interval: in steps; tied tensors count once. has_histogram: of the gradients;
        has_parameters: whether the parameters are wanted too."""
        unique = unique_trainable(named_parameters)
        self.has_parameters = has_parameters
        self._parameters = [parameter for _, parameter in unique]
        self._layers = [layer_of(name) for name, _ in unique]
        self._interval = interval
        self._has_histogram = has_histogram
        self._observed: _Observed | None = None

    def is_due(self, step: int) -> bool:
        """Whether the gradients of this step (1-based) are wanted."""
        return step % self._interval == 0

    @property
    def has_observed(self) -> bool:
        """Whether there is something to read."""
        return self._observed is not None

    @torch.no_grad()
    def observe(self) -> None:
        """Take in the gradients as they are now, without waiting for the device.

        Every parameter must have one. An observation that was not read is forgotten.
        """
        self._observed = _Observed.of(_gradients(self._parameters), self._has_histogram)

    def read(self) -> dict[str, Any]:
        """The last observation as a row of metrics.jsonl. Waits for the device; forgets it.

        A number that is not finite is None.
        """
        observed = self._observed
        assert observed is not None, "nothing was observed"
        self._observed = None
        return self._row(observed)

    @torch.no_grad()
    def read_parameters(self) -> dict[str, Any]:
        """The parameters as they are now, as a row of the same fields. Waits for the device."""
        parameters = [parameter.detach().float() for parameter in self._parameters]
        return self._row(_Observed.of(parameters, has_histogram=True))

    def _row(self, observed: _Observed) -> dict[str, Any]:
        elements = sum(parameter.numel() for parameter in self._parameters)
        # In float64 from here on: these are few numbers, and squares of norms underflow in 32 bits.
        norms: list[float] = observed.norms.double().tolist()
        square = math.fsum(norm * norm for norm in norms)
        mean = math.fsum(observed.sums.double().tolist()) / elements
        zeros = elements - sum(observed.nonzeros.tolist())
        row: dict[str, Any] = {
            "norm": finite(math.sqrt(square)),
            "mean": finite(mean),
            "std": finite(math.sqrt(max(0.0, square / elements - mean * mean))),
            "largest": finite(observed.extremes.abs().max().item()),
            "zero_share": zeros / elements,
            "layer_norms": {layer: finite(norm) for layer, norm in self._by_layer(norms).items()},
        }
        if observed.exponents is not None:
            row["histogram"] = histogram(observed.exponents.tolist(), zeros)
        return row

    def _by_layer(self, norms: Sequence[float]) -> dict[str, float]:
        squares: dict[str, float] = {}
        for layer, norm in zip(self._layers, norms, strict=True):
            squares[layer] = squares.get(layer, 0.0) + norm * norm
        return {layer: math.sqrt(square) for layer, square in squares.items()}


def layer_of(name: str) -> str:
    """The layer of a parameter: "blocks.3" of "blocks.3.attention.qkv.weight", else the first
    word ("token_embedding", which is the tied head too)."""
    words = name.split(".")
    return ".".join(words[:2]) if name.startswith(BLOCK_PREFIX) else words[0]


def finite(value: float) -> float | None:
    """JSON has no word for infinity."""
    return value if math.isfinite(value) else None


def _gradients(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    gradients = []
    for parameter in parameters:
        assert parameter.grad is not None, "a parameter has no gradient to observe"
        gradients.append(parameter.grad.float())
    return gradients


def _exponents(tensors: Sequence[Tensor]) -> Tensor:
    """Counts by biased exponent over all elements, int64 [256]."""
    on_processor = tensors[0].device.type == "cpu"
    count = count_by_bincount if on_processor else count_by_adding
    total = torch.zeros(EXPONENTS, dtype=torch.int64, device=tensors[0].device)
    for tensor in tensors:
        total += count(tensor.reshape(-1))
    return total


def count_by_bincount(flat: Tensor) -> Tensor:
    """Counts by biased exponent, int64 [256]: fastest on a processor.

    flat: float32 [n]. On a GPU torch.bincount would read the largest value first, and wait.
    """
    total = torch.zeros(EXPONENTS, dtype=torch.int64, device=flat.device)
    for exponents in _chunks(flat, _CHUNK):
        total += torch.bincount(exponents, minlength=EXPONENTS)
    return total


def count_by_adding(flat: Tensor) -> Tensor:
    """As `count_by_bincount`, without a look at the values in between; sums of integers, so
    deterministic in whatever order they are made."""
    chunk = min(_CHUNK_ELSEWHERE, flat.numel())
    rows = torch.arange(chunk, device=flat.device, dtype=torch.int32)
    rows.remainder_(_LANES).mul_(EXPONENTS)
    bins = torch.zeros(_LANES * EXPONENTS, dtype=torch.int64, device=flat.device)
    one = torch.ones((), dtype=torch.int64, device=flat.device)
    for exponents in _chunks(flat, chunk):
        exponents += rows[: exponents.numel()]
        bins.index_add_(0, exponents, one.expand(exponents.numel()))
    return bins.view(_LANES, EXPONENTS).sum(0)


def _chunks(flat: Tensor, size: int) -> Iterator[Tensor]:
    """The biased exponents, int32, a piece at a time; each piece is a new tensor."""
    for piece in flat.split(size):
        bits = piece.contiguous().view(torch.int32)
        yield bits.bitwise_and(_EXPONENT_BITS).bitwise_right_shift_(_MANTISSA_BITS)
