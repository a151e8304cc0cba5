from scripts.report.checklist import checklist
from scripts.report.load import load_matrix
from scripts.report.scoreboard import Scoreboard


def met(results, specs):
    points = checklist(Scoreboard(load_matrix(results.matrix(specs))))
    assert len(points) == 12
    return {point.name for point in points if point.is_met}


def test_what_the_files_prove(results, grid):
    specs = grid(3)
    for item in specs:
        item.summary = {"val_tokens": 12_000_000}
    assert met(results, specs) == {
        "Pairing", "Seeds", "Budgets", "Final full-validation loss", "Sparsity from the weights",
        "Memory", "Time", "Negative rows", "Masked-dense label", "Provenance",
    }  # fmt: skip


def test_what_they_do_not(results, grid):
    specs = grid(1)
    specs[0].seed += 1
    specs[1].steps *= 2
    specs[2].summary = {"pruning.achieved_sparsity_all": None, "time.optimizer_ms_median": None}
    specs[3].summary = {"memory.peak_rss_bytes": None}
    specs[4].provenance = {"git.sha": None}
    assert met(results, specs) == {"Negative rows", "Masked-dense label"}


def test_an_empty_matrix_meets_nothing_it_would_have_to_show(results):
    assert not met(results, []) & {"Seeds", "Budgets", "Memory", "Time", "Provenance"}
