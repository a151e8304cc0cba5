import json
import statistics

import pytest

from scripts.report.load import load_matrix
from scripts.report.scoreboard import Scoreboard


def board_of(results, specs, **plan):
    return Scoreboard(load_matrix(results.matrix(specs, **plan)))


def column(board, key):
    return next(column for column in board.columns if column.key == key)


def row(board, arm):
    return next(row for row in board.rows if row.arm == arm)


def summaries(results, arm, specs):
    chosen = sorted((s for s in specs if s.arm == arm), key=lambda s: s.seed)
    return [json.loads((results.root / s.dir / "summary.json").read_text()) for s in chosen]


SOURCES = {
    "sparsity": lambda s: s["pruning"]["achieved_sparsity"],
    "perplexity": lambda s: s["val_perplexity"],
    "loss": lambda s: s["val_loss"],
    "bits_per_byte": lambda s: s["val_bits_per_byte"],
    "peak_rss": lambda s: s["memory"]["peak_rss_bytes"],
    "optimizer_state": lambda s: s["memory"]["optimizer_bytes"],
    "training_state": lambda s: sum(
        s["memory"][f"{part}_bytes"] for part in ("weights", "gradients", "optimizer")
    ),
    "masks": lambda s: s["memory"]["mask_bytes"],
    "step_ms": lambda s: s["time"]["step_ms_median"],
    "tokens_per_s": lambda s: s["throughput"]["tokens_per_s"],
    "wall": lambda s: s["time"]["total_s"],
}


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_every_number_is_that_of_the_summaries(results, grid, seeds):
    specs = grid(seeds)
    board = board_of(results, specs)
    assert {column.key for column in board.columns} == {*SOURCES, "difference"}
    for row in board.rows:
        files = summaries(results, row.arm, specs)
        for key, read in SOURCES.items():
            values = [value for value in map(read, files) if value is not None]
            assert list(row.cells[key].values) == values
            if values:
                assert row.mean(key) == pytest.approx(statistics.fmean(values), rel=1e-14)
        base = summaries(results, "adamw", specs)
        gaps = [a["val_loss"] - b["val_loss"] for a, b in zip(files, base, strict=True)]
        assert list(row.cells["difference"].values) == ([] if row.is_baseline else gaps)


def test_mfu_and_the_share_of_a_product_are_columns_where_a_run_has_them(results, spec):
    on_gpu = {"throughput.mfu": 0.45, "throughput.share_of_matmul": 0.56}
    board = board_of(results, [spec(summary=on_gpu), spec("adamwprune")])
    assert column(board, "mfu").format(row(board, "adamw").mean("mfu")) == "45.0 %"
    assert row(board, "adamw").mean("matmul_share") == 0.56
    assert row(board, "adamwprune").mean("mfu") is None
    board = board_of(results, [spec(summary={"throughput.share_of_matmul": 0.7})])
    keys = {column.key for column in board.columns}
    assert "matmul_share" in keys
    assert "mfu" not in keys


def test_only_finished_runs_enter_a_number(results, spec):
    specs = [spec(seed=1, loss=1.0), spec(seed=2, status="diverged", summary={"val_loss": 9.0})]
    board = board_of(results, specs)
    assert board.rows[0].mean("loss") == 1.0
    assert board.rows[0].status == "1/2"
    assert not board.rows[0].is_complete


def test_best_is_bold_with_three_seeds_and_never_with_fewer(results, grid, tmp_path):
    for seeds in (1, 2, 3):
        folder = type(results)(tmp_path / str(seeds))
        board = board_of(folder, grid(seeds))
        bold = [row.arm for row in board.rows if board.is_best(row, column(board, "loss"))]
        assert bold == (["adamw"] if seeds == 3 else [])


def test_best_is_not_bold_within_the_noise(results, spec):
    losses = {"adamw": (1.60, 1.64, 1.62), "adamwprune": (1.61, 1.62, 1.63)}
    specs = [spec(arm, k, loss) for arm, three in losses.items() for k, loss in enumerate(three)]
    board = board_of(results, specs)
    assert not any(board.is_best(row, column(board, "loss")) for row in board.rows)


