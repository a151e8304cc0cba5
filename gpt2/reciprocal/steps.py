"""The steps of the reciprocal attention study: one table, each row complete in itself.

A step says what a model's blocks are and when their reciprocal parts wake up; nothing is inherited
from another step or from options. From this table come the trainer, the Kconfig members, the rules
of the matrix and the tables of the documents. Knows no torch.

Every step that changes a block has a *twin*: the plain transformer with the same biases, dropout,
widths and, weight for weight, the same function at the start. A step minus its twin is the effect
of what the step adds; a step minus V0 also has the biases, the initial weights and the dropout in
it, which differ. Twins are made by folding the step's own initial weights (gpt2/ra.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from gpt2.shape import Shape

# The sizes that the table is written for: GPT-2 124M.
HEAD_SIZE, HIDDEN = 64, 3072

# Optimizer steps before a delayed step wakes up.
DELAY = 75


@dataclass(frozen=True)
class Step:
    """One row. `rank` and `low` are those of GPT-2 124M; other sizes keep the proportion."""

    name: str
    attention: Literal["stock", "reciprocal", "tied"]
    """tied: queries and keys share their weights with the low channels (RT)."""
    rank: int
    """R: reciprocal channels of a head of 64; 0 for stock attention."""
    restart: bool
    """Mixes each token's own value into its output."""
    feed_forward: Literal["stock", "reciprocal"]
    low: int
    """R_ff: reciprocal channels of a hidden layer of 3072; 0 for the stock one."""
    mixer: bool
    """A square matrix over the low hidden channels."""
    gate: Literal["none", "scalar", "token"]
    """Of the low hidden channels: nothing, one number a layer, one number a token."""
    tie: Literal["none", "up-std", "down-t"]
    """What the low channels' up matrix is made of, where it is none of its own."""
    activation: Literal["none", "delay", "variance"]
    """When the reciprocal parts wake up: at once, after DELAY steps, when the loss is steady."""
    eviction: Literal["none", "fixed", "learned"]
    """Which tokens leave the cache of keys and values: none, all beyond a capacity, a learned
    share."""
    expansion: float
    """Hidden channels of the feed-forward for each channel of the residual stream."""
    role: Literal["step", "control"]
    scales_rows: bool
    """Rows of queries and keys learn at sqrt(gate) times the rate, as V1's effectively do."""
    parameters: int
    """At GPT-2 124M (vocabulary 50304, context 1024)."""
    summary: str
    twin_of: str | None
    """The step whose initial weights a twin has, folded."""

    @property
    def is_reciprocal(self) -> bool:
        """Whether a block has gates at all."""
        return self.twin_of is None and (self.attention != "stock" or self.feed_forward != "stock")

    @property
    def label(self) -> str:
        """Its name in a file name or as the member of a choice: "V0c-V3"."""
        return self.name.replace(":", "-")


