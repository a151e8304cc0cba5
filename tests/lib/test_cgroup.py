import pytest

from lib.cgroup import cpu_quota, folders, free_memory_bytes, memory_limit_bytes


@pytest.fixture
def system(tmp_path):
    """system({path: text}): the root of a system with these files."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


def test_a_system_without_groups_limits_nothing(tmp_path):
    assert cpu_quota(tmp_path) is None
    assert free_memory_bytes(tmp_path) is None
    assert list(folders("cpu", tmp_path)) == []


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000\n", None), ("150000 100000\n", 1.5), ("400000 100000\n", 4.0), ("junk", None)],
)
def test_version_2(system, text, quota):
    root = system({"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/cpu.max": text})
    assert cpu_quota(root) == quota


def test_the_tightest_folder_above_counts(system):
    root = system(
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/cpu.max": "800000 100000\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/b/memory.current": "7\n",
            "sys/fs/cgroup/a/memory.max": "1000\n",
            "sys/fs/cgroup/a/memory.current": "300\n",
        }
    )
    assert cpu_quota(root) == 2.0
    assert free_memory_bytes(root) == 700
    assert memory_limit_bytes(root) == 1000


def test_in_a_container_the_named_folder_may_not_be_mounted(system):
    root = system(
        {
            "proc/self/cgroup": "0::/docker/0123\n",
            "sys/fs/cgroup/cpu.max": "250000 100000\n",
        }
    )
    assert cpu_quota(root) == 2.5


def test_version_1(system):
    root = system(
        {
            "proc/self/cgroup": "5:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "5000\n",
            "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "6000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "6000\n",
        }
    )
    assert cpu_quota(root) == 3.0
    assert free_memory_bytes(root) == 0


def test_version_1_with_a_folder_for_each_controller(system):
    root = system(
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        }
    )
    assert cpu_quota(root) == 0.5
