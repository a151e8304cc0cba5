"""Sentences made from the data: what was better, by how much, and what may be claimed.

The first version compares two arms with the baseline: the one of lowest perplexity, and the best
pruned one. With one seed nothing is claimed; with three or more the 95 % interval of the paired
difference decides, and says that it is not corrected for the number of comparisons. A matrix of the
reciprocal attention study speaks of its steps and their plain twins instead (effects.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

from lib.arms import BITTER2_ALONE

from . import effects, formats, gates, study
from .load import Run, find
from .refusals import refusals
from .scoreboard import Row, Scoreboard, differences
from .statistics import RUNS_FOR_AN_INTERVAL, Estimate


@dataclass(frozen=True)
class Verdict:
    """A headline, what supports it, and what speaks against reading more into it."""

    headline: str
    paragraphs: list[str]
    cautions: list[str]


def verdict(board: Scoreboard) -> Verdict:
    """Always has a headline, even without a single finished run."""
    return Verdict(*_findings(board), cautions(board))


def _findings(board: Scoreboard) -> tuple[str, list[str]]:
    measured = [row for row in board.rows if row.mean("perplexity") is not None]
    if not board.rows:
        return "This matrix plans no runs.", []
    if not measured:
        return "No run has a result yet: nothing to compare.", []
    if len(measured) == 1:
        row = measured[0]
        only = "the only arm with a result so far: nothing to compare it with"
        return f"{row.arm} ends at perplexity {_value(row)}; it is {only}.", [_budget(board)]
    if not board.is_one_budget:
        text = "The runs differ in budget or data, so the arms are not compared."
        return text, [f"{row.arm} ends at perplexity {_value(row)}." for row in measured[:6]]
    if any(row.is_step for row in board.rows):
        found = effects.findings(board)
        paragraphs = found.paragraphs
        if (leader := found.leader) is not None:
            twin = next(row for row in board.rows if row.arm == leader.control)
            paragraphs += [text for text in [" ".join(_details(board, leader, twin))] if text]
        return found.headline, [*paragraphs, _budget(board)]
    best = min(measured, key=lambda row: row.mean("perplexity"))
    base = board.baseline
    if base is None or base not in measured:
        text = f"{best.arm} ends lowest, at perplexity {_value(best)}"
        return f"{text}; there is no finished baseline to compare it with.", [_budget(board)]
    others = [row for row in measured if row is not base]
    # A control that is the baseline under another name says nothing of what may be won.
    same = [row for row in others if _is_the_same(row)]
    different = [row for row in others if row not in same]
    leader = min(different or others, key=lambda row: row.mean("perplexity"))
    if best is base:
        headline = f"No arm ends below the baseline {base.arm} at perplexity {_value(base)}"
        headline += f"; {leader.arm} comes closest, at {_value(leader)}."
    else:
        headline = f"{best.arm} ends lowest, at perplexity {_value(best)}"
        headline += f"; the baseline {base.arm} at {_value(base)}."
    paragraphs = [" ".join([_comparison(board, leader, base), *_details(board, leader, base)])]
    pruned = [row for row in others if row.is_pruned]
    if pruned and not leader.is_pruned:
        row = min(pruned, key=lambda row: row.mean("perplexity"))
        text = f"Of the pruned arms {row.arm} ends lowest, at {_value(row)}."
        parts = [text, _comparison(board, row, base), *_details(board, row, base)]
        paragraphs.append(" ".join(parts))
    paragraphs += [_comparison(board, row, base) for row in same if row is not leader]
    return f"{headline} {_standing(leader)}".strip(), [*paragraphs, _budget(board)]


def _standing(row: Row) -> str:
    """What the headline must not leave unsaid about the pairs behind it."""
    gap = row.cells["difference"]
    if gap.n <= 1:
        return "One seed, no claim." if gap.n else "They share no seed: no claim."
    if gap.n < RUNS_FOR_AN_INTERVAL:
        return "Two seeds, no claim."
    return "" if gap.excludes_zero else f"With {gap.n} seeds no difference is shown."


def _is_the_same(row: Row) -> bool:
    """Whether each of its runs ended at the very loss of the baseline's run."""
    gap = row.cells["difference"]
    return gap.n > 0 and not any(gap.values)


