"""Synthetic results folders: deterministic, small, in the schemas of docs/results.md."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lib.kconfig import Config, render_config_py

STEPS, TOKENS_PER_STEP, EVALUATIONS = 300, 2048, 6
PARAMETERS, PRUNABLE = 120_000, 90_000
TENSORS = ("blocks.0.attention.weight", "blocks.0.mlp.weight", "blocks.1.mlp.weight")


@dataclass
class Spec:
    """A run to invent. `summary` and `provenance` replace values by dotted name."""

    arm: str = "adamw"
    seed: int = 1337
    loss: float = 1.65
    status: str | None = "done"
    """As in summary.json, or None for no summary."""
    reason: str | None = None
    steps: int = STEPS
    axes: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    has_begun: bool = True
    log: str = "step 1\nstep 2\n"
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Further rows of metrics.jsonl."""

    @property
    def budget(self) -> str:
        """ "+21%steps" of "adamw+21%steps"."""
        extra = self.arm.rpartition("+")[2]
        return f"+{extra}" if extra.endswith(("%steps", "%batch")) else ""

    @property
    def step(self) -> str | None:
        """ "v0c-v3" of "adamw V0c-V3"."""
        return self.arm.partition(" ")[2].lower() or None

    @property
    def optimizer(self) -> str:
        return self.arm.split(" ")[0].split("+")[0]

    @property
    def method(self) -> str:
        label = self.arm.removesuffix(self.budget).partition("+")[2].split("@")[0]
        return "state" if label.startswith("bitter") else label or "none"

    @property
    def variant(self) -> str | None:
        return self.arm.partition("+")[2].split("@")[0] if self.method == "state" else None

    @property
    def target(self) -> float | None:
        _, _, percent = self.arm.partition("@")
        return float(percent.split("%")[0]) / 100 if percent else None

    @property
    def config(self) -> Config:
        values = {
            "OPTIMIZER": (self.optimizer,),
            "PRUNING_METHOD": (self.method,),
            "ADAMWPRUNE_VARIANT": (self.variant,) if self.variant else None,
            "TARGET_SPARSITY": self.target,
            "SEED": self.seed,
            "MAX_ITERS": self.steps,
            "BLOCK_SIZE": 64,
        }
        if self.step:
            values["RA_STEP"] = (self.step,)
        values |= self.axes
        return Config(values, tuple(values))

    @property
    def hash(self) -> str:
        return self.config.hash

    @property
    def name(self) -> str:
        label = self.arm.replace("+", "-").replace("@", "-").replace("%", "").replace(" ", "-")
        return f"gpt2-tiny-shakespeare-{label}-s{self.seed}"

    @property
    def dir(self) -> str:
        return f"runs/{self.name}-{self.hash[:8]}"


