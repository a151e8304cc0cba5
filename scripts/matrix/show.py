"""The plan and its outcome as people read them on a terminal."""

from collections import Counter
from collections.abc import Sequence

from gpt2.budget import most_steps, total_seconds
from gpt2.spikes import spikes_of
from lib.arms import BITTER2_ALONE, is_bitter2_alone
from lib.console import count, duration, size
from lib.cpu import usable_cores
from scripts.matrix.device_here import missing_device
from scripts.matrix.disk import disk_line
from scripts.matrix.estimate import estimated_s, seconds_per_step
from scripts.matrix.jobs import parallel_jobs
from scripts.matrix.memory import memory_lines, needed
from scripts.matrix.plan import Plan, PlannedRun, shown

UNKNOWN = "-"
BY_TIME = "by time"


def plan_text(plan: Plan) -> str:
    """Each run with its state, length and cost; what is left out and why; where arms differ."""
    known = seconds_per_step(plan.results)
    rows = [("run", "state", "steps", "tokens", "memory", "time")]
    total: float | None = 0.0
    for planned in plan.runs:
        seconds = estimated_s(planned, known)
        state = planned.directory.state()
        rows.append((label(planned), state, *_costs(planned, seconds)))
        if state == "pending":
            total = None if total is None or seconds is None else total + seconds
    lines = [f"matrix {plan.id}: {_counted(len(plan.runs), 'run')}", "", *table(rows), ""]
    lines += _budget(plan)
    lines += _left_out(plan)
    lines += _read_otherwise(plan)
    lines += _parity(plan)
    jobs = parallel_jobs(plan.config.PARALLEL_JOBS)
    lines += memory_lines(plan, jobs)
    lines += [line] if (line := disk_line(plan, jobs)) else []
    lines += missing_device(plan)
    pending = len(plan.pending())
    if pending == 0:
        lines.append("Nothing is left to compute.")
    elif total is None:
        lines.append(
            f"{_counted(pending, 'run')} to compute; no run of this shape has ended yet, so the "
            "time is not known."
        )
    else:
        lines.append(f"{_counted(pending, 'run')} to compute, about {duration(total)} one by one.")
    return "\n".join(lines)


def outcome_text(plan: Plan) -> str:
    """One line of totals, then each run that is not done with its reason."""
    states = Counter(planned.directory.state() for planned in plan.runs)
    states["skipped"] = len(plan.expansion.skipped)
    named = ("done", "failed", "diverged", "pending", "skipped")
    totals = ", ".join(f"{states[name]} {name}" for name in named if states[name])
    lines = [f"matrix {plan.id}: {totals}"]
    for planned in plan.runs:
        state = planned.directory.state()
        if state != "done":
            reason = planned.directory.reason() or "not started"
            lines.append(f"  {label(planned)}: {state}: {reason}")
            if planned.directory.log_path.is_file():
                lines.append(f"    log: {shown(planned.directory.log_path)}")
    return "\n".join(lines)


def label(planned: PlannedRun) -> str:
    return f"{planned.run.arm} s{planned.settings['SEED']}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns two blanks apart: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _costs(planned: PlannedRun, seconds: float | None) -> tuple[str, ...]:
    memory = needed(planned)
    unknown = UNKNOWN if total_seconds(planned.settings) is None else BY_TIME
    return (
        unknown if planned.steps is None else f"{planned.steps}",
        unknown if planned.tokens is None else count(planned.tokens),
        UNKNOWN if memory is None else size(memory[0].needed),
        UNKNOWN if seconds is None else duration(seconds),
    )


def _budget(plan: Plan) -> list[str]:
    own = [planned for planned in plan.runs if planned.run.budget == plan.budget]
    first = own[0]
    lines = _other_budgets(plan)
    if len({planned.tokens for planned in own}) > 1:
        lines.append(
            "The runs do not train on equally many tokens: their rows are not one ranking."
        )
    if first.tokens and first.train_tokens and first.tokens > first.train_tokens:
        epochs = first.tokens / first.train_tokens
        lines.append(
            f"{epochs:.1f} epochs over {first.train_tokens:,} tokens: beyond one, a run also "
            "measures how well it memorises."
        )
    disturbed = {str(spikes) for p in plan.runs if (spikes := spikes_of(p.settings)) is not None}
    lines += [f"Gradient spikes are injected: {spikes}." for spikes in sorted(disturbed)]
    lines += _by_time(plan)
    if any(is_bitter2_alone(planned.settings) for planned in plan.runs):
        lines.append(f"Note: {BITTER2_ALONE}")
    lines += _crowding(plan)
    if plan.config.SEEDS == 1 and len(plan.runs) > 1:
        lines.append("One seed: the report will make no claim (SEEDS=3 lets it).")
    return lines