_ST, _RA, _NO, _N, _Y = "stock", "reciprocal", "none", False, True
# fmt: off
_ROWS = (
    # name, attention, rank, restart, feed_forward, low, mixer, gate, tie, activation, eviction,
    #     expansion, role, scales_rows, parameters, summary
    ("V0", _ST, 0, _N, _ST, 0, _N, _NO, _NO, _NO, _NO, 4.0, "step", _N, 124_475_904,
     "the published GPT-2"),
    ("V1", _RA, 4, _N, _ST, 0, _N, _NO, _NO, _NO, _NO, 4.0, "step", _N, 124_439_328,
     "reciprocal attention"),
    ("V2", _RA, 4, _Y, _ST, 0, _N, _NO, _NO, _NO, _NO, 4.0, "step", _N, 124_439_472,
     "V1 with self-restart"),
    ("V3", _RA, 4, _N, _RA, 64, _N, _NO, _NO, _NO, _NO, 4.0, "step", _N, 124_393_272,
     "V1 with a reciprocal MLP"),
    ("V4", _RA, 4, _N, _RA, 64, _Y, _NO, _NO, _NO, _NO, 4.0, "step", _N, 124_442_424,
     "V3 with a mixer"),
    ("V5", _RA, 4, _N, _RA, 64, _N, "scalar", _NO, _NO, _NO, 4.0, "step", _N, 124_393_284,
     "V3 with a scalar gate"),
    ("V6", _RA, 4, _N, _RA, 64, _Y, "scalar", _NO, _NO, _NO, 4.0, "step", _N, 124_442_436,
     "V3 with mixer and scalar gate"),
    ("V7", _RA, 8, _N, _ST, 0, _N, _NO, _NO, _NO, _NO, 4.0, "step", _N, 124_439_328,
     "V1 with 8 reciprocal channels"),
    ("V8", _RA, 8, _Y, _ST, 0, _N, _NO, _NO, _NO, _NO, 4.0, "step", _N, 124_439_472,
     "V7 with self-restart"),
    ("V9", _RA, 2, _N, _ST, 0, _N, _NO, _NO, _NO, _NO, 4.0, "step", _N, 124_439_328,
     "V1 with 2 reciprocal channels"),
    ("V10", _RA, 4, _Y, _ST, 0, _N, _NO, _NO, _NO, _NO, 6.0, "step", _N, 152_769_456,
     "V2 with a hidden layer of six widths"),
    ("V11", _ST, 0, _N, _RA, 64, _N, _NO, _NO, "delay", _NO, 4.0, "step", _N, 124_429_848,
     "a reciprocal MLP alone, delayed"),
    ("V12", _RA, 4, _N, _ST, 0, _N, _NO, _NO, "delay", _NO, 4.0, "step", _N, 124_439_328,
     "V1, delayed"),
    ("V13", _ST, 0, _N, _RA, 1152, _N, _NO, _NO, "delay", _NO, 4.0, "step", _N, 124_429_848,
     "V11 with 1152 low channels"),
    ("V14", _ST, 0, _N, _RA, 64, _N, _NO, _NO, "delay", "fixed", 4.0, "step", _N, 124_429_848,
     "V11 with an evicting cache"),
    ("V15", _ST, 0, _N, _RA, 1152, _N, _NO, _NO, "delay", "learned", 4.0, "step", _N,
     124_429_860, "V13 with a cache of learned size"),
    ("V16", _RA, 4, _N, _ST, 0, _N, _NO, _NO, "variance", _NO, 4.0, "step", _N, 124_439_328,
     "V1, awake when the loss is steady"),
    ("V17", _ST, 0, _N, _RA, 64, _N, _NO, _NO, "variance", "fixed", 4.0, "step", _N, 124_429_848,
     "V14, awake when the loss is steady"),
    ("V18", _ST, 0, _N, _RA, 1152, _N, _NO, _NO, "variance", "learned", 4.0, "step", _N,
     124_429_860, "V15, awake when the loss is steady"),
    ("V3t", _RA, 4, _N, _RA, 64, _N, _NO, "down-t", _NO, _NO, 4.0, "control", _N, 123_803_448,
     "V3, its low up matrix the transpose of down's"),
    ("V5t", _RA, 4, _N, _RA, 64, _N, "token", _NO, _NO, _NO, 4.0, "control", _N, 124_402_500,
     "V3 with a gate for each token"),
    ("RT", "tied", 4, _N, _ST, 0, _N, _NO, _NO, _NO, _NO, 4.0, "control", _N, 123_554_592,
     "true reciprocity: queries and keys serve as the low channels too"),
)
# fmt: on

_TABLE = tuple(Step(*row, twin_of=None) for row in _ROWS)


def _block(step: Step) -> Step:
    """What of a step its twin has too: the widths and the initial weights, not the rest."""
    return replace(
        step, name="", restart=False, activation="none", eviction="none", role="control",
        parameters=0, summary="",
    )  # fmt: skip


