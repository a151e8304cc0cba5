"""Arms: what a matrix compares, what each is called, and which combinations make no sense.

An arm is a choice of optimizer and pruning; with a seed it is a run. Knows no torch.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lib.kconfig import Config, Configuration

Settings = Mapping[str, Any]

# Each rule: who it concerns, and why such a run is dropped from a matrix or refused alone.
EXCLUSIONS: tuple[tuple[Callable[[Settings], bool], str], ...] = (
    (
        lambda arm: arm["PRUNING_METHOD"] == "state" and arm["OPTIMIZER"] != "adamwprune",
        "state pruning reads the moments of AdamWPrune: it needs OPTIMIZER=adamwprune",
    ),
    (
        lambda arm: (
            arm["OPTIMIZER"] == "adamwprune" and arm["PRUNING_METHOD"] not in ("none", "state")
        ),
        "AdamWPrune takes none or state; its magnitude arm is ADAMWPRUNE_VARIANT=bitter1, and "
        "for another method set OPTIMIZER to its base",
    ),
    (
        lambda arm: arm["OPTIMIZER"] == "muon" and arm["PRUNING_METHOD"] != "none",
        "Muon takes PRUNING_METHOD=none: its orthogonalised update moves weights that are pruned",
    ),
    (
        lambda arm: arm["OPTIMIZER"] == "sgd" and arm["PRUNING_METHOD"] in ("obd", "salpha"),
        "obd and salpha read the second moment, which SGD does not keep: they need an optimizer "
        "of the Adam family, such as OPTIMIZER=adamw",
    ),
)


def exclusion(arm: Settings) -> str | None:
    """Why this combination makes no sense; None where it does. Needs only the axes' values."""
    return next((reason for applies, reason in EXCLUSIONS if applies(arm)), None)


# What asks for several runs, each with the value at which it does not.
SEVERAL: Mapping[str, Any] = {"SEEDS": 1, "SWEEP": "", "VARIATIONS": "", "EXTRA_BUDGET": "none"}


def settings_of(configuration: Configuration) -> dict[str, Any]:
    """The typed values of one run, every axis reduced to its one member.

    Raises ValueError where the configuration is not exactly one possible run.
    """
    settings = dict(configuration.typed())
    choose = "`make test-matrix` runs them all; one run needs one"
    for axis, members in configuration.axes().items():
        if not members:
            raise ValueError(empty_axis(configuration, axis))
        if len(members) > 1:
            raise ValueError(
                f"{axis} has {len(members)} members ({', '.join(members)}). "
                f"{choose}, such as {axis}={members[0]}."
            )
        settings[axis] = members[0]
    for name, single in SEVERAL.items():
        if settings[name] != single:
            raise ValueError(
                f"{name}={settings[name]} asks for several runs. {choose}: set {name}={single!r}."
            )
    reason = exclusion(settings)
    if reason is not None:
        raise ValueError(f"This run makes no sense: {reason}.")
    return settings


def empty_axis(configuration: Configuration, axis: str) -> str:
    """The sentence for an axis without a member: an error, never a default."""
    names = ", ".join(configuration.tree.groups[axis].values)
    return (
        f"{axis} is empty: nothing to compare. Choose from {names} in `make menuconfig`, or give "
        f"{axis}=... on the command line."
    )


def run_settings(config: Config) -> dict[str, Any]:
    """The typed values of a run's frozen configuration, every axis reduced to its one member."""
    settings = dict(config)
    for name, value in settings.items():
        if isinstance(value, tuple):
            settings[name] = config.one(name)
    return settings


def target_sparsity(settings: Settings) -> float:
    """The share of the prunable weights that shall be zero at the end; 0 for a dense arm.

    A pattern that keeps N of M weights has its own: 1 - N/M. Needs the values of one run.
    """
    if not settings["PRUNING"]:
        return 0.0
    if settings["PRUNING_PATTERN"] == "unstructured":
        return settings["TARGET_SPARSITY"]
    return 1.0 - settings["PRUNING_N"] / settings["PRUNING_M"]


def optimizer_label(settings: Settings) -> str:
    """The arm's optimizer: "adamw", "adamwspam-paper", "adamwprune-adam"."""
    return _optimizer_label(settings["OPTIMIZER"], settings)


def _optimizer_label(optimizer: str, settings: Settings) -> str:
    if optimizer == "adamwspam":
        return f"adamwspam-{settings['SPAM_PRESET']}"
    if optimizer == "adamwprune" and settings["ADAMWPRUNE_BASE"] != "adamw":
        return f"adamwprune-{_optimizer_label(settings['ADAMWPRUNE_BASE'], settings)}"
    return optimizer