def _by_time(plan: Plan) -> list[str]:
    """What is not known of runs that a time ends, and what is not in their time."""
    lengths: dict[tuple[float, int | None], int] = {}
    for planned in plan.runs:
        if (seconds := total_seconds(planned.settings)) is not None:
            length = (seconds, most_steps(planned.settings))
            lengths[length] = lengths.get(length, 0) + 1
    return [
        f"{_counted(number, 'run')} by time, {seconds:g} s of training each"
        + (f" and at most {steps} steps" if steps else "")
        + ": steps and tokens are not known before. Evaluations, checkpoints and the start come "
        "on top; only runs on the same hardware, one at a time, are comparable."
        for (seconds, steps), number in lengths.items()
    ]


def _other_budgets(plan: Plan) -> list[str]:
    """Which runs are no part of the main ranking, each budget in a line."""
    lines = []
    for budget in plan.other_budgets:
        runs = [planned for planned in plan.runs if planned.run.budget == budget]
        lines.append(
            f"NOT THE SAME BUDGET: {_counted(len(runs), 'run')} with {budget}; the report compares "
            "them among themselves only."
        )
    if plan.config.EXTRA_BUDGET != "none" and not lines:
        lines.append(
            f"EXTRA_BUDGET={plan.config.EXTRA_BUDGET}: no arm of this plan has an extra budget."
        )
    return lines


def _crowding(plan: Plan) -> list[str]:
    """Runs at the same time share the processor: their times mean little, and may grow."""
    jobs = parallel_jobs(plan.config.PARALLEL_JOBS)
    if jobs == 1:
        return []
    cores = usable_cores()
    threads = plan.config.CPU_THREADS or cores
    lines = [f"{jobs} runs at a time: their times are not comparable."]
    if jobs * threads > cores and plan.config.DEVICE in ("auto", "cpu"):
        lines.append(
            f"With {threads} threads each they crowd {cores} cores and may take longer than one "
            f"by one; CPU_THREADS={max(1, cores // jobs)} gives each its own."
        )
    return lines


def _left_out(plan: Plan) -> list[str]:
    lines = [
        f"left out: {'+'.join(axes.values())}: {reason}" for axes, reason in plan.expansion.skipped
    ]
    merged = plan.expansion.merged
    for other, arm in dict.fromkeys((m.arm, m.run.arm) for m in merged if m.arm != m.run.arm):
        lines.append(
            f"{other} is {arm} under another name (the same hash): computed once, shown as {arm}."
        )
    if same := sum(m.arm == m.run.arm for m in merged):
        lines.append(
            f"{_counted(same, 'combination')} the same as a run above (an option that the arm "
            "does not have): computed once."
        )
    combinations = [found.axes for found in (*plan.expansion.runs, *merged)]
    for name in plan.configuration.sweep():
        if not any(name in axes for axes in combinations):
            lines.append(
                f"SWEEP has {name}, which no arm of this plan has: it changes nothing here "
                f"(`make explain-{name}` says what it belongs to)."
            )
    return lines


def _read_otherwise(plan: Plan) -> list[str]:
    """What a variation or a swept value means beside what it says; a line each."""
    notes = dict.fromkeys(note for p in plan.runs for note in p.run.configuration.notes)
    return [f"{note}." for note in notes if note not in plan.configuration.notes]


def _parity(plan: Plan) -> list[str]:
    parity = plan.parity()
    if not parity:
        return ["parity: the arms differ in nothing but what is compared."]
    rows = [("parity", *(arm for arm in dict.fromkeys(p.run.arm for p in plan.runs)))]
    for symbol, values in parity.items():
        rows.append((symbol, *(str(values.get(arm, UNKNOWN)) for arm in rows[0][1:])))
    return ["The arms also differ in:", *table(rows)]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
