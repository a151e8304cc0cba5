"""What there is in a store, for people: each file, what it is kept for, and whether it is whole.

Whether it is whole takes reading all of it, about a second for 1.5 GB. So the listing is a
generator: each line can be shown as soon as it is known.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lib.checkpoint import files
from lib.checkpoint.archive import Header, check_whole, read_header
from lib.checkpoint.errors import CheckpointError, Damaged, Untrusted
from lib.checkpoint.retention import Tiers
from lib.checkpoint.store import CheckpointStore


@dataclass(frozen=True)
class Listed:
    """One file of a store."""

    path: Path
    step: int | None
    """From the name for a checkpoint, from inside for weights; None if it cannot be read."""
    bytes: int
    modified_s: float
    """Time of the last change, in seconds since 1970."""
    tiers: tuple[str, ...]
    """What it is kept for."""
    header: Header | None
    """None if it cannot be read."""
    is_checked: bool
    """Whether every byte was read and compared; else only what the header needs."""
    problem: str | None
    """What is wrong with it, as a clause about "it"; None: nothing that was looked at."""
    check_s: float


def list_checkpoints(
    store: CheckpointStore, tiers: Tiers | None, is_checked: bool
) -> Iterator[Listed]:
    """The weights of a run that is done, its checkpoints newest first, and what was set aside.

    tiers: to say what each is kept for; None where the rules are not known. is_checked: read all
    bytes; without, a damaged weight goes unnoticed. Changes nothing, and may run beside a run.
    """
    steps = store.steps()
    newest = store.newest_header()
    kept = tiers.of(list(steps), newest.best_step if newest else None) if tiers else {}
    for path in store.weights():
        yield from _listed(path, None, ("weights",), is_checked)
    for step, path in steps.items():
        yield from _listed(path, step, kept.get(step, ()), is_checked)
    for path in files.bad_files(store.folder):
        yield from _listed(path, None, ("set aside",), is_checked)


def _listed(
    path: Path, step: int | None, tiers: tuple[str, ...], is_checked: bool
) -> Iterator[Listed]:
    """The line of one file; none if it was deleted since the folder was read."""
    start = time.perf_counter()
    header, problem = None, None
    try:
        status = path.stat()
        header = read_header(path)
        if step is not None and header.step != step:
            raise Damaged(path, f"it holds step {header.step} under the name of step {step}")
        if is_checked:
            check_whole(path)
    except FileNotFoundError:
        return
    except (Damaged, Untrusted) as error:
        problem = error.what
    except CheckpointError as error:
        problem = str(error)
    if step is None and header is not None:
        step = header.step
    check_s = time.perf_counter() - start
    yield Listed(
        path,
        step,
        status.st_size,
        status.st_mtime,
        tiers,
        header,
        is_checked,
        problem,
        check_s,
    )
