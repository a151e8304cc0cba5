"""`Replaces: NAME`: what a later layer switches on ends a value of the layers below."""

import pytest

from lib.kconfig import ConfigError, Policy, load_tree, override_layer

TREE = """
config TIME
\tint "t"
\tdefault 0
\thelp
\t  Replaces: STEPS
\t  Results: unaffected at 0

config STEPS
\tint "s"
\trange 0 100 if TIME != 0
\trange 1 100
\tdefault 0 if TIME != 0
\tdefault 10
"""


@pytest.fixture
def length(tmp_path, layer):
    """length(lines of the file, kind, NAME=value): TIME and STEPS as they come out."""
    (tmp_path / "Kconfig").write_text(TREE)
    tree = load_tree(tmp_path, Policy())

    def resolved(lines, kind="request", **overrides):
        pairs = [(name, str(value)) for name, value in overrides.items()]
        found = tree.resolve([layer(*lines, kind=kind), override_layer(pairs)])
        one_by_one = tree.resolve([layer(*lines, kind=kind)]).derive(dict(pairs), "matrix")
        assert one_by_one.typed() == found.typed()
        return found.typed().TIME, found.typed().STEPS

    return resolved


@pytest.mark.parametrize("kind", ["request", "state"])
def test_switched_on_or_off_it_ends_what_was_below(length, kind):
    by_steps = ["CONFIG_TIME=0", "CONFIG_STEPS=20"]
    assert length(by_steps, kind, TIME=60) == (60, 0)
    assert length(by_steps, kind, TIME=0) == (0, 20)
    assert length(by_steps, kind, STEPS=30) == (0, 30)
    by_time = ["CONFIG_TIME=60", "CONFIG_STEPS=0"]
    assert length(by_time, kind, TIME=0) == (0, 10)
    limited = ["CONFIG_TIME=60", "CONFIG_STEPS=50"]
    assert length(limited, kind) == (60, 50)
    assert length(limited, kind, TIME=30) == (30, 50)


@pytest.mark.parametrize("order", [("TIME", "STEPS"), ("STEPS", "TIME")])
def test_of_one_layer_both_count(length, order):
    values = {"TIME": 60, "STEPS": 50}
    assert length(["CONFIG_STEPS=20"], **{name: values[name] for name in order}) == (60, 50)


@pytest.mark.parametrize(
    "line", ["Replaces: NOSUCH\n\t  Results: unaffected at 0", "Replaces: STEPS"]
)
def test_it_needs_a_symbol_and_a_value_at_which_it_is_off(tmp_path, line):
    text = TREE.replace("Replaces: STEPS\n\t  Results: unaffected at 0", line)
    (tmp_path / "Kconfig").write_text(text)
    with pytest.raises(ConfigError, match="Kconfig:2: TIME: `Replaces:"):
        load_tree(tmp_path, Policy())
