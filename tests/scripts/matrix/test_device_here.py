import pytest

from scripts.matrix import device_here
from scripts.matrix.device_here import obstacle
from scripts.matrix.plan import plan
from scripts.matrix.show import plan_text


@pytest.fixture
def drivers(monkeypatch):
    """drivers(*paths): these files of drivers are here, and no other."""

    def make(*paths):
        monkeypatch.setattr(device_here.os.path, "exists", lambda path: path in paths)

    return make


@pytest.mark.parametrize(
    ("device", "files", "build", "environ", "reason"),
    [
        ("cpu", (), "cpu", {}, None),
        ("auto", (), "cpu", {}, None),
        ("cuda", (), "cu128", {}, "no driver of an NVIDIA GPU (/dev/nvidiactl is missing)"),
        ("rocm", ("/dev/nvidiactl",), "rocm6.4", {}, "no driver of an AMD GPU"),
        ("cuda", ("/dev/nvidiactl",), "cu128", {}, None),
        ("cuda", ("/dev/nvidiactl",), "", {}, None),
        ("cuda", ("/dev/dxg",), "", {"CUDA_VISIBLE_DEVICES": "0"}, None),
        ("cuda", ("/dev/nvidiactl",), "cpu", {}, "the installed PyTorch is a build for cpu"),
        ("rocm", ("/dev/kfd",), "cu128", {}, "the installed PyTorch is a build for cu128"),
        ("rocm", ("/dev/kfd",), "rocm6.4", {}, None),
        ("cuda", ("/dev/nvidiactl",), "", {"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_what_is_missing_is_said(drivers, device, files, build, environ, reason):
    drivers(*files)
    found = obstacle(device, environ, build)
    assert found is None if reason is None else found.startswith(reason)


def test_the_plan_says_so_while_there_is_something_to_compute(configure, drivers, monkeypatch):
    drivers()
    the_plan = plan(configure(DEVICE="cuda"))
    assert plan_text(the_plan).count("DEVICE=cuda is not here: no driver") == 1
    assert "is not here" not in plan_text(plan(configure()))
    monkeypatch.setattr(type(the_plan), "pending", lambda self: [])
    assert "is not here" not in plan_text(the_plan)
