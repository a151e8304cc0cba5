"""The generated tables of docs/pruning.md."""

from lib.cli import ROOT
from lib.kconfig import Tree
from lib.pruning import METHODS, SCHEDULES
from lib.pruning.scores import DOCUMENTED
from scripts.docs.options import members, option_table, options_of
from scripts.docs.tables import code, table
from scripts.matrix.extra_budget import EXTRAS

PAGE = ROOT / "docs" / "pruning.md"

PROGRESS = (0.1, 0.25, 0.5, 0.75, 0.9)
HALF = 0.5  # the target of the table of schedules


def contents(tree: Tree) -> dict[str, str]:
    """By place of the page, its table."""
    return {
        "methods": table(
            ("`PRUNING_METHOD`", "what goes"),
            ((code(name), method.summary) for name, method in METHODS.items()),
        ),
        "scores": _scores(),
        "score-facts": table(
            ("score", "equals", "known weakness"),
            ((code(name), score.equals, score.weakness) for name, score in DOCUMENTED.items()),
        ),
        "budgets": _budgets(),
        "schedules": _schedules(),
        "distributions": _group(tree, "PRUNING_DISTRIBUTION"),
        "scopes": _group(tree, "PRUNING_SCOPE"),
        "patterns": _group(tree, "PRUNING_PATTERN"),
        "pruning-options": option_table(tree, options_of(tree, "lib/pruning/")),
    }


def _scores() -> str:
    rows = []
    for name, score in DOCUMENTED.items():
        rows.append(
            (
                code(name),
                code(score.formula),
                " ".join(map(code, score.reads)) or "-",
                "4 bytes a weight" if score.memory else "-",
                "no" if score.is_scale_invariant else "yes",
                score.source,
            )
        )
    header = ("score", "keep score", "reads", "keeps", "feels the gradient's scale", "source")
    return table(header, rows)


def _budgets() -> str:
    """Who trains more with EXTRA_BUDGET."""
    variants = dict.fromkeys(name for _, extras in EXTRAS.values() for name in extras)
    return table(
        ("variant", *(f"`EXTRA_BUDGET={kind}`" for kind in EXTRAS)),
        (
            (
                code(variant),
                *(_percent(extras.get(variant)) for _, extras in EXTRAS.values()),
            )
            for variant in variants
        ),
    )


def _percent(value: int | None) -> str:
    return "-" if value is None else f"+{value} %"


def _schedules() -> str:
    """Each schedule at some points of its ramp, computed with the code that a run uses."""
    header = ("`PRUNING_SCHEDULE`", "what it does", "s(p)", *(f"p = {p:g}" for p in PROGRESS))
    rows = []
    for name, entry in SCHEDULES.items():
        first, last = entry.ramp(1, 2)
        points = [f"{HALF * entry.shape(p):.4f}" if last > first else "-" for p in PROGRESS]
        rows.append((code(name), entry.summary, code(entry.formula), *points))
    return table(header, rows)


def _group(tree: Tree, group: str) -> str:
    rows = ((code(value), prompt, words) for value, prompt, words in members(tree, group))
    return table((f"`{group}`", "what it is", "remarks"), rows)
