"""Mutants of the published tables: what is refused, and what the comparison sees."""

from tests.mutants.mutant import Mutant

CHECK = "scripts/references/check.py"
PUBLISH = "scripts/references/publish.py"
CHECK_TESTS = "tests/scripts/references/test_check.py"
PUBLISH_TESTS = "tests/scripts/references/test_publish.py"

REFERENCES = (
    Mutant(
        mechanism="reference: the last digit decides",
        defect="seven digits are enough",
        file=CHECK,
        original="    if loss == published.loss:\n",
        replacement="    if abs(loss - published.loss) < 1e-7:\n",
        test=f"{CHECK_TESTS}::test_another_last_digit_under_equal_conditions_is_a_change",
    ),
    Mutant(
        mechanism="reference: other conditions are a reason",
        defect="another processor makes this version look wrong",
        file=CHECK,
        original='    if reason is not None:\n        return Verdict(f"{what}',
        replacement='    if False:\n        return Verdict(f"{what}',
        test=f"{CHECK_TESTS}::test_under_other_conditions_the_reason_is_said",
    ),
    Mutant(
        mechanism="reference: published by a clean tree",
        defect="by any tree",
        file=PUBLISH,
        original='run.fact("git.dirty") != "False"',
        replacement="False",
        test=f"{PUBLISH_TESTS}::test_what_nobody_could_repeat_is_not_published",
    ),
    Mutant(
        mechanism="reference: published by one commit",
        defect="by several",
        file=PUBLISH,
        original="    if len(commits) > 1:\n",
        replacement="    if False:\n",
        test=f"{PUBLISH_TESTS}::test_what_nobody_could_repeat_is_not_published",
    ),
)
