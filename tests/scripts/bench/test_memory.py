"""Peaks of memory, each of a process of its own."""

import pytest

from scripts.bench import memory
from scripts.bench.memory import MIB


@pytest.mark.slow
def test_both_loops_are_measured_in_processes_of_their_own(context):
    # Whoever starts them may be large: the peak must not be inherited.
    ballast = bytearray(600 * MIB)
    section = memory.measure(context(CPU_THREADS=1))
    assert len(ballast) == 600 * MIB
    (finding,) = section.findings
    ours, plain = (float(cell.replace(",", "")) for cell in (finding.ours, finding.plain))
    assert 100 < ours < 600
    assert 100 < plain < 600
    assert finding.ratio.median == pytest.approx(ours / plain, rel=0.01)


def test_a_process_that_fails_is_a_sentence(context, tmp_path):
    here = context(CPU_THREADS=1)
    with pytest.raises(
        ValueError, match=r"plain: the process ended with 66 and said: .*no prepared"
    ):
        memory._in_a_process(here, here.workloads()[0], tmp_path / "none", "plain")
