import pytest

from scripts.matrix import show
from scripts.matrix.jobs import has_jobserver, only_prints, parallel_jobs
from scripts.matrix.plan import plan


# As GNU Make 4.3 and 4.4 write it.
@pytest.mark.parametrize(
    ("flags", "jobs", "has_server", "prints"),
    [
        ("", 3, False, False),
        (" -j8 --jobserver-auth=3,4", 8, True, False),
        ("kn -j2 --jobserver-auth=fifo:/tmp/GMfifo7 -- MAX_ITERS=5", 2, True, True),
        (" --no-print-directory -- NOTE=-j9", 3, False, False),
        ("n --no-print-directory", 3, False, True),
        (" -- RESULTS_DIR=n", 3, False, False),
    ],
)
def test_make_is_understood(monkeypatch, flags, jobs, has_server, prints):
    monkeypatch.setenv("MAKEFLAGS", flags)
    assert (parallel_jobs(3), has_jobserver(), only_prints()) == (jobs, has_server, prints)


def test_a_crowded_processor_is_said_with_the_remedy(configure, monkeypatch):
    monkeypatch.setattr(show, "usable_cores", lambda: 4)
    monkeypatch.setenv("MAKEFLAGS", " -j2 --jobserver-auth=3,4")
    crowded = show.plan_text(plan(configure(CPU_THREADS=0)))
    assert "With 4 threads each they crowd 4 cores" in crowded
    assert "CPU_THREADS=2 gives each its own" in crowded
    roomy = show.plan_text(plan(configure(CPU_THREADS=2)))
    assert "2 runs at a time" in roomy
    assert "crowd" not in roomy
    monkeypatch.setenv("MAKEFLAGS", "")
    assert "at a time" not in show.plan_text(plan(configure(CPU_THREADS=0)))
