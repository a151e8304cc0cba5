"""A published table: all that repeats it, and nothing unfinished, unknown or of two commits."""

import pytest

from scripts.references.folder import references
from scripts.references.publish import publish
from tests.scripts.references.conftest import COMMIT, end, names


def test_a_table_names_its_commit_and_holds_its_configuration(ended, tmp_path):
    the_plan = ended()
    reference = publish(the_plan, "small-table", tmp_path / "reference")
    assert f"computed by commit {COMMIT}" in (reference.folder / "config").read_text()
    assert {run.commit for run in reference.runs()} == {COMMIT}
    assert [run.name for run in reference.runs()] == names(the_plan)
    assert [run.loss for run in reference.runs()] == [
        2.1 + number / 1000 for number in range(len(the_plan.runs))
    ]
    # The configuration plans the very runs, wherever they are computed.
    again = reference.plan(tmp_path / "elsewhere")
    assert [run.run.hash for run in again.runs] == [run.run.hash for run in the_plan.runs]
    assert [each.name for each in references(tmp_path / "reference")] == ["small-table"]


def test_its_commands_need_no_folder_of_a_run(ended, tmp_path):
    the_plan = ended()
    reference = publish(the_plan, "small-table", tmp_path / "reference")
    report = (reference.folder / "report.md").read_text()
    assert "results/runs/" not in report
    assert "cp results/reference/small-table/config .config && make" in report
    line = f"make check-reference TARGET=small-table RUN={names(the_plan)[0]}"
    assert line in report
    assert not (reference.folder / "report.html").exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a b", "-a", "a--b"])
def test_a_name_is_one_folder(ended, tmp_path, name):
    with pytest.raises(ValueError, match="is no name for a reference"):
        publish(ended(), name, tmp_path / "reference")
    assert not (tmp_path / "reference").exists()


def test_what_nobody_could_repeat_is_not_published(ended, planned, tmp_path):
    def refused(the_plan):
        with pytest.raises(ValueError) as caught:
            publish(the_plan, "small-table", tmp_path / "reference")
        assert not (tmp_path / "reference").exists()
        return str(caught.value)

    the_plan = planned()
    the_plan.write()
    assert f"{len(the_plan.runs)} of {len(the_plan.runs)} runs are not done" in refused(the_plan)
    the_plan = ended()
    last = the_plan.runs[-1]
    end(last.directory, last.run.hash, sha="f" * 40)
    assert "computed by 2 commits" in refused(the_plan)
    end(last.directory, last.run.hash, dirty=True)
    assert "changes that no commit holds" in refused(the_plan)
    end(last.directory, last.run.hash, sha=None)
    assert "unknown" in refused(the_plan)
    end(last.directory, last.run.hash, status="failed")
    assert f"1 of {len(the_plan.runs)} runs are not done" in refused(the_plan)
