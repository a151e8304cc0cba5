"""Which run a checkpoint belongs to, and the refusal of one that belongs to another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

# One process, one device. More processes split the data otherwise and give other bits.
WORLD_SIZE = 1


class ForeignCheckpoint(ValueError):
    """The checkpoint is whole and of another run."""

    exit_status = 2


@dataclass(frozen=True)
class Identity:
    """What must be equal for a checkpoint to be continued."""

    config_hash: str
    settings: dict[str, Any]
    """Every symbol that can change a result, with its value (`Config.relevant`)."""
    data_hash: str

    def state_dict(self) -> dict[str, Any]:
        """Plain values for the checkpoint."""
        return {
            "config_hash": self.config_hash,
            "settings": self.settings,
            "data_hash": self.data_hash,
            "world_size": WORLD_SIZE,
        }

    def check(self, state: Mapping[str, Any]) -> None:
        """Raise ForeignCheckpoint, naming every difference, unless `state` is of this run."""
        differences = self._differences(state)
        if not differences:
            return
        raise ForeignCheckpoint(
            f"The checkpoint of step {state['step']} belongs to another run: "
            + "; ".join(differences)
            + ". Continue it with the configuration that wrote it, or move it away."
        )

    def _differences(self, state: Mapping[str, Any]) -> list[str]:
        differences = []
        theirs = state["settings"]
        for name in sorted(theirs.keys() | self.settings.keys()):
            there, here = theirs.get(name), self.settings.get(name)
            if there != here:
                differences.append(f"{name} is {_shown(there)} there and {_shown(here)} here")
        if not differences and state["config_hash"] != self.config_hash:
            differences.append(
                f"its configuration has the hash {state['config_hash'][:8]}, this run "
                f"{self.config_hash[:8]}"
            )
        if state["data_hash"] != self.data_hash:
            differences.append(
                f"its data have the hash {state['data_hash'][:8]}, the prepared data "
                f"{self.data_hash[:8]}"
            )
        if state["world_size"] != WORLD_SIZE:
            differences.append(f"it is of {state['world_size']} processes, this run has one")
        return differences


def environment(device: str) -> dict[str, Any]:
    """What may differ between two attempts and then changes the last bits."""
    return {
        "torch": str(torch.__version__),
        "device": device,
        "threads": torch.get_num_threads(),
    }


def environment_notes(saved: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Sentences on what is different now; [] where the bits of a straight run are promised."""
    return [
        f"{what} was {saved.get(what)} and is {present[what]} now: the last bits of this run "
        "differ from those of an uninterrupted one"
        for what in present
        if saved.get(what) != present[what]
    ]


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)