def _comparison(board: Scoreboard, row: Row, base: Row) -> str:
    gap = row.cells["perplexity_difference"]
    if gap.mean is None:
        return f"{row.arm} and {base.arm} share no seed under equal conditions: no difference."
    if not any(gap.values):
        return f"{row.arm} and {base.arm} end at exactly the same perplexity on every shared seed."
    side = "lower" if gap.mean < 0 else "higher"
    amount = formats.significant(abs(gap.mean))
    percent = f"{100 * abs(gap.mean) / base.mean('perplexity'):.2g} %"
    text = f"The perplexity of {row.arm} is {amount} ({percent}) {side} than that of {base.arm}"
    return f"{text}: {_claim(board, row.cells['difference'])}."


def _claim(board: Scoreboard, gap: Estimate) -> str:
    if gap.n == 1:
        return f"{formats.difference(gap.mean)} nats, one seed, no claim"
    if gap.n < RUNS_FOR_AN_INTERVAL:
        low, high = map(formats.difference, gap.bounds)
        return f"{low} and {high} nats, two seeds, no claim"
    text = f"{formats.difference(gap.mean)} +- {formats.loss(gap.half_width)} nats"
    text += f" (95 % interval over {gap.n} pairs of equal seed"
    if not gap.excludes_zero:
        return text + "), which includes zero: no difference is shown"
    comparisons = formats.count(len(board.rows) - 1, "comparison")
    return text + f", not corrected for {comparisons})"


def _details(board: Scoreboard, row: Row, base: Row) -> list[str]:
    sentences = []
    if row.is_pruned:
        share = row.mean("sparsity")
        zeros = "was not measured" if share is None else f"is {formats.share(share)}"
        sentences.append(f"Its measured sparsity, of the prunable weights, {zeros}.")
    names = {
        "peak_rss": "peak memory of the process",
        "peak_allocated": "peak memory on the device",
        "optimizer_state": "optimizer state",
        "step_ms": "time per step",
    }
    parts = []
    for column in board.columns:
        if column.key in names and board.is_ranked(column):
            is_counted = column.key == "optimizer_state"
            parts += _relative(row, base, names[column.key], column.read, is_counted)
    if parts:
        label = " (masked-dense: its zeros save nothing)" if row.is_pruned else ""
        sentences.append(f"Next to {base.arm}: {formats.listing(parts)}{label}.")
    return sentences


def _relative(
    row: Row, base: Row, name: str, read: Callable[[Run], float | None], is_counted: bool
) -> list[str]:
    """What is more or less, in one phrase; nothing where that could be chance.

    Counted bytes are exact. Measured time and memory vary between runs of the same arm by 10 % and
    more on a shared machine, so they need as many runs as a claim about the loss.
    """
    gap = differences(row.done, base.done, read)
    if not is_counted and gap.n < RUNS_FOR_AN_INTERVAL:
        return []
    if not is_counted and not gap.excludes_zero:
        return [f"no difference shown in {name}"]
    reference = Estimate(tuple(v for run in base.done if (v := read(run)) is not None)).mean
    if gap.mean is None or not reference:
        return []
    percent = 100 * gap.mean / reference
    if abs(percent) < 0.05:
        return [f"equal {name}"]
    return [f"{abs(percent):.1f} % {'more' if percent > 0 else 'less'} {name}"]


def _budget(board: Scoreboard) -> str:
    if board.is_by_time:
        return f"Every finished run had {board.budget_text}, for {board.tokens_text}."
    if len(board.budgets) != 1:
        return "The tokens that the runs saw differ or were not recorded."
    steps = {run.number("steps") for run in board.done} - {None}
    text = f"Every finished run saw {board.budget_text}"
    if len(steps) == 1:
        text += f" in {formats.whole(steps.pop())} steps"
    epochs = {run.number("epochs") for run in board.done}
    if len(epochs) == 1 and None not in epochs:
        text += f", {epochs.pop():.2g} epochs of the training data"
    return text + "."


def _unequal(board: Scoreboard) -> str:
    if not board.is_by_time:
        return "differ in tokens, data or evaluated tokens"
    if board.shared_machine:
        return "by time overlapped on one machine and took steps from each other"
    return "differ in seconds, hardware, data or evaluated tokens"


def _value(row: Row) -> str:
    text = formats.significant(row.mean("perplexity"))
    return text if row.is_complete else f"{text} (of {row.status} seeds)"


