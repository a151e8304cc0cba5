"""Checkpoints: written so that a kill at any moment loses no earlier one, read as untrusted data.

A store is a folder of files, one a step (docs/checkpoints.md). This package knows steps and plain
states; what is inside a state, which run it belongs to and when to save are the caller's business.
"""

from lib.checkpoint.archive import SCHEMA, TRAINING, WEIGHTS, Header, State, read_mapped
from lib.checkpoint.errors import (
    CheckpointError,
    Damaged,
    Missing,
    Newer,
    NoneWhole,
    NotWritten,
    Untrusted,
)
from lib.checkpoint.listing import Listed, list_checkpoints
from lib.checkpoint.retention import Tiers
from lib.checkpoint.store import CheckpointStore, Saved
from lib.checkpoint.writer import CheckpointWriter

__all__ = [
    "SCHEMA",
    "TRAINING",
    "WEIGHTS",
    "CheckpointError",
    "CheckpointStore",
    "CheckpointWriter",
    "Damaged",
    "Header",
    "Listed",
    "Missing",
    "Newer",
    "NoneWhole",
    "NotWritten",
    "Saved",
    "State",
    "Tiers",
    "Untrusted",
    "list_checkpoints",
    "read_mapped",
]
