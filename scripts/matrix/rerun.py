"""Choose ended runs to be computed again: `make test-rerun TARGET=...`."""

from fnmatch import fnmatch

from lib.runs import ENDINGS, run_name, short_hash
from scripts.matrix.plan import Plan, PlannedRun


def chosen_again(plan: Plan, target: str) -> list[PlannedRun]:
    """The ended runs that `target` names: a run's folder or name (`*` and `?` allowed), an arm, a
    way of ending (failed, diverged, ...), or all.

    Raises ValueError where it names nothing, so that a typing error is not a silent success.
    """
    if not target:
        raise ValueError(
            "make test-rerun needs TARGET: a run, an arm, one of "
            f"{', '.join(ENDINGS)}, or all. OPTIMIZER=... narrows it."
        )
    ended = [planned for planned in plan.runs if planned.directory.summary() is not None]
    chosen = [planned for planned in ended if _matches(planned, target.rstrip("/"))]
    if not chosen:
        names = "\n  ".join(planned.directory.name for planned in ended) or "none"
        raise ValueError(f"TARGET={target} names no ended run of this plan. Ended are:\n  {names}")
    return chosen


def _matches(planned: PlannedRun, target: str) -> bool:
    summary = planned.directory.summary()
    assert summary is not None
    # A path as the shell completes it, a bare folder name, or a pattern over names.
    name = target.rsplit("/", 1)[-1]
    return (
        target == "all"
        or target in (planned.run.arm, summary["status"])
        or any(target == readable or fnmatch(full, name) for readable, full in _names(planned))
    )


def _names(planned: PlannedRun) -> list[tuple[str, str]]:
    """Its names without and with the hash: that of its folder, and that of the plan."""
    config = planned.run.configuration.typed()
    readable = (planned.directory.name.rsplit("-", 1)[0], run_name(config))
    return [(name, f"{name}-{short_hash(config.hash)}") for name in readable]
