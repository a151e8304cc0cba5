"""The verdict on a matrix of the reciprocal attention study: each step next to its plain twin.

A step minus the baseline is no effect of the step: biases, initial weights and dropout differ as
well. So nothing here speaks of it.
"""

from dataclasses import dataclass

from . import formats
from .scoreboard import Row, Scoreboard
from .statistics import RUNS_FOR_AN_INTERVAL
from .study import changes, step_of

NAMED = 12
"""Steps in a sentence at most; all are in the scoreboard."""


@dataclass(frozen=True)
class Findings:
    """What the effects come to."""

    headline: str
    paragraphs: list[str]
    leader: Row | None
    """The step of which the headline says that it ends below its twin."""


def findings(board: Scoreboard) -> Findings:
    """Of the steps of a board; at least one arm is a step."""
    compared = [row for row in board.rows if row.is_step and row.cells["effect"].n]
    if not compared:
        text = "No step stands beside a finished run of its plain twin: no effect is shown."
        return Findings(text, [], None)
    judged = [row for row in compared if row.cells["effect"].n >= RUNS_FOR_AN_INTERVAL]
    others = [row for row in compared if row not in judged]
    if not judged:
        return Findings(_without_intervals(others), [_each("Each", others)], None)
    shown = [row for row in judged if row.cells["effect"].excludes_zero]
    unclear = [row for row in judged if row not in shown]
    below = sorted((row for row in shown if _mean(row) < 0), key=_mean)
    paragraphs = [_what_it_is(len(judged))]
    if shown:
        text = _each(f"The interval excludes zero for {_steps(shown)}", shown)
        paragraphs.append(" ".join([text, *_the_same_function(shown)]))
    if unclear:
        start = f"The interval includes zero for {_steps(unclear)}, so no difference is shown"
        paragraphs.append(_each(start, unclear))
    if others:
        start = f"Fewer than {RUNS_FOR_AN_INTERVAL} pairs of equal seed, so no claim"
        paragraphs.append(_each(start, others))
    return Findings(_headline(judged, shown, below), paragraphs, below[0] if below else None)


def _headline(judged: list[Row], shown: list[Row], below: list[Row]) -> str:
    if below:
        first = below[0]
        text = f"{first.arm} ends below its plain twin {first.control}: {_amount(first)}"
        rest = f"; {len(below)} of {_steps(judged)} do" if len(judged) > 1 else ""
        return f"{text}{rest if len(below) > 1 else ''}."
    if shown:
        return (
            f"No step is shown to end below its plain twin; {len(shown)} of {_steps(judged)} "
            f"{'ends' if len(shown) == 1 else 'end'} above."
        )
    if len(judged) == 1:
        (row,) = judged
        return f"{row.arm} is not shown to differ from its plain twin {row.control}."
    return f"No step is shown to differ from its plain twin, of {len(judged)} compared."


def _without_intervals(rows: list[Row]) -> str:
    seeds = max(row.cells["effect"].n for row in rows)
    claim = "One seed, no claim." if seeds == 1 else "Two seeds, no claim."
    if len(rows) == 1:
        (row,) = rows
        return f"{row.arm} ends {_signed(row)} nats from its plain twin {row.control}. {claim}"
    low, high = min(rows, key=_mean), max(rows, key=_mean)
    return (
        f"The steps end between {_signed(low)} ({low.arm}) and {_signed(high)} nats ({high.arm}) "
        f"from their plain twins. {claim}"
    )


def _what_it_is(comparisons: int) -> str:
    return (
        "The effect of a step is its loss minus that of its plain twin of equal seed: the "
        "transformer without what the step adds, with the same widths, biases, dropout and, as far "
        "as a plain one can have it, the same function at the start. "
        f"{formats.count(comparisons, 'comparison')}, with 95 % intervals that are not corrected "
        "for their number: each excludes zero by chance alone one time in twenty."
    )


def _each(start: str, rows: list[Row]) -> str:
    texts = [f"{row.arm} ({_amount(row)})" for row in rows[:NAMED]]
    if rows[NAMED:]:
        texts.append(f"{len(rows[NAMED:])} more in the scoreboard")
    return f"{start}: {formats.listing(texts)}."


def _the_same_function(rows: list[Row]) -> list[str]:
    """What must not be left unsaid of a difference between two forms of one function."""
    steps = [(row.arm, step_of(row.arm)) for row in rows]
    same = [arm for arm, step in steps if step is not None and not changes(step)]
    if not same:
        return []
    whose = "its twin" if len(same) == 1 else "their twins"
    more = [f"{len(same[NAMED:])} more"] if same[NAMED:] else []
    return [f"{formats.listing([*same[:NAMED], *more])} can compute nothing that {whose} cannot."]


def _steps(rows: list[Row]) -> str:
    return formats.count(len(rows), "step")


def _amount(row: Row) -> str:
    """ "-0.0123 +- 0.0031 nats"; of fewer than three pairs only what was measured."""
    effect = row.cells["effect"]
    if effect.half_width is not None:
        return f"{_signed(row)} +- {formats.loss(effect.half_width)} nats"
    return f"{formats.listing(map(formats.difference, effect.values))} nats"


def _signed(row: Row) -> str:
    return formats.difference(_mean(row))


def _mean(row: Row) -> float:
    mean = row.cells["effect"].mean
    assert mean is not None
    return mean
