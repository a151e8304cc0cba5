"""Peaks of memory, each of a process of its own."""

import pytest

from scripts.bench import memory


@pytest.mark.slow
def test_both_loops_are_measured(context):
    section = memory.measure(context(CPU_THREADS=1))
    (finding,) = section.findings
    ours, plain = (float(cell.replace(",", "")) for cell in (finding.ours, finding.plain))
    assert finding.ratio.median == pytest.approx(ours / plain, rel=0.01)
    assert finding.what.startswith("peak memory, MiB (of it ")