class Results:
    """A results folder that grows as runs are added."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def matrix(self, specs: Sequence[Spec], baseline: str | None = "adamw", **plan: Any) -> Path:
        """Write the runs and a plan of them; returns the matrix folder."""
        for spec in specs:
            self.run(spec)
        folder = self.root / "matrices" / "example-1a2b3c4d"
        folder.mkdir(parents=True, exist_ok=True)
        runs = [self._planned(spec) for spec in specs]
        document = {
            "schema": 1,
            "name": "example",
            "id": folder.name,
            "created": "2026-11-21T07:00:00Z",
            "config_from": "quickstart",
            "command": "make quickstart",
            "axes": {"OPTIMIZER": sorted({spec.optimizer for spec in specs})},
            "runs": runs,
            "baseline": baseline,
            "skipped": [],
            "merged": [],
            "parity": {},
        }
        (folder / "matrix.json").write_text(json.dumps(document | plan), encoding="utf-8")
        return folder

    def run(self, spec: Spec) -> Path:
        """Write the folder of one run; returns it."""
        folder = self.root / spec.dir
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.py").write_text(render_config_py(spec.config, ["synthetic"]))
        if spec.has_begun:
            lines = [json.dumps(row) for row in [*metrics(spec), *spec.rows]]
            (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
            (folder / "train.log").write_text(spec.log, encoding="utf-8")
            document = replaced(provenance(spec), spec.provenance)
            (folder / "run.json").write_text(json.dumps(document), encoding="utf-8")
        if spec.status is not None:
            document = replaced(summary(spec), spec.summary)
            (folder / "summary.json").write_text(json.dumps(document), encoding="utf-8")
        return folder

    def _planned(self, spec: Spec) -> dict[str, Any]:
        axes = {
            "OPTIMIZER": spec.optimizer,
            "PRUNING_METHOD": spec.method,
            "ADAMWPRUNE_VARIANT": spec.variant,
            "SEED": spec.seed,
        }
        if spec.step:
            axes["RA_STEP"] = spec.step
        return {
            "dir": spec.dir,
            "name": spec.name,
            "hash": spec.hash,
            "arm": spec.arm,
            "seed": spec.seed,
            "axes": axes | spec.axes,
            "budget": spec.budget,
            "steps": spec.steps,
            "tokens": spec.steps * TOKENS_PER_STEP,
        }


def replaced(document: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """`document` with the values of dotted names replaced."""
    for name, value in values.items():
        *path, last = name.split(".")
        inner = document
        for key in path:
            inner = inner[key]
        inner[last] = value
    return document


def metrics(spec: Spec) -> list[dict[str, Any]]:
    """Evaluations falling to the final loss, and a cubic pruning ramp over the middle half."""
    rows = []
    stop = 0.6 if spec.status == "diverged" else 1.0
    for k in range(1, EVALUATIONS + 1):
        step = spec.steps * k // EVALUATIONS
        if step > stop * spec.steps:
            break
        loss = spec.loss + 3.5 * math.exp(-5 * k / EVALUATIONS) - 3.5 * math.exp(-5)
        ramp = min(1.0, max(0.0, 2 * step / spec.steps - 0.5))
        sparsity = (spec.target or 0.0) * (1 - (1 - ramp) ** 3)
        common = {
            "step": step,
            "tokens": step * TOKENS_PER_STEP,
            "time_s": step * 0.11 * (1.1 if spec.target else 1.0),
        }
        is_last = k == EVALUATIONS
        rows.append(
            {"kind": "eval", **common, "split": "validation", "loss": loss}
            | {"perplexity": math.exp(loss), "bits_per_byte": loss / math.log(2)}
            | {"windows": 20, "evaluated_tokens": 5120, "is_full_split": is_last}
            | {"sparsity": sparsity, "eval_s": 0.2}
        )
        if spec.target and 0.25 <= step / spec.steps <= 0.8:
            rows.append(
                {"kind": "prune", **common, "target": sparsity, "achieved": sparsity}
                | {"newly_pruned": 1000, "prune_ms": 1.5}
            )
    return rows


def provenance(spec: Spec) -> dict[str, Any]:
    """run.json of a CPU run."""
    cause = {"oom": "failed", None: "interrupted"}.get(spec.status, spec.status)
    return {
        "schema": 1,
        "run": spec.dir.removeprefix("runs/"),
        "config_hash": spec.hash,
        "git": {"sha": "0123456789abcdef0123456789abcdef01234567", "dirty": False}
        | {"diff_hash": None},
        "argv": ["gpt2/train.py"],
        "versions": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.3.0"}
        | {"bitterbench": "0.1.0"},
        "hardware": {"device": "cpu", "device_name": "Example CPU", "device_count": 1}
        | {"device_memory_bytes": None, "cpu_model": "Example CPU", "cpu_cores": 2}
        | {"threads": 2, "runtime": None, "fingerprint": "aaaabbbbcccc"},
        "data": {"dataset": "shakespeare", "hash": "d" * 64}
        | {"train_tokens": 1_003_854, "validation_tokens": 111_540},
        "host": "example",
        "determinism": "same-device",
        "attempts": [
            {"start": None, "end": None, "pid": 1, "cause": cause, "message": spec.reason}
        ],
    }


def summary(spec: Spec) -> dict[str, Any]:
    """summary.json of a run; one that did not end well has no final evaluation."""
    is_done = spec.status == "done"
    loss = spec.loss if is_done else None
    step_ms = 110.0 + 0.01 * (spec.seed % 10) + (9.0 if spec.target else 0.0)
    train_s = spec.steps * step_ms / 1e3
    sparsity = spec.target if is_done else None
    zeros = round((sparsity or 0) * PRUNABLE)
    return {
        "schema": 1,
        "run": spec.dir.removeprefix("runs/"),
        "config_hash": spec.hash,
        "status": spec.status,
        "reason": spec.reason,
        "model": "gpt2-tiny",
        "architecture": "gpt2",
        "dataset": "shakespeare",
        "optimizer": spec.optimizer,
        "pruning": {
            "method": spec.method,
            "variant": spec.variant,
            "target_sparsity": spec.target,
            "achieved_sparsity": sparsity,
            "achieved_sparsity_all": sparsity and zeros / PARAMETERS,
            "per_tensor": dict.fromkeys(TENSORS, sparsity) if sparsity else {},
        },
        "seed": spec.seed,
        "tokens": spec.steps * TOKENS_PER_STEP,
        "steps": spec.steps if is_done else spec.steps // 2,
        "val_loss": loss,
        "val_perplexity": loss and math.exp(loss),
        "val_bits_per_byte": loss and loss / math.log(2),
        "val_tokens": 111_360,
        "val_best": {"loss": loss, "step": spec.steps, "sparsity": sparsity},
        "params": {"total": PARAMETERS, "prunable": PRUNABLE, "nonzero": PARAMETERS - zeros},
        "time": {
            "total_s": train_s + 4.5,
            "startup_s": 2.0,
            "train_s": train_s,
            "eval_s": 1.2,
            "data_s": 0.4,
            "checkpoint_s": 0.9,
            "compile_s": None,
            "step_ms_median": step_ms,
            "step_ms_p95": step_ms * 1.2,
            "optimizer_ms_median": 12.0 + (6.0 if spec.target else 0.0),
            "prune_ms_total": 60.0 if spec.target else None,
        },
        "memory": {
            "peak_allocated_bytes": None,
            "peak_reserved_bytes": None,
            "peak_rss_bytes": 40_000_000 + PRUNABLE * (1 if spec.target else 0),
            "weights_bytes": 4 * PARAMETERS,
            "gradients_bytes": 4 * PARAMETERS,
            "optimizer_bytes": 8 * PARAMETERS,
            "mask_bytes": PRUNABLE if spec.target else 0,
        },
        "throughput": {
            "tokens_per_s": TOKENS_PER_STEP / step_ms * 1e3,
            "flops_per_token": 720_000,
            "achieved_tflops": None,
            "mfu": None,
            "peak_tflops_source": None,
        },
        "epochs": spec.steps * TOKENS_PER_STEP / 1_003_854,
        "attempts": 1,
    }


ARMS = {
    "adamw": 1.65,
    "adamwprune": 1.66,
    "adamw+magnitude@50%": 1.70,
    "adamwprune+bitter1@50%": 1.71,
    "adamwprune+bitter7@50%": 1.69,
}


LONGER = {
    "adamw+21%steps": 1.62,
    "adamw+magnitude@50%+21%steps": 1.66,
    "adamwprune+bitter2@50%+21%steps": 1.64,
}
"""Arms of another budget: the best of them is below every arm of the plan's own."""


