import json

import pytest

from scripts.report.load import load_matrix, printable


def test_states_add_up_to_the_plan(results, spec):
    specs = [
        spec(seed=1),
        spec(seed=2, status="failed", reason="no space"),
        spec(seed=3, status="oom", reason="out of memory"),
        spec(seed=4, status="diverged", reason="loss nan"),
        spec(seed=5, status=None),
        spec(seed=6, status=None, has_begun=False),
    ]
    skipped = [{"axes": {"OPTIMIZER": "adamw"}, "reason": "impossible"}]
    matrix = load_matrix(results.matrix(specs, skipped=skipped))
    expected = {"done": 1, "failed": 2, "diverged": 1, "pending": 2, "skipped": 1}
    assert matrix.totals == expected
    assert sum(matrix.totals.values()) == len(specs) + len(skipped)
    assert [run.live for run in matrix.runs[-2:]] == ["interrupted", ""]


def test_a_summary_of_another_run_is_no_result(results, spec):
    folder = results.matrix([spec(summary={"config_hash": "f" * 64})])
    assert load_matrix(folder).runs[0].state == "pending"


def test_missing_and_senseless_numbers_are_none(results, spec):
    values = {"val_loss": None, "tokens": "many", "memory.mask_bytes": True, "params": None}
    run = load_matrix(results.matrix([spec(summary=values)])).runs[0]
    for name in ("val_loss", "tokens", "memory.mask_bytes", "params.total", "no.such.name"):
        assert run.number(name) is None
    path = run.folder / "summary.json"
    path.write_text(
        path.read_text().replace('"val_perplexity": 5.2', '"val_perplexity": NaN, "x": 5.2')
    )
    run = load_matrix(results.root / "matrices" / "example-1a2b3c4d").runs[0]
    assert run.number("val_perplexity") is None


def test_torn_and_repeated_metrics(results, spec):
    folder = results.matrix([spec()])
    run = load_matrix(folder).runs[0]
    path = run.folder / "metrics.jsonl"
    rows = path.read_text().splitlines()
    again = json.loads(rows[0]) | {"perplexity": 7.5}
    path.write_text("\n".join([*rows, json.dumps(again), '{"kind": "eval", "st']))
    evaluations = load_matrix(folder).runs[0].evaluations
    assert len(evaluations) == len(rows)
    assert evaluations[0]["perplexity"] == 7.5


def test_a_repeated_row_of_the_plan_counts_once(results, spec):
    folder = results.matrix([spec(), spec()])
    matrix = load_matrix(folder)
    assert len(matrix.runs) == 1
    assert "repeat" in matrix.notes[0]


def test_runs_that_differ_in_more_than_the_seed_are_not_one_arm(results, spec):
    specs = [
        spec(seed=seed, axes={"LEARNING_RATE": rate})
        for seed in (1, 2)
        for rate in (0.0003, 0.0006)
    ]
    arms = load_matrix(results.matrix(specs)).arms
    assert {arm: len(runs) for arm, runs in arms.items()} == {
        "adamw LEARNING_RATE=0.0003": 2,
        "adamw LEARNING_RATE=0.0006": 2,
    }


def test_memory_of_a_device_never_falls_back_to_the_process(results, spec):
    on_gpu = spec(provenance={"hardware.device": "cuda"})
    run = load_matrix(results.matrix([on_gpu])).runs[0]
    assert run.memory_kind == "allocated"
    assert run.peak("allocated") is None
    assert run.peak("rss") is None


def test_log_tail_is_short_and_has_no_control_characters(results, spec):
    log = "".join(f"line {k} \x1b[31mred\n" for k in range(5000))
    tail = load_matrix(results.matrix([spec(log=log)])).runs[0].log_tail
    assert len(tail) == 20
    assert tail[-1] == "line 4999 ?[31mred"


def test_last_step_comes_from_the_summary_or_the_metrics(results, spec):
    specs = [spec(seed=1, status="failed"), spec(seed=2, status=None)]
    specs.append(spec(seed=3, status=None, has_begun=False))
    runs = load_matrix(results.matrix(specs)).runs
    assert [run.last_step for run in runs] == [150, 300, None]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}'])
def test_a_plan_that_cannot_be_read_says_what_to_do(tmp_path, text):
    folder = tmp_path / "matrices" / "x"
    folder.mkdir(parents=True)
    (folder / "matrix.json").write_text(text)
    with pytest.raises(ValueError, match=r"matrix\.json .*`make`"):
        load_matrix(folder)


def test_a_folder_without_plan_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="results/matrices"):
        load_matrix(tmp_path)


def test_printable_keeps_unicode_and_drops_control():
    assert printable("caf\u00e9\t\u4f60\x00\x1b") == "caf\u00e9 \u4f60??"


def test_a_run_is_read_from_the_folder_with_its_hash(results, spec):
    """The plan's label stays; the folder may bear that of another plan."""
    item = spec()
    folder = results.matrix([item])
    other = f"another-name-{item.hash[:8]}"
    (results.root / item.dir).rename(results.root / "runs" / other)
    (run,) = load_matrix(folder).runs
    assert (run.arm, run.state, run.dir) == ("adamw", "done", f"runs/{other}")
    assert run.number("val_loss") == 1.65


def test_shares_of_former_runs_are_made_of_the_exact_flops(results, spec):
    """Until the exact count was ranked, flops_per_token was that of PaLM's convention."""
    speed = {
        "flops_per_token": 2_000,
        "flops_per_token_by_convention": {"palm": 2_000, "exact": 1_000},
        "useful_flops_per_token": 1_700,
        "achieved_tflops": 0.5,
        "mfu": 0.5,
        "share_of_matmul": 0.8,
        "tokens_per_s": 7.0,
    }
    now = speed | {"flops_per_token": 1_000, "useful_flops_per_token": 700}
    bare = {"flops_per_token": 2_000, "mfu": 0.5}
    specs = [spec(seed=s, summary={"throughput": t}) for s, t in enumerate([speed, now, bare])]
    former, present, unknown = load_matrix(results.matrix(specs)).runs

    def numbers(run, *names):
        return [run.number(f"throughput.{name}") for name in names]

    of_flops = ("flops_per_token", "useful_flops_per_token", "achieved_tflops", "mfu")
    assert numbers(former, *of_flops, "share_of_matmul") == [1_000, 700, 0.25, 0.25, 0.4]
    assert numbers(present, *of_flops, "share_of_matmul") == [1_000, 700, 0.5, 0.5, 0.8]
    assert numbers(former, "tokens_per_s") == [7.0]
    assert numbers(unknown, "flops_per_token", "mfu") == [2_000, 0.5]
