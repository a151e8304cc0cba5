import os

import pytest

from lib import cpu
from lib.cpu import affinity, physical_cores, usable_cores


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """machine(siblings, affinity, quota): a root whose processors share cores as listed."""

    def make(siblings, may_run_on, quota=None, name="core_cpus_list"):
        for number, text in siblings.items():
            folder = tmp_path / f"sys/devices/system/cpu/cpu{number}/topology"
            folder.mkdir(parents=True)
            (folder / name).write_text(f"{text}\n")
        monkeypatch.setattr(cpu, "affinity", lambda: frozenset(may_run_on))
        if quota is not None:
            (tmp_path / "proc/self").mkdir(parents=True)
            (tmp_path / "proc/self/cgroup").write_text("0::/\n")
            (tmp_path / "sys/fs/cgroup").mkdir(parents=True, exist_ok=True)
            (tmp_path / "sys/fs/cgroup/cpu.max").write_text(f"{quota} 100000\n")
        return tmp_path

    return make


# Eight hardware threads on four cores, numbered as Linux does on most machines.
HYPERTHREADS = {number: f"{number % 4},{number % 4 + 4}" for number in range(8)}


@pytest.mark.parametrize("name", ["core_cpus_list", "thread_siblings_list"])
def test_hardware_threads_of_one_core_count_once(machine, name):
    assert usable_cores(machine(HYPERTHREADS, range(8), name=name)) == 4


def test_only_cores_of_the_affinity_mask_count(machine):
    root = machine(HYPERTHREADS, (1, 5, 6))
    assert usable_cores(root) == 2


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max", 4), ("250000", 2), ("50000", 1), ("800000", 4)],
)
def test_a_quota_of_time_is_not_exceeded(machine, quota, cores):
    assert usable_cores(machine(HYPERTHREADS, range(8), quota)) == cores


def test_where_the_system_tells_nothing_each_processor_is_a_core(tmp_path):
    assert physical_cores(range(6), tmp_path) == 6


def test_this_machine():
    assert 1 <= usable_cores() <= len(affinity()) <= (os.cpu_count() or 1)
