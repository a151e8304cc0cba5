"""A run of a reference, computed again: equal to the last digit, or why it need not be."""

import subprocess

import pytest

from scripts.references import check
from scripts.references.check import chosen, compared, difference, recompute
from scripts.references.folder import HEADER_LINES, REFERENCES
from scripts.references.publish import publish
from tests.scripts.references.conftest import end, names


@pytest.fixture
def reference(ended, tmp_path, monkeypatch):
    table = publish(ended(), "small-table", tmp_path / "reference")
    monkeypatch.setattr(check, "references", lambda: [table])
    return table


@pytest.fixture
def training(monkeypatch, planned, tmp_path):
    """training(loss, ...): what the training command would leave, without a training."""

    def make(loss, **facts):
        def run(command, **options):
            folder = command[-1]
            (mine,) = [
                each
                for each in planned(tmp_path / "again").runs
                if str(each.directory.path) == folder
            ]
            end(mine.directory, mine.run.hash, loss, **facts)

        monkeypatch.setattr(subprocess, "run", run)

    return make


def again(reference, tmp_path, training, loss, run, **facts):
    training(loss, **facts)
    return compared(run, recompute(reference, run, tmp_path / "again"))


def test_the_last_digit_decides(reference, tmp_path, training):
    run = reference.runs()[1]
    equal = again(reference, tmp_path, training, run.loss, run)
    assert equal.is_equal
    assert equal.sentence == f"{run.name}: {run.loss!r}, equal to the last digit"


def test_another_last_digit_under_equal_conditions_is_a_change(reference, tmp_path, training):
    run = reference.runs()[1]
    other = again(reference, tmp_path, training, run.loss * (1 + 2**-52), run)
    assert not other.is_equal
    assert "this version computes something else" in other.sentence


@pytest.mark.parametrize("column", ["processor", "instructions", "number of threads", "torch"])
def test_under_other_conditions_the_reason_is_said(reference, tmp_path, training, column):
    run = reference.runs()[1]
    run.conditions[column] = "another"
    other = again(reference, tmp_path, training, run.loss + 1e-7, run)
    assert other.is_equal
    assert f"the {column} was another and is " in other.sentence
    assert difference({"torch": "1"}, {"torch": "1"}) is None


def test_a_table_of_an_earlier_version_is_told(reference):
    table = reference.folder / "summary.csv"
    table.write_text(table.read_text().replace("hardware.details.cpu_instructions", "other"))
    with pytest.raises(ValueError, match="has no column hardware.details.cpu_instructions"):
        chosen("", "")


def test_a_run_is_named_or_drawn(reference):
    table, run = chosen("", "")
    assert table is reference
    assert run in reference.runs()
    name = reference.runs()[0].name
    assert chosen("small-table", name)[1].name == name
    with pytest.raises(ValueError, match="TARGET=large is no reference; choose from small-table"):
        chosen("large", "")
    with pytest.raises(ValueError, match="RUN=sgd is no run of small-table; choose from "):
        chosen("", "sgd")
    with pytest.raises(ValueError, match="fits .* runs of small-table"):
        chosen("", "a")


def test_a_configuration_that_plans_something_else_is_told(reference, tmp_path):
    run = reference.runs()[0]
    with pytest.raises(ValueError, match="does not plan adamw-of-before any more, but "):
        recompute(reference, type(run)("adamw-of-before", 1.0, "", True, {}), tmp_path / "again")


def test_a_run_that_fails_is_no_answer(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda command, **options: None)
    with pytest.raises(ValueError, match="did not end as done"):
        recompute(reference, reference.runs()[0], tmp_path / "again")


def test_elsewhere_nothing_is_computed(reference, monkeypatch, capsys):
    monkeypatch.setattr(check, "cpu_model", lambda: "another processor")
    verdict = check.check("small-table", names_of(reference)[0])
    assert verdict.is_equal
    assert verdict.sentence.startswith("not compared: the processor was AMD EPYC and is another")
    assert f"RUN={names_of(reference)[0]}" in capsys.readouterr().out


def names_of(reference):
    return [run.name for run in reference.runs()]


# Published before the rule, by commits whose bits have moved since: to be computed again.
OF_BEFORE = {"component-ablation", "unified-ra-ablation"}


def test_the_published_tables_can_be_repeated():
    """The rule: one commit, a clean tree, a configuration that plans these runs, commands that
    need nothing which is not in the repository."""
    tables = check.references()
    for table in tables:
        runs = table.runs()
        assert len({run.commit for run in runs}) == 1, table.name
        assert all(run.is_clean and len(run.commit) == 40 for run in runs), table.name
        header = (table.folder / "config").read_text().splitlines()[:HEADER_LINES]
        assert any(runs[0].commit in line for line in header), table.name
        assert names(table.plan(table.folder)) == [run.name for run in runs], table.name
        assert all(value for run in runs for value in run.conditions.values()), table.name
        assert "results/runs/" not in (table.folder / "report.md").read_text(), table.name
    folders = {path.name for path in REFERENCES.iterdir()}
    assert folders == {table.name for table in tables} | OF_BEFORE
