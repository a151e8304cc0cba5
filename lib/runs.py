"""A run: its identity, its folder, and what state it is in. Knows no torch.

A run is identified by the hash of what it would compute (`Config.hash`); its folder is named
`<readable name>-<first 8 digits of the hash>`. The hash alone finds it (`RunFolders`), so the same
run is never computed twice, whatever it is called, and matrices share runs. `summary.json` is
written last and whole: Make's target, and the only proof that a run has ended.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.arms import architecture_label, arm_label, run_settings
from lib.claims import is_held
from lib.files import read_json, write_atomic
from lib.kconfig import Config, Configuration, read_config_py, render_config_py
from lib.metrics import METRICS_NAME

SCHEMA = 1
HASH_DIGITS = 8

# What a summary may say. `oom` is a failure with its cause; both are final at this size.
ENDINGS = ("done", "failed", "diverged", "oom")


def short_hash(config_hash: str) -> str:
    """The part of a hash that folder names carry."""
    return config_hash[:HASH_DIGITS]


def run_name(config: Config) -> str:
    """The readable part of a run's folder name; safe in file names, URLs and Make targets."""
    settings = run_settings(config)
    architecture = architecture_label(settings)
    arm = arm_label(settings)
    if architecture != "gpt2":
        arm = f"{architecture}-{arm}"
    for unsafe, safe in _SAFE.items():
        arm = arm.replace(unsafe, safe)
    return f"{config.MODEL}-{config.DATASET}-{arm}-s{config.SEED}"


# A colon ends a target of Make: 2:4 becomes 2of4.
_SAFE = {"+": "-", "@": "-", "%": "", ".": "_", ":": "of"}

# What a run and the programs that look at its model leave beside its configuration.
_LEFT_BY_A_RUN = [
    "summary.json",
    "metrics.jsonl",
    "train.log",
    "checkpoints",
    "hellaswag",
    "latency.json",
    "gates.json",
    "export-hf",
]

# What only the attempt that begins at step 0 finds out, and later ones must not forget.
_KEPT_FACTS = ("init_from",)

_CUT_SHORT = (None, "interrupted")


@dataclass(frozen=True)
class RunDirectory:
    """`results/runs/<name>-<hash8>/` and the files in it (docs/results.md)."""

    path: Path

    @classmethod
    def of(cls, results: Path, config: Config) -> "RunDirectory":
        """Where the run of this configuration lives below the results folder.

        Whoever asks for many runs lists the folders once: `RunFolders`.
        """
        return RunFolders(results).of(config)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def summary_path(self) -> Path:
        return self.path / "summary.json"

    @property
    def metrics_path(self) -> Path:
        return self.path / METRICS_NAME

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    @property
    def log_path(self) -> Path:
        return self.path / "train.log"

    def freeze(self, configuration: Configuration) -> None:
        """Write the resolved `.config` and `config.py` of a run that is to be computed.

        Planned again before it has ended, it takes over the options that cannot change its result
        (trackers, log cadence); all others are equal, or its hash and folder were others. A run
        that has ended, or runs at this moment, keeps what it was started with.
        """
        is_frozen = (self.path / ".config").is_file() and (self.path / "config.py").is_file()
        if is_frozen and (self.summary() is not None or self.is_running()):
            return
        self.path.mkdir(parents=True, exist_ok=True)
        header = [f"run {self.name}; copy this file to .config and `make` to compute it again"]
        write_atomic(self.path / ".config", configuration.file_text(header))
        write_atomic(self.path / "config.py", render_config_py(configuration.typed(), header))

    def config(self) -> Config:
        """The frozen configuration. Raises ValueError if the folder is not a planned run."""
        path = self.path / "config.py"
        if not path.is_file():
            raise ValueError(
                f"{self.path} is not a run: it has no config.py. Name a folder below "
                "results/runs, or describe the run by options, as in `--optimizer adamw`."
            )
        config = read_config_py(path)
        if not self.name.endswith(short_hash(config.hash)):
            raise ValueError(
                f"{path} does not belong to this folder: its hash begins with "
                f"{short_hash(config.hash)}. Remove the folder and plan again."
            )
        return config

    def computes(self, config_hash: str) -> bool:
        """Whether what this folder holds is of the configuration with this whole hash."""
        summary = self.summary()
        if summary is not None:
            return summary["config_hash"] == config_hash
        try:
            return self.config().hash == config_hash
        except (OSError, ValueError):
            return False

    def summary(self) -> dict[str, Any] | None:
        """summary.json if it is whole and this run's; anything else counts as not there.

        So an empty file made by `make -t`, or another run's file copied here, fakes nothing.
        """
        summary = read_json(self.summary_path)
        whole = (
            summary is not None
            and summary.get("schema") == SCHEMA
            and summary.get("status") in ENDINGS
            and self.name.endswith(short_hash(str(summary.get("config_hash"))))
        )
        return summary if whole else None

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """The last act of a run."""
        assert summary["status"] in ENDINGS, summary["status"]
        text = json.dumps({"schema": SCHEMA} | dict(summary), indent=1, allow_nan=False) + "\n"
        write_atomic(self.summary_path, text)

    def write_gates(self, values: Mapping[str, Any]) -> None:
        """gates.json: what the gates of a reciprocal model came to."""
        write_atomic(self.path / "gates.json", json.dumps(dict(values), allow_nan=False) + "\n")

    def provenance(self) -> dict[str, Any] | None:
        """run.json, or None if it is missing or torn."""
        return read_json(self.path / "run.json")

    def attempts(self) -> list[dict[str, Any]]:
        """Every start of this run, oldest first, with its end and cause where it had one."""
        provenance = self.provenance()
        attempts = provenance.get("attempts") if provenance else None
        return attempts if isinstance(attempts, list) else []

    def begin_attempt(self, provenance: Mapping[str, Any]) -> int:
        """Record a start (facts of this start replace the last ones); returns its number from 1."""
        attempts = self.attempts()
        before = self.provenance() or {}
        kept = {name: before[name] for name in _KEPT_FACTS if name in before}
        attempts.append({"start": now(), "end": None, "pid": os.getpid(), "cause": None})
        self._write_provenance({"schema": SCHEMA, **kept, **provenance, "attempts": attempts})
        return len(attempts)

    def add_provenance(
        self, facts: Mapping[str, Any], attempt: Mapping[str, Any] | None = None
    ) -> None:
        """Record what became known later, such as the data; `attempt`: of the last start alone."""
        provenance = {**(self.provenance() or {}), **facts}
        if attempt is not None:
            provenance["attempts"][-1] |= attempt
        self._write_provenance(provenance)

    def end_attempt(self, cause: str, message: str | None = None) -> None:
        """Record how the last start ended."""
        provenance = self.provenance() or {"schema": SCHEMA, "attempts": [{"start": None}]}
        provenance["attempts"][-1] |= {"end": now(), "cause": cause, "message": message}
        self._write_provenance(provenance)

    def _write_provenance(self, provenance: Mapping[str, Any]) -> None:
        write_atomic(self.path / "run.json", json.dumps(provenance, indent=1) + "\n")

    def beat(self, **facts: Any) -> None:
        """Rewrite the heartbeat: small facts about a run that is alive, for `make status`."""
        temporary = self.path / ".heartbeat.tmp"
        # Not synced to the disk: it is worth nothing after a crash, and costs nothing here.
        temporary.write_text(json.dumps(facts | {"time": now()}))
        os.replace(temporary, self.path / "heartbeat.json")

    def heartbeat(self) -> dict[str, Any] | None:
        return read_json(self.path / "heartbeat.json")

    def is_running(self) -> bool:
        return is_held(self.path)

    def state(self) -> str:
        """done, failed, diverged or pending, from the files alone.

        The fifth state, skipped, is a matter of the plan.
        """
        summary = self.summary()
        if summary is None:
            return "pending"
        return "failed" if summary["status"] == "oom" else summary["status"]

    def live(self) -> str:
        """What "pending" is at this moment: "running", "interrupted", or "" for neither.

        A start without an end was killed; one that ended for something to mend is not interrupted.
        """
        if self.is_running():
            return "running"
        attempts = self.attempts()
        return "interrupted" if attempts and attempts[-1].get("cause") in _CUT_SHORT else ""

    def reason(self) -> str | None:
        """Why the run, or its last start, did not reach its end; None where there is nothing."""
        summary = self.summary()
        if summary is not None:
            return summary.get("reason")
        attempts = self.attempts()
        return attempts[-1].get("message") if attempts else None

    def set_aside(self) -> None:
        """Keep what an ended run left under other names, so that it can be computed again."""
        number = len(self.attempts()) or 1
        for name in _LEFT_BY_A_RUN:
            path = self.path / name
            if path.exists():
                path.rename(path.with_name(f"{path.name}.attempt-{number}"))


