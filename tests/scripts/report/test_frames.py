import csv
import io
import json

from lib.metrics import read_metrics
from scripts.report.frames import NUMBERS, as_csv, curves, runs
from scripts.report.load import load_matrix


def rows_of(results, specs):
    text = as_csv(runs(load_matrix(results.matrix(specs))))
    return list(csv.DictReader(io.StringIO(text)))


def test_every_number_of_every_run(results, grid):
    specs = grid(2)
    rows = rows_of(results, specs)
    assert [row["run"] for row in rows] == [item.dir for item in specs]
    for row, item in zip(rows, specs, strict=True):
        summary = json.loads((results.root / item.dir / "summary.json").read_text())
        for name in NUMBERS:
            value = summary
            for key in name.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            assert row[name] == ("" if value is None else repr(value)), name


def test_runs_without_result_are_rows_with_empty_numbers(results, spec):
    (row,) = rows_of(results, [spec(status=None, has_begun=False)])
    assert row["state"] == "pending"
    assert {row[name] for name in NUMBERS} == {""}


def test_reasons_are_quoted(results, spec):
    reason = 'it said "no", then,\nstopped'
    (row,) = rows_of(results, [spec(status="failed", reason=reason)])
    assert row["reason"] == 'it said "no", then, stopped'


def test_curves_are_the_evaluations_of_the_runs(results, grid):
    specs = grid(2)
    frame = curves(load_matrix(results.matrix(specs)))
    for item in specs:
        rows = read_metrics(results.root / item.dir / "metrics.jsonl", kinds=("eval",))
        mine = frame[frame.run == item.dir]
        assert list(mine.loss) == [row["loss"] for row in rows]
        assert list(mine.step) == [row["step"] for row in rows]


def test_a_matrix_without_runs_has_empty_tables(results):
    matrix = load_matrix(results.matrix([]))
    assert runs(matrix).empty
    assert curves(matrix).empty
    as_csv(curves(matrix))
