"""Is this step's gradient norm a spike? A z-score against the last 100 norms.

z = (G - centre) / spread, a spike if z > threshold. Centre and spread are mean and standard
deviation of the norms, or median and 1.4826 MAD of their logarithms. A spike enters the history as
the threshold itself (winsorised), so that one spike does not hide the next.

It fires without spikes too: at threshold 2.0 on 2.4 % of steps with Gaussian norms. The rate is
logged. Never part of the paper's SPAM.
"""

from typing import Any

import torch
from torch import Tensor

HISTORY = 100
FEWEST = 10
# 1 / (the 0.75 quantile of the normal distribution): MAD times this is its standard deviation.
MAD_TO_SD = 1.482602218505602


class SpikeDetector:
    """A ring of norms on the device; reads nothing back."""

    def __init__(self, *, threshold: float, log_norms: bool) -> None:
        """threshold: in standard deviations, > 0; log_norms: median and MAD of log norms.

        Raises ValueError for a threshold that is not a finite number > 0.
        """
        if not 0 < threshold < float("inf"):
            raise ValueError(
                f"SPAM_SPIKE_THRESHOLD={threshold} is not a finite number > 0; set it > 0, or "
                "switch SPAM_DETECT_SPIKES off"
            )
        self._threshold = threshold
        self._log_norms = log_norms
        self._ring: Tensor | None = None
        self._pushes = 0

    def observe(self, norm: Tensor) -> Tensor | None:
        """Whether `norm` (0-D) is a spike, as a 0-D bool tensor; None while history is short."""
        # Double precision: equal norms then have spread 0 and centre exactly themselves.
        value = norm.double()
        if self._log_norms:
            value = value.clamp_min(torch.finfo(torch.float64).tiny).log()
        if self._ring is None:
            self._ring = torch.zeros(HISTORY, dtype=torch.float64, device=norm.device)
        is_spike = None
        if self._pushes >= FEWEST:
            limit = self._limit(self._ring[: min(self._pushes, HISTORY)])
            is_spike = value > limit
            value = torch.minimum(value, limit)
        self._ring[self._pushes % HISTORY] = value
        self._pushes += 1
        return is_spike

    def _limit(self, history: Tensor) -> Tensor:
        """The largest value that is no spike; history: (n,) with n >= FEWEST."""
        if not self._log_norms:
            return history.mean() + self._threshold * history.std()
        centre = _median(history)
        return centre + self._threshold * MAD_TO_SD * _median((history - centre).abs())

    def state_dict(self) -> dict[str, Any]:
        return {"ring": self._ring, "pushes": self._pushes}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        ring = state["ring"]
        self._ring = None if ring is None else ring.to(device=device, copy=True)
        self._pushes = state["pushes"]


def _median(values: Tensor) -> Tensor:
    """The middle of (n,), or the mean of the middle two; torch.median takes the lower."""
    ordered = values.sort().values
    return (ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2
