"""A folder of checkpoints: what to continue from, what to keep, what to say about the rest.

Truth is in the files and their names; links are hints for people, and no index can disagree.
`newest_whole`, `send_back`, `save` and the two that end a run are for whoever holds the run; the
others change nothing and may be called beside it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lib.checkpoint import files
from lib.checkpoint.archive import (
    TRAINING,
    WEIGHTS,
    Header,
    State,
    header_of,
    read_checked,
    read_header,
    read_mapped,
)
from lib.checkpoint.errors import CheckpointError, Damaged, Missing, NoneWhole, Untrusted
from lib.checkpoint.retention import BEST, EPOCH, LATEST, Tiers
from lib.checkpoint.save import check_space, needed_bytes, write_checked
from lib.checkpoint.snapshot import plan_copy
from lib.console import size
from lib.files import fsync_path, user_path

FINAL_NAME = "final.pt"
BEST_NAME = files.BEST_LINK
"""While a run trains a link for people; once it is done a file of weights."""


@dataclass(frozen=True)
class Saved:
    """One checkpoint that is on the disk, and what it took."""

    step: int
    path: Path
    bytes: int
    stall_s: float
    """How long the training waited for it."""
    write_s: float
    verify_s: float
    removed: tuple[int, ...]
    """Steps whose checkpoints were deleted afterwards."""


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, folder: Path) -> None:
        """folder: need not exist before the first save."""
        self.folder = folder

    def steps(self) -> dict[int, Path]:
        """The checkpoints there are, newest first, by their names; good or not."""
        return files.step_files(self.folder)

    def newest_whole(
        self, accept: Callable[[State], None], say: Callable[[str], None]
    ) -> State | None:
        """The state to continue from; None if there never was one.

        Sweeps what a killed save left, sets aside what is damaged or untrusted, and says so, and
        which checkpoint it took. accept: raises ValueError for a state of another configuration;
        that is no damage, so it goes up and no older one is tried. Raises NoneWhole if there were
        checkpoints and none can be used, also when they were set aside by an earlier call; Newer.
        """
        for path in files.sweep(self.folder):
            say(f"removed {path.name}, which a save that was cut short had left")
        problems = []
        for step, path in self.steps().items():
            try:
                state = self._training_state(path, step)
            except (Damaged, Untrusted) as error:
                aside = files.set_aside(path)
                say(f"{error}; it is set aside as {aside.name}")
                problems.append(f"step {step} is set aside as {aside.name}: {error.what}")
                continue
            accept(state)
            why = "the newest checkpoint that is whole" if problems else "the newest checkpoint"
            say("; ".join([f"continuing from step {step}, {why}", *problems]))
            return state
        if not problems:
            problems = [f"{path.name} was set aside" for path in files.bad_files(self.folder)]
        if problems:
            raise NoneWhole(self.folder, problems)
        return None

    def _training_state(self, path: Path, step: int) -> State:
        state = read_checked(path)
        header = header_of(state, path)
        if header.kind != TRAINING:
            raise Damaged(path, f"it holds {header.kind}, from which no training can continue")
        if header.step != step:
            raise Damaged(path, f"it holds step {header.step} under the name of step {step}")
        return state

    def load(self, path: Path) -> State:
        """A checkpoint or weights from any file, for whoever named it.

        Raises Missing, Damaged, Untrusted, Newer; the file is left as it is.
        """
        if not path.is_file():
            names = [*(p.name for p in self.steps().values()), *(p.name for p in self.weights())]
            there = f"{self.folder} has {', '.join(names)}" if names else f"{self.folder} has none"
            raise Missing(f"there is no checkpoint {path}; {there}.")
        return read_checked(path)

    def find(self, which: str) -> Path:
        """The file that "latest" or "best" stands for now, or the path that was given.

        Of a run that is done these are its weights. Raises Missing.
        """
        if which not in ("latest", "best"):
            return user_path(which)
        steps, weights = self.steps(), self.weights()
        if not steps and weights:
            return weights[-1] if which == "best" else weights[0]
        if not steps:
            raise Missing(f"{self.folder} has no checkpoint yet.")
        if which == "latest":
            return next(iter(steps.values()))
        header = self.newest_header()
        best = header.best_step if header else None
        if best is None:
            raise Missing(f"{self.folder} has no best checkpoint: nothing was evaluated yet.")
        if best not in steps:
            raise Missing(
                f"{self.folder} has no checkpoint of step {best}, the best so far; it has "
                f"{', '.join(path.name for path in steps.values())}."
            )
        return steps[best]

    def newest_header(self) -> Header | None:
        """The header of the newest checkpoint that can be read; nothing else of it is checked."""
        for path in self.steps().values():
            try:
                return read_header(path)
            except CheckpointError:
                # The listing names it, and so does whoever continues from it.
                continue
        return None

    def weights(self) -> list[Path]:
        """final.pt of a run that is done, and best.pt if an earlier step was better."""
        paths = [self.folder / FINAL_NAME, self.folder / BEST_NAME]
        return [path for path in paths if path.is_file() and not path.is_symlink()]

    def check_space(self, step: int, state_bytes: int) -> int:
        """The bytes that a save of that step needs. Raises NotWritten if they are not free."""
        self._make_folder()
        last = next(iter(self.steps().values()), None)
        needed = needed_bytes(state_bytes, last.stat().st_size if last else 0)
        check_space(self.folder / files.step_name(step), needed)
        return needed

    def save(self, state: State, tiers: Tiers, needed: int, stall_s: float) -> Saved:
        """Write, verify, rename; then the links; then delete what no tier keeps.

        needed: from `check_space`. The state must not change meanwhile. Raises NotWritten, OSError.
        """
        header = header_of(state, self.folder)
        path = self.folder / files.step_name(header.step)
        written = write_checked(path, state, needed)
        removed = self._retain(header, tiers)
        return Saved(
            header.step, path, written.bytes, stall_s, written.write_s, written.verify_s, removed
        )

    def _retain(self, header: Header, tiers: Tiers) -> tuple[int, ...]:
        """Delete what the checkpoint of `header`, which is on the disk, makes superfluous."""
        steps = self.steps()
        sizes = {step: path.stat().st_size for step, path in steps.items()}
        expendable = tiers.expendable(sizes, header.best_step, header.step)
        # Before anything is deleted, so that no link ever leads nowhere.
        kept = [step for step in steps if step <= header.step and step not in expendable]
        self._point_links(tiers.of(kept, header.best_step))
        for step in expendable:
            steps[step].unlink(missing_ok=True)
        for path, step in files.superseded_files(self.folder).items():
            if step is not None and step <= header.step:
                path.unlink(missing_ok=True)
        return expendable

    def _point_links(self, kept: dict[int, tuple[str, ...]]) -> None:
        wanted = {}
        for step, tiers in kept.items():
            for tier in tiers:
                if tier == LATEST:
                    wanted[files.LATEST_LINK] = files.step_name(step)
                elif tier == BEST:
                    wanted[files.BEST_LINK] = files.step_name(step)
                elif tier.startswith(EPOCH):
                    epoch = int(tier.removeprefix(EPOCH))
                    wanted[files.epoch_link(epoch)] = files.step_name(step)
        files.point_links(self.folder, wanted)

    def send_back(self, step: int, say: Callable[[str], None]) -> None:
        """Let no later scan find what lies after `step`; at 0, nothing at all.

        For a start from an older checkpoint, and from step 0, on purpose. What is newer is renamed
        and stays until the run has passed it again.
        """
        doomed = [path for at, path in self.steps().items() if at > step or step == 0]
        doomed += self.weights()
        if step == 0:
            doomed += files.bad_files(self.folder)
        if not doomed:
            return
        total = sum(path.stat().st_size for path in doomed)
        self._point_links({})
        files.supersede(doomed)
        say(
            f"going back to step {step}: {len(doomed)} files of later steps ({size(total)}) are "
            "renamed to *.superseded, and each is deleted when the run has passed its step again"
        )

    def keep_weights(self, final: State, say: Callable[[str], None]) -> list[Path]:
        """Write final.pt, and best.pt if an earlier step was better and its checkpoint is whole.

        final: of kind WEIGHTS. Returns the files. Nothing is deleted: `discard_training` does
        that, once the result of the run is on record. Raises NotWritten.
        """
        assert final["kind"] == WEIGHTS
        header = header_of(final, self.folder)
        self._make_folder()
        self._write_weights(self.folder / FINAL_NAME, final)
        best_path = self.folder / BEST_NAME
        best = self.steps().get(header.best_step) if header.best_step is not None else None
        if header.best_step == header.step or best_path.is_symlink():
            best_path.unlink(missing_ok=True)
        if best is not None and header.best_step != header.step:
            try:
                # Mapped: of the moments, two thirds of the file, nothing comes to memory.
                state = read_mapped(best)
            except (Damaged, Untrusted) as error:
                say(f"{error}; the weights of step {header.best_step} are lost")
            else:
                kept = {key: state[key] for key in final if key in state}
                self._write_weights(best_path, kept | {"kind": WEIGHTS})
        fsync_path(self.folder)
        return self.weights()

    def _write_weights(self, path: Path, state: State) -> None:
        needed = needed_bytes(plan_copy(state).bytes, 0)
        check_space(path, needed)
        write_checked(path, state, needed)

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True)
            fsync_path(self.folder.parent)

    def discard_training(self) -> int:
        """Delete all that is only for continuing, once final.pt is there; returns the bytes freed.

        The newest goes last, so that a kill in the middle leaves what a run can continue from.
        """
        assert (self.folder / FINAL_NAME).is_file()
        files.sweep(self.folder)
        doomed = [*files.superseded_files(self.folder), *reversed(self.steps().values())]
        freed = 0
        for path in doomed:
            freed += os.lstat(path).st_size
            path.unlink()
        self._point_links({})
        return freed
