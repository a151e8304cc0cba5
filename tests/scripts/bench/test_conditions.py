"""What the page says of the machine."""

from datetime import date

import pytest
import torch

from scripts.bench import conditions
from scripts.bench.conditions import Conditions, clock_speed

CPU = torch.device("cpu")


def test_half_a_process_on_two_cores_is_too_much():
    quiet = Conditions(date(2026, 1, 2), "a processor", 0.5, 2)
    busy = Conditions(date(2026, 1, 2), "a processor", 0.51, 2)
    assert (quiet.is_busy, busy.is_busy) == (False, True)
    assert "void" not in quiet.sentence("make bench")
    assert "0.51 of 2 cores in other use" in busy.sentence("make bench")
    assert "these figures are void" in busy.sentence("make bench")
    unknown = Conditions(date(2026, 1, 2), "a processor", None, 2)
    assert not unknown.is_busy
    assert unknown.sentence("make bench").endswith("what else the machine did is not known.")


def test_cores_in_use_are_counted_and_not_what_waits(monkeypatch, tmp_path):
    path = tmp_path / "stat"
    monkeypatch.setattr(conditions, "STAT", path)
    monkeypatch.setattr(conditions, "affinity", lambda: {0, 3})
    monkeypatch.setattr(conditions, "usable_cores", lambda: 2)
    # user nice system idle iowait irq softirq steal guest; processor 1 is not ours.
    text = "cpu 9 9 9 9 9 9 9 9 9 9\ncpu0 {} 0 0 {} {} 0 0 0 {} 0\ncpu1 {} 0 0 0 0 0 0 0 0 0\n"
    text += "cpu3 0 0 0 {} 0 0 0 0 0 0\nintr 1 2\n"
    path.write_text(text.format(100, 50, 7, 100, 5, 1000))
    later = text.format(150, 60, 47, 150, 9999, 1100)
    monkeypatch.setattr(conditions.time, "sleep", lambda seconds: path.write_text(later))
    # Of 200 ticks 50 were busy: half of the first core, nothing of the other.
    assert conditions.cores_in_use() == pytest.approx(2 * 50 / 200)
    path.unlink()
    monkeypatch.setattr(conditions.os, "getloadavg", lambda: (0.7, 8, 9))
    assert conditions.cores_in_use() == 0.7


def test_the_sentence_names_what_a_figure_depends_on():
    said = Conditions.now(CPU, 0.0).sentence("make bench TARGET=loader")
    assert f"{torch.get_num_threads()} threads" in said
    assert torch.__version__ in said
    assert "`make bench TARGET=loader`" in said


def test_the_clock_of_a_processor_is_the_mean_of_its_cores(monkeypatch, tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("model name : x\ncpu MHz\t\t: 2000.000\ncpu MHz\t\t: 3000.000\n")
    monkeypatch.setattr(conditions, "CPUINFO", path)
    assert clock_speed(CPU) == "2,500 MHz"
    path.write_text("nothing\n")
    assert clock_speed(CPU) is None
    path.unlink()
    assert clock_speed(CPU) is None


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '1980 MHz, 45, 310.5 W'", "1980 MHz, 45 C, 310.5 W"),
        ("echo; exit 9", None),
    ],
)
def test_a_gpu_is_asked_and_may_refuse(monkeypatch, tmp_path, script, said):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert clock_speed(torch.device("cuda", 0)) == said
