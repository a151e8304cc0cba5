import pytest

from lib import gpu_memory as module
from lib.gpu_memory import MIB, gpu_memory
from lib.host_memory import Memory


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """machine(build, nvidia, amd) -> root: PyTorch's build, lines of nvidia-smi, (total, used)."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")

    def make(build, nvidia=None, amd=()):
        monkeypatch.setattr(module, "version", lambda name: f"2.13.0+{build}")
        (tmp_path / "bin").mkdir(exist_ok=True)
        if nvidia is not None:
            tool = tmp_path / "bin" / "nvidia-smi"
            tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{nvidia}\n')
            tool.chmod(0o755)
        for number, (total, used) in enumerate(amd):
            folder = tmp_path / f"sys/class/drm/card{number}/device"
            folder.mkdir(parents=True)
            (folder / "mem_info_vram_total").write_text(f"{total}\n")
            (folder / "mem_info_vram_used").write_text(f"{used}\n")
        return tmp_path

    return make


TWO = "echo '24564, 20000'; echo '81559, 81000'"


def test_nvidia_s_tool_is_asked_and_the_largest_counts(machine):
    root = machine("cu130", TWO)
    assert gpu_memory("cuda", {}, root) == Memory(81559 * MIB, 81000 * MIB)
    assert gpu_memory("auto", {}, root) == Memory(81559 * MIB, 81000 * MIB)
    assert gpu_memory("rocm", {}, root) is None


def test_the_first_gpu_that_is_visible(machine):
    root = machine("cu130", "echo '24564, 20000'")
    assert gpu_memory("auto", {"CUDA_VISIBLE_DEVICES": "1,0"}, root).total_bytes == 24564 * MIB
    assert "--id=1" in (root / "asked").read_text().split()
    assert gpu_memory("auto", {"CUDA_VISIBLE_DEVICES": ""}, root) is None
    assert gpu_memory("auto", {"CUDA_VISIBLE_DEVICES": "-1"}, root) is None


@pytest.mark.parametrize("answer", ["exit 9", "echo 'N/A, N/A'", "echo nonsense", "echo"])
def test_what_is_no_answer_is_none(machine, answer):
    assert gpu_memory("auto", {}, machine("cu130", answer)) is None


def test_without_a_tool_and_without_files_nothing_is_known(machine):
    assert gpu_memory("auto", {}, machine("cu130")) is None


def test_amd_s_driver_has_files(machine):
    root = machine("rocm6.4", amd=[(16 << 30, 1 << 30), (48 << 30, 8 << 30)])
    assert gpu_memory("rocm", {}, root) == Memory(48 << 30, 40 << 30)
    assert gpu_memory("auto", {}, root) == Memory(48 << 30, 40 << 30)
    assert gpu_memory("cuda", {}, root) is None


@pytest.mark.parametrize("build", ["cpu", "xpu"])
def test_a_build_that_cannot_use_a_gpu_has_none(machine, build):
    assert gpu_memory("auto", {}, machine(build, TWO, [(16 << 30, 0)])) is None