def cautions(board: Scoreboard) -> list[str]:
    """Everything that limits what the page may be read to say; empty only for a clean matrix."""
    totals, done = board.matrix.totals, board.done
    found = list(board.matrix.notes)
    missing = [f"{totals[state]} {state}" for state in ("failed", "diverged", "pending")]
    missing = [text for text in missing if not text.startswith("0 ")]
    if missing:
        found.append(
            f"Of {formats.count(len(board.matrix.runs), 'run')}, {formats.listing(missing)}: "
            "arms that lack seeds show it in their status and are never bold."
        )
    for other in board.others:
        found.append(
            f"Not the same budget: {formats.count(len(other.runs), 'run')} with {other.budget} "
            f"{'stands' if len(other.runs) == 1 else 'stand'} in a table apart, and neither this "
            "verdict nor the figures speak of them."
        )
    found += _study_cautions(board)
    found += _spike_cautions(board)
    # Its budget says what a run trains more than the others of its kind.
    if any(find(r.summary, "pruning.variant") == "bitter2" and not r.budget for r in done):
        found.append(BITTER2_ALONE)
    if done and not board.is_one_budget:
        found.append(
            f"Finished runs {_unequal(board)}: arms are not ranked, and differences are given only "
            "between runs under equal conditions."
        )
    if done and not board.is_one_machine:
        found.append(
            f"Runs come from {len(board.fingerprints)} hardware fingerprints: time and memory are "
            "greyed and not ranked"
            + ("." if board.is_by_time else "; losses are compared across them.")
        )
    if len({run.memory_kind for run in done}) > 1:
        found.append("Peak memory was measured in two ways; each has its own column.")
    if board.shared_machine:
        found.append("Runs shared the machine while they ran: their times are not ranked.")
    epochs = max((run.number("epochs") or 0 for run in done), default=0)
    if epochs > 1:
        found.append(
            f"Up to {epochs:.3g} epochs over the training data: above 1 is a memorisation regime, "
            "and what wins there need not win on fresh data."
        )
    return found + _sparsity_cautions(board)


def _study_cautions(board: Scoreboard) -> list[str]:
    """What a matrix of the reciprocal attention study leaves unsaid, and what it cannot say."""
    rows = [row for each in (board, *board.others) for row in each.rows]
    compared = [study.step_of(row.arm) for row in rows if row.is_step and row.cells["effect"].n]
    found = refusals(board) + study.meaning(step for step in compared if step is not None)
    forced = [row.arm for row in rows if gates.was_forced(row.done)]
    if forced:
        found.append(
            "A quarter of the run was over before their own rule woke them up: "
            f"{formats.listing(forced[:6])}."
        )
    return found


def _spike_cautions(board: Scoreboard) -> list[str]:
    """Runs that were disturbed on purpose are no ordinary training, whoever wins there."""
    # A factor of 1 is the undisturbed arm of a sweep over factors.
    injected = [run for run in board.matrix.runs if run.number("spikes.injected")]
    disturbed = [run for run in injected if run.number("spikes.factor") != 1]
    if not disturbed:
        return []
    factors = sorted({run.number("spikes.factor") for run in disturbed} - {None})
    text = f"Gradient spikes were injected in {formats.count(len(disturbed), 'run')}"
    text += f" (one micro-batch times {formats.listing(f'{f:g}' for f in factors)})"
    return [f"{text}: this is a test of robustness, not ordinary training."]


def _sparsity_cautions(board: Scoreboard) -> list[str]:
    found = []
    dense = {_base_optimizer(row) for row in board.rows if not row.is_pruned}
    lonely = [row.arm for row in board.rows if row.is_pruned and _base_optimizer(row) not in dense]
    if lonely:
        found.append(
            f"No dense run with the same optimizer stands beside {formats.listing(lonely[:6])}: "
            "what pruning cost there cannot be told."
        )
    missed = [run.arm for run in board.matrix.runs if run.is_done and misses_target(run)]
    if missed:
        arms = formats.listing(list(dict.fromkeys(missed))[:6])
        found.append(f"The asked sparsity was missed by {arms}.")
    return found


def _base_optimizer(row: Row) -> str:
    """What an arm's updates are, by its label: AdamWPrune is its base, which without a name is
    AdamW, and dense AdamWPrune is that base to the last bit."""
    optimizer = row.arm.split(" ")[0].split("+")[0]
    return "adamw" if optimizer == "adamwprune" else optimizer.removeprefix("adamwprune-")


def misses_target(run: Run) -> bool:
    """Whether achieved and asked sparsity differ by more than a tenth of a per cent."""
    asked = run.number("pruning.target_sparsity")
    achieved = run.number("pruning.achieved_sparsity")
    return None not in (asked, achieved) and abs(asked - achieved) > 1e-3
