"""What is left open of a step: the options RA_*. Knows no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpt2.reciprocal.steps import Step, step_named


@dataclass(frozen=True)
class Options:
    """Names as in Kconfig."""

    rank: int
    """Reciprocal channels of a head; 0: the step's own."""
    gates_per: str
    """head or layer: what has its own."""
    gate_init: str
    """documented (0.9 and 0.1) or geometric (by the share of the channels)."""
    style: str
    """documented: reciprocal parts have no biases, Xavier weights, no dropout after attention;
    house: as the rest of the model."""
    eviction_mode: str
    """v-only or kv."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Options":
        return cls(
            rank=settings["RA_R"],
            gates_per=settings["RA_GATES_PER"],
            gate_init=settings["RA_GATE_INIT"],
            style=settings["RA_STYLE"],
            eviction_mode=settings["RA_EVICTION"],
        )

    @property
    def is_house(self) -> bool:
        return self.style == "house"

    def gate_values(self, share: float) -> tuple[float, float]:
        """w_std and w_rec at the start; share: of the low channels among all."""
        return (0.9, 0.1) if self.gate_init == "documented" else (1.0 - share, share)


def step_of(settings: Mapping[str, Any]) -> Step | None:
    """The step of a run; None for an architecture of components."""
    if settings["ARCHITECTURE"] != "unified-ra":
        return None
    return step_named(settings["RA_STEP"])
