"""Mutants of the configuration: what counts as asked for, presets that are freed, numbers."""

from tests.mutants.mutant import Mutant

STORED = "lib/kconfig/stored.py"
STORED_TESTS = "tests/lib/kconfig/test_stored.py"
FREED = "lib/kconfig/freed.py"
FREED_TESTS = "tests/architectures/test_components_on_presets.py"
BUDGET = "gpt2/budget.py"

CONFIGURING = (
    Mutant(
        mechanism="a .config: a line at its default is nobody's wish",
        defect="it beats the default that a later layer moves",
        file=STORED,
        original="if name in asked if is_true else value.is_visible or not value.is_active:",
        replacement="if is_true or value.is_visible or not value.is_active:",
        test=f"{STORED_TESTS}::test_a_file_that_says_nothing_is_read_as_it_stands",
    ),
    Mutant(
        mechanism="a .config: an edit is told from the lines beside it",
        defect="every line of an edited file counts, and the model is half and half",
        file=STORED,
        original="    if layer.asked is None:",
        replacement="    if True:",
        test=f"{STORED_TESTS}::test_an_edited_line_is_a_wish_and_the_lines_beside_it_are_not",
    ),
    Mutant(
        mechanism="a .config that nobody edited keeps its values when the defaults change",
        defect="it is taken for an edited one, and what follows moves",
        file=STORED,
        original="    if layer.is_as_written:",
        replacement="    if False:",
        test=f"{STORED_TESTS}::"
        "test_other_defaults_of_the_program_change_no_file_that_is_as_written",
    ),
    Mutant(
        mechanism="menuconfig loads what was asked for",
        defect="every line is a user's value, and no default moves in the menu",
        file="lib/kconfig/editor.py",
        original="                Tree(tree.root, self, tree.policy).resolve([layer]).state()",
        replacement="                super().load_config(str(source))",
        test=f"{STORED_TESTS}::test_the_editors_load_only_what_was_asked_for",
    ),
    Mutant(
        mechanism="a component on a preset: custom begins as that preset",
        defect="it begins as gpt2",
        file=FREED,
        original="_member(base, preset.aliases.get(before, before))",
        replacement='_member(base, "gpt2")',
        test=f"{FREED_TESTS}::test_each_component_on_each_preset",
    ),
    Mutant(
        mechanism="a component on a preset: nothing else that was asked for is lost",
        defect="a step of a study becomes a plain model",
        file=FREED,
        original="    if _costs_a_wish(",
        replacement="    if False and _costs_a_wish(",
        test=f"{FREED_TESTS}::test_where_custom_does_not_help_the_condition_is_told",
    ),
    Mutant(
        mechanism="values: numbers are compared",
        defect="their texts are, so that 50.0 is not 50",
        file="lib/kconfig/values.py",
        original="    return symbol.typed(one) == symbol.typed(other)",
        replacement="    return False",
        test="tests/lib/kconfig/test_compare.py::test_numbers_are_compared_and_not_their_spelling",
    ),
    Mutant(
        mechanism="warm-up by a share of the run",
        defect="100 steps, whatever the length",
        file=BUDGET,
        original='    return steps * config["WARMUP_PCT"] // 100',
        replacement="    return 100",
        test="tests/gpt2/test_budget.py::test_a_share_of_the_steps_is_rounded_down",
    ),
    Mutant(
        mechanism="hash: a share of a known length is its number of steps",
        defect="the same run has two hashes",
        file="scripts/matrix/expand.py",
        original='of_the_run = {"SEED": str(seed)} | settled',
        replacement='of_the_run = {"SEED": str(seed)}',
        test="tests/scripts/matrix/test_expand.py::"
        "test_a_share_of_a_known_length_is_the_run_with_so_many_steps",
    ),
)