class RunFolders:
    """The folders of runs below a results folder, listed once, and found by their hash.

    Two readable names may belong to one hash: the presets llama and team are the same model. So a
    name is for people, and decides only where nothing is there yet.
    """

    def __init__(self, results: Path) -> None:
        self._runs = results / "runs"
        self._names: dict[str, list[str]] = {}
        entries = os.scandir(self._runs) if self._runs.is_dir() else ()
        for name in sorted(entry.name for entry in entries if entry.is_dir()):
            if ending := _HASH_AT_END.search(name):
                self._names.setdefault(ending[1], []).append(name)

    def of(self, config: Config) -> RunDirectory:
        """Where the run of this configuration is or, if nowhere, where it shall be."""
        own = f"{run_name(config)}-{short_hash(config.hash)}"
        names = self._names.get(short_hash(config.hash), [])
        found = [
            directory
            for name in names
            # The eight digits of another name may be another computation's.
            if (directory := RunDirectory(self._runs / name)).name == own
            or directory.computes(config.hash)
        ]
        return _furthest(found, own) or RunDirectory(self._runs / own)

    def named(self, name: str) -> RunDirectory | None:
        """The run whose folder ends with the hash of this name; None if there is none."""
        ending = _HASH_AT_END.search(name)
        names = self._names.get(ending[1], []) if ending else []
        return _furthest([RunDirectory(self._runs / name) for name in names], name)


_HASH_AT_END = re.compile(rf"-([0-9a-f]{{{HASH_DIGITS}}})$")


def _furthest(directories: list[RunDirectory], own: str) -> RunDirectory | None:
    """Of the folders of one run the one in which most is done; of equals the one named `own`.

    More than one is there if each was made before the other was looked for, or if one is a copy.
    """

    def progress(directory: RunDirectory) -> tuple[bool, ...]:
        state = directory.state()
        has_begun = bool(directory.attempts())
        return state == "done", state != "pending", directory.is_running(), has_begun

    if len(directories) < 2:
        return directories[0] if directories else None
    return max(directories, key=lambda found: (*progress(found), found.name == own))


def now() -> str:
    """The time in UTC, for people; durations are never computed from it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