def longer(seeds: int) -> list[Spec]:
    """The plan's own arms and, 21 % longer, three others."""
    extended = grid(seeds, LONGER)
    for item in extended:
        item.steps = 363
    return [*grid(seeds), *extended]


def noise(arm: str, seed: int) -> float:
    """A fixed deviation of about 0.002 nats, the size that seeds have."""
    digest = hashlib.sha256(f"{arm} {seed}".encode()).digest()
    return (digest[0] / 255 - 0.5) * 0.008


def grid(seeds: int, arms: dict[str, float] = ARMS) -> list[Spec]:
    """Every arm with every seed, all done. Seeds share a deviation, as paired runs do."""
    return [
        Spec(arm, seed, loss + noise("all", seed) + noise(arm, seed) / 4)
        for arm, loss in arms.items()
        for seed in range(1337, 1337 + seeds)
    ]


STUDY = {
    "adamw V0": 1.65,
    "adamw V1": 1.70,
    "adamw V3": 1.72,
    "adamw RT": 1.69,
    "adamw V0c": 1.70,
    "adamw V0c-V3": 1.72,
}
"""Steps of the reciprocal attention study: RT alone ends below its twin, by 0.01."""

CONTROLS = {"adamw V1": "adamw V0c", "adamw V3": "adamw V0c-V3", "adamw RT": "adamw V0c"}


def study(
    results: Results,
    seeds: int,
    changed: Callable[[Spec], object] | None = None,
    losses: dict[str, float] = STUDY,
    **plan: Any,
) -> Path:
    """A matrix of the study; `changed` may change each spec before it is written."""
    specs = grid(seeds, losses)
    for item in specs:
        if changed is not None:
            changed(item)
    return results.matrix(specs, baseline="adamw V0", **({"controls": CONTROLS} | plan))


@pytest.fixture(scope="session", name="study_of")
def study_function() -> Callable[..., Path]:
    return study


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


@pytest.fixture
def spec() -> type[Spec]:
    """The class, because test modules cannot import this one."""
    return Spec


@pytest.fixture(scope="session", name="grid")
def grid_function() -> Callable[..., list[Spec]]:
    return grid


@pytest.fixture(scope="session", name="longer")
def longer_function() -> Callable[..., list[Spec]]:
    return longer


@pytest.fixture(scope="session")
def grid_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The matrix folder of the grid with two seeds, for tests that only read it."""
    return Results(tmp_path_factory.mktemp("grid") / "results").matrix(grid(2))
