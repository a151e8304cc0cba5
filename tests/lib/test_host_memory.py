from lib.host_memory import Memory, available_bytes, host_memory


def test_the_machine_and_the_container_limit_alike(tmp_path):
    assert available_bytes(tmp_path) is None
    assert host_memory(tmp_path) is None
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    2000 kB\n")
    assert available_bytes(tmp_path) == 2000 * 1024
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("1000000\n")
    (group / "memory.current").write_text("400000\n")
    assert available_bytes(tmp_path) == 600_000
    assert host_memory(tmp_path) == Memory(1_000_000, 600_000)
    (group / "memory.current").write_text("1200000\n")
    assert host_memory(tmp_path) == Memory(1_000_000, 0)
    (group / "memory.max").write_text("max\n")
    assert host_memory(tmp_path) == Memory(9000 * 1024, 2000 * 1024)


def test_this_machine():
    free = available_bytes()
    assert free is None or free > 1 << 20
