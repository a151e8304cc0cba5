"""Golden texts: what a person reads at a log line."""

import io
from dataclasses import replace

import pytest

from gpt2.progress import Progress, detail, line, report
from lib.console import Console
from lib.flops import ModelFlops
from lib.matmul import MatmulRate
from lib.memory import MemoryNow
from lib.throughput import throughput

GIB = 1 << 30
GPT2 = ModelFlops(
    length=1024,
    attention_projections=56_623_104,
    feed_forward=113_246_208,
    head=77_266_944,
    attention=37_748_736,
    parameters=124_475_904,
    position_parameters=786_432,
    table_parameters=786_432,
)
MATMUL = MatmulRate(790.0, 8192, "bfloat16", 0.2)
ON_GPU = MemoryNow(
    allocated_bytes=int(12.34 * GIB),
    reserved_bytes=16 * GIB,
    peak_allocated_bytes=int(15.67 * GIB),
    peak_reserved_bytes=16 * GIB,
    device_used_bytes=17 * GIB,
    process_bytes=None,
    rss_bytes=int(2.1 * GIB),
    peak_rss_bytes=int(2.5 * GIB),
    rest_bytes=13 * GIB,
)
ROW = {"norm": 0.81, "mean": -1.234e-9, "std": 3.45e-5, "largest": 0.0123, "zero_share": 0.0}

ON_H200 = Progress(
    place="step   600/10000",
    loss=3.45671,
    gradient_norm=0.81234,
    learning_rate=6e-4,
    step_ms=945.2,
    eta_s=8885.0,
    speed=throughput(520_000.0, GPT2, "NVIDIA H200", MATMUL, 0),
    memory=ON_GPU,
    gradients=ROW,
)
ON_A_PROCESSOR = replace(
    ON_H200,
    eta_s=None,
    speed=throughput(168.0, GPT2, "AMD EPYC", MatmulRate(0.2, 1024, "bfloat16", 0.1), 0),
    memory=replace(ON_GPU, allocated_bytes=None, reserved_bytes=None, peak_allocated_bytes=None),
    gradients=None,
)


def test_one_line():
    assert line(ON_H200) == (
        "step   600/10000  loss 3.4567  lr 6.00e-04  520k tok/s  MFU 44.9%  ETA 2:28:05"
    )
    assert line(ON_A_PROCESSOR) == (
        "step   600/10000  loss 3.4567  lr 6.00e-04  168 tok/s  72% of matmul"
    )


def test_without_any_yardstick_the_line_has_the_speed_alone():
    speed = throughput(168.0, GPT2, "AMD EPYC", None, 0)
    assert line(replace(ON_A_PROCESSOR, speed=speed)).endswith("168 tok/s")


def test_the_block():
    assert detail(ON_H200) == [
        "-" * 80,
        "step   600/10000 | loss 3.4567 | 945.2 ms a step | lr 6.00e-04 | ETA 2:28:05",
        "  speed      MFU 44.9% (42.0% causal) | 444.4 of 989.0 TFLOP/s | 0.56 of matmul",
        "             520,000 tok/s | 0.8547 GFLOP/token",
        "  memory     12.3 GiB allocated | 15.7 GiB peak | 16 GiB reserved",
        "             2.1 GiB on the host | 2.5 GiB peak",
        "  gradients  norm 0.8123 | mean -1.23e-09 | std 3.45e-05 | largest 1.23e-02",
    ]


def test_the_block_without_what_was_not_measured():
    assert detail(ON_A_PROCESSOR) == [
        "-" * 80,
        "step   600/10000 | loss 3.4567 | 945.2 ms a step | lr 6.00e-04",
        "  speed      0.1436 TFLOP/s | 0.72 of matmul",
        "             168 tok/s | 0.8547 GFLOP/token",
        "  memory     2.1 GiB on the host | 2.5 GiB peak",
        "  gradients  norm 0.8123",
    ]
    assert detail(replace(ON_A_PROCESSOR, memory=None))[4] == "  gradients  norm 0.8123"


@pytest.mark.parametrize("progress", [ON_H200, ON_A_PROCESSOR])
def test_it_is_ascii_and_fits(progress):
    for text in [line(progress), *detail(progress)]:
        assert text.isascii()
        assert text.isprintable()
        assert len(text) <= 80


@pytest.fixture
def said(tmp_path):
    """said(LOG_DETAIL) -> (lines on the terminal, lines in the log)."""

    def say(is_detailed):
        out, log = io.StringIO(), tmp_path / "train.log"
        log.write_text("")
        with Console(log, "arm", out) as console:
            report(console, ON_H200, {"LOG_DETAIL": is_detailed})
        return out.getvalue().splitlines(), log.read_text().splitlines()

    return say


def test_the_option_decides_between_line_and_block(said, monkeypatch):
    monkeypatch.delenv("MAKELEVEL", raising=False)
    assert said(False) == ([f"arm: {line(ON_H200)}"], [line(ON_H200)])
    assert said(True) == (detail(ON_H200), detail(ON_H200))


def test_below_make_the_line_is_shown_and_the_block_logged(said, monkeypatch):
    monkeypatch.setenv("MAKELEVEL", "1")
    assert said(True) == ([f"arm: {line(ON_H200)}"], detail(ON_H200))
