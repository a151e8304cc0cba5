"""A comparison as text, for people on ssh: ASCII of its own, no escape codes, any width."""

from scripts.report.columns import MEMORY, TIME, Column
from scripts.report.formats import MISSING, count
from scripts.report.load import Run, printable
from scripts.report.terminal import aligned, folded, wrapped
from scripts.report.text import DAGGER, MASKED_DENSE, heading

from .comparison import Comparison, architecture_name

BEST = "*"


def render(comparison: Comparison, width: int | None) -> str:
    """The runs in at most `width` columns (None: as wide as it needs)."""
    number = len(comparison.runs)
    lines = [f"{number} runs side by side" if number > 1 else "one run", ""]
    for run in comparison.runs:
        lines += [run.arm, *(f"  {text}" for text in _identity(run))]
    lines += ["", *folded(_table(comparison), width), ""]
    lines += footnotes(comparison)
    for title, head, rows in (
        ("Options that can change a result, where they differ:", "option", comparison.options),
        ("As they were executed, where it differs:", "execution", comparison.execution),
    ):
        if rows:
            table = [[head, *(run.arm for run in comparison.runs)]]
            table += [[name, *texts] for name, texts in rows]
            lines += ["", title, *folded(aligned(table), width)]
    return "\n".join(part for line in lines for part in wrapped(line, width)).rstrip() + "\n"


def footnotes(comparison: Comparison) -> list[str]:
    """What the table and its marks mean, and what is not ranked."""
    notes = []
    if any(comparison.best(column) for column in comparison.columns):
        notes.append(f"{BEST} {marks_mean(comparison)}")
    notes += comparison.notes
    if len(comparison.runs) == 1:
        notes.append("One run: nothing to compare it with.")
    elif not comparison.options and not comparison.unreadable:
        notes.append("The runs agree in every option that can change a result.")
    if comparison.unreadable:
        numbers = ", ".join(run.arm for run in comparison.unreadable)
        notes.append(f"Without a readable configuration (config.py): {numbers}.")
    if any(is_marked(run, column) for run in comparison.runs for column in comparison.columns):
        notes.append(f"{DAGGER} {MASKED_DENSE}")
    return notes


def marks_mean(comparison: Comparison) -> str:
    """What the mark of a best value says, and what it does not."""
    return (
        f"the best of these {count(len(comparison.done), 'run')}, at equal tokens. A row is one "
        "run: no interval, no claim; the report of a matrix with several seeds has both."
    )


def is_marked(run: Run, column: Column) -> bool:
    """Whether the number needs the label that masked-dense sparsity saves nothing."""
    return (
        run.is_pruned
        and run.is_done
        and column.kind in (MEMORY, TIME)
        and column.read(run) is not None
    )


def _identity(run: Run) -> list[str]:
    name = architecture_name(run)
    return [*([name] if name else []), printable(run.dir)]


def _table(comparison: Comparison) -> list[list[str]]:
    names = [run.arm if run.is_done else f"{run.arm} ({run.state})" for run in comparison.runs]
    columns = [["run", *names]]
    columns += [[heading(c), *_cells(comparison, c)] for c in comparison.columns]
    return aligned(list(zip(*columns, strict=True)))


def _cells(comparison: Comparison, column: Column) -> list[str]:
    """The numbers of a column with their marks, one below the other digit by digit."""
    best = comparison.best(column)
    texts, marks = [], []
    for run in comparison.runs:
        value = comparison.value(run, column)
        texts.append(MISSING if value is None else column.format(value))
        marks.append((BEST * (run.dir in best)) + (DAGGER * is_marked(run, column)))
    room = max(map(len, marks))
    return [text + mark.ljust(room) for text, mark in zip(texts, marks, strict=True)]