def _twins(rows: Iterable[Step]) -> tuple[dict[str, Step], dict[str, str]]:
    """The twins by name, and the name of each step's twin; steps of equal blocks share one."""
    twins: dict[str, Step] = {}
    control: dict[str, str] = {}
    names: dict[Step, str] = {}
    for row in rows:
        if row.attention == "tied":
            # Its own function at the start is no plain transformer's; V1's twin is what it
            # restricts.
            control[row.name] = "V0c"
        elif row.is_reciprocal:
            name = names.setdefault(_block(row), "V0c" if row.name == "V1" else f"V0c:{row.name}")
            control[row.name] = name
            if name not in twins:
                twins[name] = replace(
                    row, name=name, restart=False, activation="none", eviction="none",
                    role="control", twin_of=row.name, parameters=_folded_parameters(row),
                    summary=f"the plain transformer that {row.name} begins as",
                )  # fmt: skip
    return twins, control


def _folded_parameters(row: Step) -> int:
    """Of the twin at GPT-2 124M: no gates, no mixer; an up matrix of its own where one is tied."""
    layers, heads, width = 12, 12, 768
    gates = 2 * heads * (row.attention == "reciprocal") + heads * row.restart
    if row.feed_forward == "reciprocal":
        gates += 2 + row.low**2 * row.mixer
        gates += {"none": 0, "scalar": 1, "token": width + 1}[row.gate]
        gates -= {"none": 0, "up-std": width * row.low, "down-t": width * row.low}[row.tie]
    gates += row.eviction == "learned"
    return row.parameters - layers * gates


_TWINS, CONTROL = _twins(_TABLE)
"""CONTROL: by the name of a step, that of the plain transformer it is compared with."""

_V0LR = replace(
    _TWINS["V0c"], name="V0lr", scales_rows=True,
    summary="V0c, its rows of queries and keys learning as fast as V1's effectively do",
)  # fmt: skip
CONTROL["V0lr"] = "V0c"

STEPS: dict[str, Step] = {row.name: row for row in (*_TABLE, *_TWINS.values(), _V0LR)}
"""Every step and control by its name, in the order in which matrices run them."""


def step_named(name: str) -> Step:
    """The step of a name or a label, in any case. Raises ValueError with the names there are."""
    wanted = name.upper().replace(":", "-").replace("_", "-")
    for step in STEPS.values():
        if step.label.upper() == wanted:
            return step
    raise ValueError(f"there is no step '{name}'; the steps are {', '.join(STEPS)}")


class Widths(NamedTuple):
    """The sizes of a step in a model of another size than GPT-2 124M."""

    hidden: int
    """Hidden channels of the feed-forward, D_ff."""
    rank: int
    """Reciprocal channels of a head, R; 0 where there are none."""
    low: int
    """Low hidden channels, R_ff; 0 where there are none."""


def widths(step: Step, shape: Shape, rank: int) -> Widths:
    """rank: RA_R, or 0 for the step's own. Raises ValueError where a size leaves no room."""
    hidden = int(step.expansion * shape.n_embd)
    chosen = 0
    if step.attention != "stock":
        chosen = rank or max(1, round(step.rank * shape.head_size / HEAD_SIZE))
        if chosen >= shape.head_size:
            raise ValueError(
                f"{step.name} with {chosen} reciprocal channels leaves nothing of heads of "
                f"{shape.head_size}; set RA_R to {max(0, shape.head_size - 1)} or less, or take "
                "fewer heads (N_HEAD) or a larger width (N_EMBD)"
            )
        if step.attention == "tied" and 2 * chosen > shape.head_size:
            raise ValueError(
                f"{step.name} copies {chosen} of {shape.head_size - chosen} channels of a head; "
                f"set RA_R to {shape.head_size // 2} or less"
            )
    low = 0
    if step.feed_forward == "reciprocal":
        low = max(1, round(step.low * hidden / (step.expansion * HIDDEN / 4)))
        if low >= hidden:
            raise ValueError(f"{step.name}: {low} low channels leave nothing of {hidden}")
    return Widths(hidden, chosen, low)