def test_best_is_not_bold_without_all_its_seeds(results, grid, spec):
    specs = [*grid(3), spec("adamw", 9999, status="failed")]
    board = board_of(results, specs)
    assert row(board, "adamw").status == "3/4"
    assert not any(board.is_best(row, column(board, "loss")) for row in board.rows)


def test_budgets_that_differ_are_not_ranked_or_paired(results, grid):
    specs = grid(3)
    for item in specs:
        if item.arm == "adamwprune":
            item.steps *= 2
    board = board_of(results, specs)
    assert not board.is_one_budget
    assert row(board, "adamwprune").cells["difference"].n == 0
    assert row(board, "adamw+magnitude@50%").cells["difference"].n == 3
    assert not any(board.is_best(r, column(board, "loss")) for r in board.rows)


def test_runs_on_other_data_are_not_paired(results, spec):
    board = board_of(results, [spec(), spec("adamwprune", provenance={"data.hash": "e" * 64})])
    assert row(board, "adamwprune").cells["difference"].n == 0


def test_runs_evaluated_on_other_tokens_are_not_paired(results, spec):
    board = board_of(results, [spec(), spec("adamwprune", summary={"val_tokens": 5})])
    assert row(board, "adamwprune").cells["difference"].n == 0


def test_time_and_memory_are_ranked_on_one_machine_only(results, grid):
    specs = grid(3)
    board = board_of(results, specs)
    assert board.is_ranked(column(board, "step_ms"))
    specs[0].provenance = {"hardware.fingerprint": "another"}
    board = board_of(results, specs)
    assert not board.is_ranked(column(board, "step_ms"))
    assert not board.is_ranked(column(board, "peak_rss"))
    assert board.is_ranked(column(board, "loss"))


def test_time_is_not_ranked_where_runs_shared_the_machine(results, spec):
    def board_with(*spans):
        arms = ("adamw", "adamwprune")
        attempts = [
            {"attempts": [{"start": f"2026-01-01T00:{a}:00Z", "end": f"2026-01-01T00:{b}:00Z"}]}
            for a, b in spans
        ]
        specs = [spec(a, provenance=p) for a, p in zip(arms, attempts, strict=True)]
        return board_of(results, specs)

    assert not board_with(("00", "10"), ("10", "20")).shared_machine
    board = board_with(("00", "10"), ("05", "20"))
    assert board.shared_machine
    assert not board.is_ranked(column(board, "wall"))
    assert board.is_ranked(column(board, "peak_rss"))


def test_runs_on_two_gpus_do_not_share_the_machine(results, spec):
    """Four runs on four GPUs overlap; only those on one GPU, or on the processor, slow others."""

    def is_shared(*gpus):
        times = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}
        specs = [
            spec(arm, provenance={"attempts": [times | ({} if gpu == "old" else {"gpu": gpu})]})
            for arm, gpu in zip(("adamw", "adamwprune", "adam"), gpus, strict=True)
        ]
        return board_of(results, specs).shared_machine

    assert not is_shared("GPU-1", "GPU-2", "GPU-3")
    assert is_shared("GPU-1", "GPU-2", "GPU-1")
    assert is_shared("GPU-1", "GPU-2", None)
    assert is_shared("GPU-1", "GPU-2", "old")
    assert is_shared(None, None, "GPU-1")


def test_peaks_of_device_and_process_are_two_columns(results, spec):
    gpu = {"hardware.device": "cuda"}
    specs = [spec(), spec("adamwprune", provenance=gpu, summary={"memory.peak_allocated_bytes": 7})]
    board = board_of(results, specs)
    assert row(board, "adamw").mean("peak_allocated") is None
    assert row(board, "adamwprune").mean("peak_rss") is None
    assert row(board, "adamwprune").mean("peak_allocated") == 7
