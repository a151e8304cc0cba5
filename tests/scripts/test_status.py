"""What `make status` shows follows from the files of the runs alone."""

import io

import pytest
from rich.console import Console

from lib.claims import claim
from lib.metrics import MetricsWriter
from scripts.matrix.plan import plan
from scripts.status import lines, page


@pytest.fixture
def the_plan(configure):
    result = plan(configure(OPTIMIZER="adamw"))
    result.write()
    return result


def end(run, **values):
    summary = {"config_hash": run.run.hash, "status": "done", "reason": None, "steps": 20}
    run.directory.write_summary(summary | {"val_loss": 5.0} | values)


def text_of(the_plan, width):
    out = io.StringIO()
    console = Console(file=out, width=width)
    console.print(page(the_plan, width))
    return out.getvalue()


def test_a_plan_that_has_not_begun(the_plan):
    assert [(line.state, line.step, line.loss) for line in lines(the_plan)] == [
        ("pending", None, None),
        ("pending", None, None),
    ]


def test_done_and_diverged_runs_show_their_end(the_plan):
    end(the_plan.runs[0])
    end(the_plan.runs[1], status="diverged", reason="loss nan at step 3", steps=2)
    first, second = lines(the_plan)
    assert (first.state, first.step, first.loss) == ("done", 20, 5.0)
    assert (second.state, second.step, second.note) == ("diverged", 2, "loss nan at step 3")


def test_a_running_run_shows_its_heartbeat(the_plan):
    directory = the_plan.runs[0].directory
    directory.begin_attempt({})
    with MetricsWriter(directory.metrics_path, resume_step=0) as metrics:
        metrics.row("train", 5, 640, loss=4.5)
    directory.beat(step=7, steps=20, eta_s=65.0)
    with claim(directory.path):
        line = lines(the_plan)[0]
        assert (line.state, line.step, line.loss, line.left_s) == ("running", 7, 4.5, 65.0)
        assert "1:05" in text_of(the_plan, 80)
    # Killed, or stopped by Ctrl+C: interrupted either way.
    assert lines(the_plan)[0].state == "interrupted"
    directory.end_attempt("interrupted", "stopped by SIGINT")
    assert lines(the_plan)[0].state == "interrupted"


def test_what_can_be_mended_is_pending_with_its_reason(the_plan):
    directory = the_plan.runs[0].directory
    directory.begin_attempt({})
    directory.end_attempt("failed", "DEVICE=cuda wants a GPU")
    line = lines(the_plan)[0]
    assert (line.state, line.note) == ("pending", "DEVICE=cuda wants a GPU")


@pytest.mark.parametrize("width", [20, 40, 80, 160])
def test_every_width_shows_run_and_state_without_escape_codes(the_plan, width):
    end(the_plan.runs[0])
    text = text_of(the_plan, width)
    assert "\x1b" not in text
    assert "done" in text
    assert "adamw" in text
    assert all(len(line.rstrip()) <= width for line in text.splitlines())


def test_of_a_run_by_time_only_the_steps_that_were_taken_are_known(configure):
    result = plan(configure(OPTIMIZER="adamw", PRUNING_METHOD="none", TIME=90))
    result.write()
    end(result.runs[0], steps=1234)
    assert "done   1234  5.0000" in text_of(result, 120)