def method_label(settings: Settings) -> str:
    """The arm's pruning: "", "magnitude@50%", "magnitude@2:4", "bitter5+normalised@50%"."""
    method = settings["PRUNING_METHOD"]
    if method == "none":
        return ""
    if settings["PRUNING_PATTERN"] == "unstructured":
        extent = f"{100 * settings['TARGET_SPARSITY']:g}%"
    else:
        extent = f"{settings['PRUNING_N']}:{settings['PRUNING_M']}"
    return f"{_score_label(method, settings)}@{extent}"


def _score_label(method: str, settings: Settings) -> str:
    if method == "salpha":
        return f"salpha{settings['PRUNING_ALPHA']:g}"
    if method != "state":
        return method
    # ADAMWPRUNE_NORMALISE has a value only where the variant has terms to normalise.
    normalised = "+normalised" if settings["ADAMWPRUNE_NORMALISE"] else ""
    return settings["ADAMWPRUNE_VARIANT"] + normalised


# Options that say what a model is made of, each with the word for a value that is not the published
# GPT-2's; the label of an architecture of components is made of these words.
COMPONENTS: Mapping[str, tuple[object, Callable[[Any], str]]] = {
    "NORMALIZATION": ("layernorm", str),
    "NORM_POSITION": ("pre", str),
    "POSITION_ENCODING": ("learned-absolute", lambda value: value.replace("none", "nopos")),
    "FFN_TYPE": ("standard", str),
    "ACTIVATION": ("gelu-tanh", str),
    "FFN_HIDDEN": (0, lambda value: f"ffn{value}"),
    "ATTENTION_BACKEND": ("sdpa", str),
    "N_KV_HEAD": (0, lambda value: f"{value}kv"),
    "QK_NORM": (False, lambda value: "qknorm"),
    "BIAS": (True, lambda value: "nobias"),
    "WEIGHT_TYING": (True, lambda value: "untied"),
}
ARCHITECTURE_AXES = (
    *("ARCHITECTURE", "RA_STEP", "ARCH_PRESET", "ARCH_BASE", "FFN_MULTIPLE"),
    *COMPONENTS,
)


def architecture_label(settings: Settings) -> str:
    """What the model is made of: "gpt2", "llama", "V1", or how a custom one differs from gpt2:
    "rope+rmsnorm"."""
    if settings["ARCHITECTURE"] == "unified-ra":
        return step_label(settings["RA_STEP"])
    if settings["ARCH_PRESET"] != "custom":
        return settings["ARCH_PRESET"]
    words = [
        word(settings[name])
        for name, (published, word) in COMPONENTS.items()
        if settings[name] not in (published, None)
    ]
    return "+".join(words) or "gpt2"


def step_label(step: str) -> str:
    """The name of a step of the reciprocal attention study as people write it: "V0c-V3", "RT"."""
    return "-".join(
        part[:1].upper() + part[1:] if part[:1] == "v" else part.upper() for part in step.split("-")
    )


def arm_label(settings: Settings) -> str:
    """What a run compares, apart from its seed: "adamw", "adamw+magnitude@50%"."""
    arm = "+".join(filter(None, (optimizer_label(settings), method_label(settings))))
    return arm + budget_label(settings)


# What `bitter2` is without the training that it was published with.
BITTER2_ALONE = (
    "bitter2 is bitter1, to the last bit, published with more training; without extra training it "
    "is bitter1 under another name. EXTRA_BUDGET=iterations or batch gives it that in a matrix, "
    "EXTRA_ITERATIONS_PCT or EXTRA_BATCH_PCT in a single run."
)


def is_bitter2_alone(settings: Settings) -> bool:
    """Whether the run has the variant whose name promises more training, and none of that."""
    is_bitter2 = settings["ADAMWPRUNE_VARIANT"] == "bitter2"
    has_more = settings["EXTRA_ITERATIONS_PCT"] or settings["EXTRA_BATCH_PCT"]
    return is_bitter2 and settings["PRUNING_METHOD"] == "state" and not has_more


def budget_label(settings: Settings) -> str:
    """What a run trains otherwise than so many steps of its options: "", "+21%steps",
    "+14%batch", "+60s" where a time ends it."""
    longer, larger = settings["EXTRA_ITERATIONS_PCT"], settings["EXTRA_BATCH_PCT"]
    label = f"+{longer}%steps" if longer else ""
    if settings["MAX_TIME"]:
        label = f"+{settings['MAX_TIME'] * (100 + longer) / 100:g}s"
        if limit := settings["MAX_ITERS"]:
            label += f"-or-{(limit * (100 + longer) + 50) // 100}steps"
    return label + (f"+{larger}%batch" if larger else "")
