"""Expand a configuration into its runs: the product of its axes, without impossible pairs.

Pure: configuration in, runs out. The order of the runs is the order of the Kconfig tree, then of
the sweep, then of the seeds; arms of another budget come last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from gpt2.budget import settled_warmup
from gpt2.reciprocal.steps import CONTROL, STEPS, step_named
from lib.arms import (
    ARCHITECTURE_AXES,
    SEVERAL,
    architecture_label,
    arm_label,
    budget_label,
    empty_axis,
    exclusion,
    run_settings,
)
from lib.kconfig import ConfigError, Configuration
from scripts.matrix.extra_budget import OPTIONS, check_extra_budget, extend

# Axes that the exclusion rules speak of; every other axis is expanded inside a possible pair.
PAIRED_AXES = ("OPTIMIZER", "PRUNING_METHOD")

# Symbols that say which runs there are rather than what a run does; a run has them at one value.
OF_A_RUN = {name: str(value) for name, value in SEVERAL.items()}

# What the label of an arm says already (lib/arms.py) is not said twice where it is swept.
IN_LABELS = (
    *("TARGET_SPARSITY", "PRUNING_PATTERN", "PRUNING_N", "PRUNING_M", "PRUNING_ALPHA"),
    *("ADAMWPRUNE_BASE", "ADAMWPRUNE_NORMALISE", "MAX_TIME", *OPTIONS),
)

LABEL = "matrix"

STEPS_AXIS = "RA_STEP"


@dataclass(frozen=True)
class Run:
    """One run of the matrix: its configuration, its place on the axes, its arm."""

    configuration: Configuration
    axes: dict[str, Any]
    arm: str
    budget: str
    """What it trains otherwise than so many steps: "", "+21%steps", "+60s" (lib/arms.py)."""

    @property
    def hash(self) -> str:
        return self.configuration.typed().hash


@dataclass(frozen=True)
class Merged:
    """A combination that is the same run as another one, by the hash."""

    axes: dict[str, Any]
    arm: str
    """What it would be called."""
    run: Run


@dataclass
class Expansion:
    """The runs, each once; the combinations left out; those that are the same as another run."""

    axes: dict[str, list[Any]]
    compared: set[str] = field(default_factory=set)
    """Options in which arms are meant to differ."""
    runs: list[Run] = field(default_factory=list)
    skipped: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)


def expand(configuration: Configuration, has_controls: bool = True) -> Expansion:
    """All runs of `configuration`. Raises ValueError for an empty axis or an impossible sweep.

    has_controls: beside every step of the reciprocal attention study the plain transformer that it
    is compared with.
    """
    for axis, members in configuration.axes().items():
        if not members:
            raise ValueError(empty_axis(configuration, axis))
    check_extra_budget(configuration)
    config = configuration.typed()
    sweep = configuration.sweep()
    seeds = range(config.SEED, config.SEED + config.SEEDS)
    variations = ({}, *configuration.variations())
    _check_changes([*sweep, *(name for variation in variations for name in variation)])
    axes_of_tree = _axes(configuration, has_controls)
    expansion = Expansion(
        {axis: list(members) for axis, members in axes_of_tree.items()}
        | {name: list(values) for name, values in sweep.items()}
        | ({"VARIATION": list(map(_written, variations))} if variations[1:] else {})
        | {"SEED": list(seeds)}
    )
    varied = {*axes_of_tree, *sweep, *(name for v in variations for name in v)}
    expansion.compared = varied | (
        set(ARCHITECTURE_AXES) if varied & set(ARCHITECTURE_AXES) else set()
    )
    base = configuration.derive(OF_A_RUN, LABEL)
    seen: dict[str, Run] = {}
    arms = extend(config.EXTRA_BUDGET, list(_arms(base, expansion, has_controls)), LABEL)
    for option in OPTIONS:
        if percents := {axes[option] for axes, _ in arms if option in axes}:
            expansion.axes[option] = [0, *sorted(percents)]
    for arm_axes, arm in arms:
        for changes, changed in _changed(arm, variations, sweep):
            _check_axes(changed, changes)
            settled = settled_warmup(changed.typed())
            # It follows the length, which is told where it differs between arms.
            expansion.compared |= settled.keys()
            for seed in seeds:
                axes = arm_axes | changes | {"SEED": seed}
                if variations[1:]:
                    axes["VARIATION"] = _written(
                        {name: changes[name] for v in variations for name in v if name in changes}
                    )
                of_the_run = {"SEED": str(seed)} | settled
                run = _run(changed.derive(of_the_run, LABEL), axes, changes, expansion)
                if run.hash in seen:
                    expansion.merged.append(Merged(axes, run.arm, seen[run.hash]))
                else:
                    seen[run.hash] = run
                    expansion.runs.append(run)
    if not expansion.runs:
        reasons = "; ".join(reason for _, reason in expansion.skipped)
        raise ValueError(f"Every combination is left out and no run is left: {reasons}.")
    return expansion


def _check_changes(names: Sequence[str]) -> None:
    """Refuse to vary what says which runs there are: no run would have the value."""
    for name in ("SEED", *OF_A_RUN):
        if name in names:
            raise ValueError(
                f"SWEEP or VARIATIONS has {name}, which says which runs there are and is nothing "
                "that arms differ in. SEEDS=3 gives every arm the seeds SEED, SEED+1 and SEED+2; "
                f"set {name} by itself."
            )


def _check_axes(arm: Configuration, changes: dict[str, str]) -> None:
    """Refuse a change that brings an axis into sight: an arm has one member of each."""
    for axis, members in arm.axes().items():
        if len(members) != 1:
            raise ValueError(
                f"`{_written(changes)}` in SWEEP or VARIATIONS brings in the axis {axis}, of which "
                f"an arm needs one member and has {len(members)}. Leave it out there, and say "
                f"`{_written(changes)}` and {axis} for the whole matrix."
            )


def _axes(configuration: Configuration, has_controls: bool) -> dict[str, tuple[str, ...]]:
    """Every visible axis with its members, and with the controls of its steps."""
    axes = configuration.axes()
    if has_controls and STEPS_AXIS in axes:
        axes[STEPS_AXIS] = with_controls(axes[STEPS_AXIS])
    return axes


def with_controls(members: Sequence[str]) -> tuple[str, ...]:
    """Steps as the members of their axis, and the control of each, in the order of the table."""
    wanted = {step_named(member).name for member in members}
    wanted |= {CONTROL[name] for name in wanted if name in CONTROL}
    return tuple(step.label.lower() for step in STEPS.values() if step.name in wanted)


def _written(variation: dict[str, str]) -> str:
    """A variation as it stands in VARIATIONS; "" for none."""
    return " ".join(f"{name}={value}" for name, value in variation.items())


def _changed(
    arm: Configuration,
    variations: Sequence[dict[str, str]],
    sweep: dict[str, tuple[str, ...]],
) -> Iterator[tuple[dict[str, str], Configuration]]:
    """The arm and each of its variations, with every combination of the swept values."""
    for variation in variations:
        varied = arm.derive(variation, LABEL) if variation else arm
        for sweep_axes, swept in _sweeps(varied, sweep):
            yield variation | sweep_axes, swept


def _arms(
    base: Configuration, expansion: Expansion, has_controls: bool
) -> Iterator[tuple[dict[str, str], Configuration]]:
    """Every possible member of every axis, with the configuration reduced to it."""
    axes = base.axes()
    for members in product(*(axes[axis] for axis in PAIRED_AXES)):
        pair = dict(zip(PAIRED_AXES, members, strict=True))
        reason = exclusion(pair)
        if reason is not None:
            expansion.skipped.append((pair, reason))
            continue
        paired = base.derive(pair, LABEL)
        # Only axes that this pair makes visible: variants go with state pruning alone.
        axes_of_pair = _axes(paired, has_controls)
        inner = {a: m for a, m in axes_of_pair.items() if a not in PAIRED_AXES}
        for axis, members_of_axis in inner.items():
            if not members_of_axis:
                raise ValueError(empty_axis(paired, axis))
        for inner_members in product(*inner.values()):
            chosen = dict(zip(inner, inner_members, strict=True))
            yield pair | chosen, paired.derive(chosen, LABEL) if chosen else paired


def _sweeps(
    arm: Configuration, sweep: dict[str, tuple[str, ...]]
) -> Iterator[tuple[dict[str, str], Configuration]]:
    """Every combination of the swept values that this arm has a use for."""
    for values in product(*sweep.values()):
        wanted = dict(zip(sweep, values, strict=True))
        # An option that the arm does not have cannot change it: a dense run has no sparsity. The
        # combinations then give one run, which the hash finds.
        useful = {name: value for name, value in wanted.items() if _has(arm, name, value)}
        yield useful, arm.derive(useful, LABEL) if useful else arm


def _has(arm: Configuration, name: str, value: str) -> bool:
    """Whether the arm has this option, or has it once the option frees the arm's preset."""
    if arm.typed()[name] is not None:
        return True
    if not arm.tree.frees(name):
        return False
    try:
        return arm.derive({name: value}, LABEL).typed()[name] is not None
    except ConfigError:
        return False


def _run(
    configuration: Configuration,
    axes: dict[str, Any],
    changes: dict[str, str],
    expansion: Expansion,
) -> Run:
    settings = run_settings(configuration.typed())
    label = arm_label(settings)
    if expansion.compared & set(ARCHITECTURE_AXES):
        label = f"{label} {architecture_label(settings)}"
    said = (*IN_LABELS, *ARCHITECTURE_AXES)
    extra = [f"{name}={value}" for name, value in changes.items() if name not in said]
    return Run(configuration, axes, " ".join([label, *extra]), budget_label(settings))
