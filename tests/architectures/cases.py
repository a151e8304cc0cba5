"""Which architectures `make check-arch` looks at: presets, every pair of components, every step.

Each case is a set of options, checked by Kconfig as a person's would be.
"""

import itertools
from collections.abc import Iterator, Mapping

from gpt2.reciprocal.steps import STEPS

Options = Mapping[str, object]

# The size of all: two layers, width 32, four heads of 8, 16 tokens.
SIZE = {"N_LAYER": 2, "N_HEAD": 4, "N_EMBD": 32, "BLOCK_SIZE": 16}
VOCABULARY = 29

PRESETS: dict[str, Options] = {
    **{name: {"ARCH_PRESET": name} for name in ("gpt2", "llama", "team", "hybrid", "custom")},
    **{
        f"custom-{base}": {"ARCH_PRESET": "custom", "ARCH_BASE": base}
        for base in ("llama", "hybrid")
    },
}

# Each component with its choices; a feed-forward and its activation are one, because SwiGLU has
# its own.
COMPONENTS: dict[str, tuple[Options, ...]] = {
    "normalization": tuple(
        {"NORMALIZATION": value} for value in ("layernorm", "layernorm-nobias", "rmsnorm")
    ),
    "norm position": ({"NORM_POSITION": "pre"}, {"NORM_POSITION": "post"}),
    "positions": tuple(
        {"POSITION_ENCODING": value} for value in ("learned-absolute", "rope", "none")
    ),
    "feed-forward": (
        *(
            {"FFN_TYPE": "standard", "ACTIVATION": value}
            for value in ("gelu", "gelu-tanh", "silu", "relu", "relu-squared", "leaky-relu")
        ),
        {"FFN_TYPE": "swiglu"},
    ),
    "hidden channels": ({"FFN_HIDDEN": 0}, {"FFN_HIDDEN": 24}),
    "backend": ({"ATTENTION_BACKEND": "sdpa"}, {"ATTENTION_BACKEND": "manual"}),
    "heads": ({"N_KV_HEAD": 0}, {"N_KV_HEAD": 2}, {"N_KV_HEAD": 1}),
    "QK-norm": ({"QK_NORM": "n"}, {"QK_NORM": "y"}),
    "bias": ({"BIAS": "y"}, {"BIAS": "n"}),
    "tying": ({"WEIGHT_TYING": "y"}, {"WEIGHT_TYING": "n"}),
    "dropout": ({"DROPOUT": "0.0"}, {"DROPOUT": "0.1"}),
}

Place = tuple[str, int]
"""A component and the number of its choice."""


def all_pairs() -> set[frozenset[Place]]:
    """Every two choices of different components."""
    return {
        frozenset(((a, i), (b, j)))
        for a, b in itertools.combinations(COMPONENTS, 2)
        for i in range(len(COMPONENTS[a]))
        for j in range(len(COMPONENTS[b]))
    }


def covering_rows() -> list[dict[str, int]]:
    """Few combinations in which every pair of choices occurs; greedy, the same every time."""
    missing = all_pairs()
    rows = []
    while missing:
        row: dict[str, int] = dict(sorted(min(missing, key=sorted)))
        for name, choices in COMPONENTS.items():
            if name not in row:
                row[name] = max(
                    range(len(choices)),
                    key=lambda i, name=name: (_gain(row, (name, i), missing), -i),
                )
        rows.append(row)
        missing -= pairs_of(row)
    return rows


def pairs_of(row: Mapping[str, int]) -> set[frozenset[Place]]:
    return {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}


def _gain(row: Mapping[str, int], place: Place, missing: set[frozenset[Place]]) -> int:
    return sum(frozenset((other, place)) in missing for other in row.items())


def options_of(row: Mapping[str, int]) -> dict[str, object]:
    """The options of one combination."""
    found: dict[str, object] = {"ARCH_PRESET": "custom"}
    for name, number in row.items():
        found |= COMPONENTS[name][number]
    return found


def pair_cases() -> Iterator[tuple[str, Options]]:
    for number, row in enumerate(covering_rows()):
        yield f"pairs-{number:02d}", options_of(row)


STEP_CASES: dict[str, Options] = {
    name: {"ARCHITECTURE": "unified-ra", "RA_STEP": step.label} for name, step in STEPS.items()
} | {
    "V6 house": {"ARCHITECTURE": "unified-ra", "RA_STEP": "V6", "RA_STYLE": "house"},
    "V1 geometric": {
        **{"ARCHITECTURE": "unified-ra", "RA_STEP": "V1"},
        **{"RA_GATE_INIT": "geometric", "RA_GATES_PER": "layer", "RA_R": 3},
    },
    "V14 kv": {"ARCHITECTURE": "unified-ra", "RA_STEP": "V14", "RA_EVICTION": "kv"},
}

CASES: dict[str, Options] = PRESETS | dict(pair_cases()) | STEP_CASES
"""By name, the options of every architecture that is looked at."""
