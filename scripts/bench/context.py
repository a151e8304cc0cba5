"""What every part of `make bench` is given: the device, a folder to litter, and settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lib.arms import settings_of
from lib.cpu import usable_cores
from lib.device import Device, DeviceError, check_bfloat16
from lib.kconfig import Configuration, Layer, Tree, override_layer
from scripts.bench.workloads import FAST, ON_A_GPU, ON_A_PROCESSOR, Workload

LABEL = "make bench"


@dataclass(frozen=True)
class Context:
    device: Device
    is_fast: bool
    """Everything at its smallest: what comes out means nothing."""
    only: str | None
    """The key of the one workload that is wanted; None for all of the device."""
    folder: Path
    """Temporary; whatever is left in it goes when the measurement ends."""
    tree: Tree
    overrides: Layer
    """Options of the command line, for our trainer."""

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device.torch_name)

    @property
    def has_bfloat16(self) -> bool:
        try:
            check_bfloat16(self.device)
        except DeviceError:
            return False
        return True

    def workloads(self) -> tuple[Workload, ...]:
        """Small ones first. Raises ValueError for one that is not there."""
        if self.is_fast:
            found: tuple[Workload, ...] = (FAST,)
        else:
            found = ON_A_PROCESSOR if self.device.kind == "cpu" else ON_A_GPU
        wanted = tuple(each for each in found if self.only in (None, each.key))
        if not wanted:
            keys = ", ".join(each.key for each in found)
            raise ValueError(f"There is no workload {self.only} on this device; there are {keys}.")
        return wanted

    def settings(self, options: Mapping[str, str]) -> dict[str, Any]:
        """The typed values of `configuration`."""
        return settings_of(self.configuration(options))

    def configuration(self, options: Mapping[str, str]) -> Configuration:
        """A dense AdamW run with these options, in the arithmetic that is fastest here; the
        command line has the last word where the options have none.

        Raises ValueError for an option of the command line that is fixed by the measurement.
        """
        fixed = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none", "DEVICE": self.device.kind}
        fixed |= options
        asked = {assignment.name for assignment in self.overrides.assignments}
        if clash := sorted(asked & fixed.keys()):
            raise ValueError(
                f"{', '.join(clash)} cannot be chosen for `{LABEL}`: the models it measures fix "
                "it. Leave it out, or time a run of your own (`make` says its tokens/s)."
            )
        arithmetic = {"DTYPE": "bfloat16" if self.has_bfloat16 else "float32"}
        layers = [override_layer(list((arithmetic | fixed).items()), LABEL), self.overrides]
        return self.tree.resolve(layers)


def threads_of(settings: Mapping[str, Any]) -> int:
    """Threads that a run with these settings takes, and so whatever it is compared to."""
    return settings["CPU_THREADS"] or usable_cores()
