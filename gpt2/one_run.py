"""Which run of a configuration of several a command line means.

One rule: where it names a member of an axis, or an arm, every other axis takes its baseline, and
what else asks for several runs is left out. A line that names neither leaves the choice open.
"""

from collections.abc import Iterator, Sequence

from lib.arms import (
    SEVERAL,
    architecture_label,
    arm_label,
    budget_label,
    exclusion,
    run_settings,
)
from lib.kconfig import ConfigError, Configuration, Layer
from lib.kconfig.aliases import target_of

# What the members of an axis are compared with; of any other axis its first member.
BASELINES = {
    "OPTIMIZER": "adamw",
    "PRUNING_METHOD": "none",
    "ADAMWPRUNE_VARIANT": "bitter1",
    "SPAM_PRESET": "seed",
}

LABEL = "one run"


def one_run(
    configuration: Configuration, options: Layer, arm: str | None = None
) -> tuple[Configuration, list[str]]:
    """The configuration reduced to the run that `options`, the command line, or `arm` means, and
    what was chosen, as NAME=value.

    It stays as it is where it is one run, or where nothing says which. Raises ValueError for an
    arm that it does not have.
    """
    given = named_axes(configuration, options)
    if arm is None and not given:
        return configuration, []
    single = configuration.derive(_singles(configuration, options), LABEL)
    if arm is not None:
        chosen = _arm(single, arm)
    else:
        chosen = next((leaf for leaf in _leaves(single, given) if _fits(leaf, given)), None)
        if chosen is None:
            return configuration, []
    return chosen, _said(configuration, chosen, given)


def named_axes(configuration: Configuration, options: Layer) -> tuple[str, ...]:
    """The axes of which the command line names members."""
    tree = configuration.tree
    axes: dict[str, None] = {}
    for found in options.assignments:
        name = target_of(found.name, tree.symbols, tree.groups)
        # Words such as TRACKER are neither a symbol nor a group.
        group = tree.symbols[name].group if name in tree.symbols else name
        if group in tree.groups and tree.groups[group].kind == "axis":
            axes[group] = None
    return tuple(axes)


def word_for_one(configuration: Configuration) -> str | None:
    """The option that makes it one run, as `--optimizer=adamw`; None where it is one."""
    for axis, members in configuration.axes().items():
        if len(members) != 1:
            usual = BASELINES.get(axis)
            choices = members or configuration.tree.groups[axis].values
            return f"--{_dashed(axis)}={usual if usual in choices else choices[0]}"
    settings = configuration.typed()
    several = [name for name, single in SEVERAL.items() if settings[name] != single]
    return f"--{_dashed(several[0])}={SEVERAL[several[0]]}" if several else None


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")


def _singles(configuration: Configuration, options: Layer) -> dict[str, str]:
    """What makes one run of many, where the command line does not ask for many itself."""
    typed = {found.name for found in options.assignments}
    settings = configuration.typed()
    return {
        name: str(value)
        for name, value in SEVERAL.items()
        if settings[name] != value and name not in typed
    }


def _leaves(configuration: Configuration, given: Sequence[str]) -> Iterator[Configuration]:
    """Every possible single run, the baseline of each axis first; axes in `given` stay."""
    for axis, members in configuration.axes().items():
        if axis in given or len(members) == 1:
            continue
        choices = list(members or configuration.tree.groups[axis].values)
        choices.sort(key=lambda member, axis=axis: member != BASELINES.get(axis))
        for member in choices:
            try:
                derived = configuration.derive({axis: member}, LABEL)
            except ConfigError:
                continue
            yield from _leaves(derived, given)
        return
    yield configuration


def _fits(leaf: Configuration, given: Sequence[str]) -> bool:
    """Whether it is a run that makes sense, and what the command line names is a part of it."""
    axes = leaf.axes()
    if not all(axes.get(axis) for axis in given):
        return False
    return exclusion({axis: members[0] for axis, members in axes.items()}) is None


def _arm(configuration: Configuration, arm: str) -> Configuration:
    """The run with this label."""
    labels = []
    for leaf in _leaves(configuration, ()):
        if not _fits(leaf, ()):
            continue
        settings = run_settings(leaf.typed())
        label = arm_label(settings)
        # A budget is a part of the label; within one budget the arm says enough.
        names = (label, label.removesuffix(budget_label(settings)))
        if arm in names or arm in [f"{name} {architecture_label(settings)}" for name in names]:
            return leaf
        labels.append(label)
    listed = ", ".join(dict.fromkeys(labels))
    raise ValueError(f"--arm={arm} is no arm of this configuration. It has {listed}.")


def _said(before: Configuration, chosen: Configuration, given: Sequence[str]) -> list[str]:
    old, new = before.typed(), chosen.typed()
    axes = [
        f"{axis}={','.join(members)}"
        for axis, members in chosen.axes().items()
        if axis not in given and old[axis] != members
    ]
    return axes + [f"{name}={new[name]}" for name in SEVERAL if old[name] != new[name]]
