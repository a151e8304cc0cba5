"""Mutants of what a command line means: words of other systems, one run of many, one begun."""

from tests.mutants.mutant import Mutant

TRANSLATE = "gpt2/translate.py"
TRANSLATED = "tests/gpt2/test_translate.py"
DESCRIBED = "tests/gpt2/test_described.py"
MEANS = f"{TRANSLATED}::test_a_line_means"

COMMAND_LINES = (
    Mutant(
        mechanism="command line: --dry-run of a study computes nothing",
        defect="the whole matrix is trained",
        file="gpt2/train.py",
        original="AblationCoordinator(assignments, options.dry_run)",
        replacement="AblationCoordinator(assignments)",
        test="tests/gpt2/test_train_modes.py::test_an_option_acts_or_is_refused",
    ),
    Mutant(
        mechanism="command line: an option without effect in a mode is refused",
        defect="--restart is dropped in silence",
        file="gpt2/train.py",
        original='("--run", "--arm", "--resume", "--restart"),\n        "it computes',
        replacement='("--run", "--arm", "--resume"),\n        "it computes',
        test="tests/gpt2/test_train_modes.py::test_an_option_acts_or_is_refused",
    ),
    Mutant(
        mechanism="command line: False is n",
        defect="every word but n is y",
        file="lib/kconfig/aliases.py",
        original='"false": "n"',
        replacement='"false": "y"',
        test="tests/lib/kconfig/test_overrides.py::test_overrides_resolve",
    ),
    Mutant(
        mechanism="command line: a choice of on and off takes True and False",
        defect="--compile=False is no value",
        file="lib/kconfig/aliases.py",
        original='return {"y": "on", "n": "off"}.get(is_on, value)',
        replacement='return {"y": "off", "n": "on"}.get(is_on, value)',
        test="tests/lib/kconfig/test_overrides.py::"
        "test_a_choice_with_on_and_off_takes_the_words_of_a_bool",
    ),
    Mutant(
        mechanism="command line: options come after the file of settings",
        defect="what the file says is left out of the line",
        file=TRANSLATE,
        original="typed = [word for word in words if not word.file]",
        replacement='typed = [w for w in words if not w.file and w.name != "MAX_ITERS"]',
        test=MEANS,
    ),
    Mutant(
        mechanism="command line: a component on the preset of a file keeps that preset's others",
        defect="the components of the present configuration remain",
        file=TRANSLATE,
        original='return {**file, "ARCH_PRESET": "custom", "ARCH_BASE": base, **whole}',
        replacement='return {**file, "ARCH_PRESET": "custom", "ARCH_BASE": base}',
        test=MEANS,
    ),
    Mutant(
        mechanism="command line: a shortened run keeps the shape that a file gives it",
        defect="the warm-up stays as long as in the long run",
        file=TRANSLATE,
        original='if "WARMUP_STEPS" in options and steps.isdecimal():',
        replacement="if False:",
        test=MEANS,
    ),
    Mutant(
        mechanism="command line: the tokens of a step become micro-batches",
        defect="the context is left out of the division",
        file=TRANSLATE,
        original="divmod(tokens, micro_batch * context)",
        replacement="divmod(tokens, micro_batch)",
        test=MEANS,
    ),
    Mutant(
        mechanism="command line: tokens of a step that are no multiple of a micro-batch",
        defect="they are rounded down in silence",
        file=TRANSLATE,
        original="    if rest or not number:\n",
        replacement="    if not number:\n",
        test=f"{TRANSLATED}::test_what_is_not_built_is_answered_with_a_line_that_works",
    ),
    Mutant(
        mechanism="command line: what is not built is refused with a line that lacks it",
        defect="the line to type has it again",
        file=TRANSLATE,
        original="if not any(_asks(word, each) for each in MISSING)]\n    for each",
        replacement="]\n\n    for each",
        test=f"{TRANSLATED}::test_what_is_not_built_is_answered_with_a_line_that_works",
    ),
    Mutant(
        mechanism="command line: several processes are refused",
        defect="each of them trains, or waits for the lock of the first",
        file=TRANSLATE,
        original='    if not environ.get("RANK") or',
        replacement="    if True or",
        test=f"{TRANSLATED}::test_several_processes_are_refused_once",
    ),
    Mutant(
        mechanism="one run: other axes take their baseline",
        defect="they take what stands first",
        file="gpt2/one_run.py",
        original="member != BASELINES.get(axis))",
        replacement="member == BASELINES.get(axis))",
        test=f"{DESCRIBED}::test_other_axes_take_their_baseline",
    ),
    Mutant(
        mechanism="one run: what the line names is a part of the run",
        defect="a named variant is hidden by the baseline of another axis",
        file="gpt2/one_run.py",
        original="    if not all(axes.get(axis) for axis in given):\n        return False\n",
        replacement="",
        test=f"{DESCRIBED}::test_other_axes_take_their_baseline",
    ),
    Mutant(
        mechanism="--resume: the newest begun run of that name",
        defect="the oldest",
        file="gpt2/begun.py",
        original="key=_order, reverse=True)",
        replacement="key=_order)",
        test=f"{DESCRIBED}::test_to_continue_takes_the_newest_of_that_name",
    ),
    Mutant(
        mechanism="--resume: a run that the options of the line do not fit is not continued",
        defect="it is, and the options are dropped",
        file="gpt2/begun.py",
        original="asked.typed().hash == frozen.typed().hash == config.hash",
        replacement="frozen.typed().hash == config.hash",
        test=f"{DESCRIBED}::test_a_run_that_the_line_does_not_fit_is_named_and_not_continued",
    ),
    Mutant(
        mechanism="--resume: another seed or architecture is another name",
        defect="any begun run is continued",
        file="gpt2/begun.py",
        original="if is_same and _is_of(frozen, configuration):",
        replacement="if is_same:",
        test=f"{DESCRIBED}::test_to_continue_takes_the_newest_of_that_name",
    ),
    Mutant(
        mechanism="train.py: a dry run only says which run it is",
        defect="it leaves a folder, which a part of a run's name fits too",
        file="gpt2/described.py",
        original="    if not wish.is_dry:\n",
        replacement="    if True:\n",
        test="tests/gpt2/test_train.py::test_a_dry_run_only_says_which",
    ),
    Mutant(
        mechanism="report: a bare one is of the matrix run last",
        defect="of the matrix that .config describes",
        file="scripts/matrix/last.py",
        original="    return last.folder, f",
        replacement="    return the_plan.folder, f",
        test="tests/scripts/matrix/test_last.py::"
        "test_the_matrix_run_last_is_shown_with_what_it_was_run_with",
    ),
    Mutant(
        mechanism="status: a bare one is of the matrix run last",
        defect="of the matrix that .config describes",
        file="scripts/matrix/last.py",
        original="    return again, f",
        replacement="    return the_plan, f",
        test="tests/scripts/matrix/test_last.py::"
        "test_the_state_of_the_matrix_run_last_is_shown_while_the_configuration_stands",
    ),
    Mutant(
        mechanism="report: another .config that was loaded since has its own matrix",
        defect="the one run last is shown all the same",
        file="scripts/matrix/last.py",
        original="    if last.config_hash != stored and",
        replacement="    if False and",
        test="tests/scripts/matrix/test_last.py::"
        "test_another_configuration_has_its_own_matrix_if_it_has_been_run",
    ),
    Mutant(
        mechanism="plan: a device that is not here is said",
        defect="the runs find out",
        file="scripts/matrix/show.py",
        original="    lines += missing_device(plan)\n",
        replacement="",
        test="tests/scripts/matrix/test_device_here.py::"
        "test_the_plan_says_so_while_there_is_something_to_compute",
    ),
)
