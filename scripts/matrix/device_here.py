"""Whether the device that a plan asks for is here, as far as that can be told in no time.

PyTorch knows, and takes seconds to import; a plan is to take none. Here the files of the drivers
and the name of the installed build answer: what they say is missing is missing, and what they do
not is still for `make doctor` and the run itself to find.
"""

import os
from collections.abc import Mapping

from lib.gpu_memory import OTHER_BUILDS, torch_build
from scripts.matrix.plan import Plan

# By device, what its driver makes; /dev/dxg is Windows's under WSL, /dev/nvhost-ctrl a Jetson's.
DRIVER_FILES = {
    "cuda": ("/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-ctrl"),
    "rocm": ("/dev/kfd", "/dev/dxg"),
}
MAKERS = {"cuda": "NVIDIA", "rocm": "AMD"}


def missing_device(plan: Plan) -> list[str]:
    """A line for each device that runs still to be computed ask for and that is not here."""
    wanted = dict.fromkeys(planned.settings["DEVICE"] for planned in plan.pending())
    return [
        f"DEVICE={device} is not here: {reason}. These runs would stop at once; `make DEVICE=auto` "
        "takes what is here, `make doctor` asks PyTorch."
        for device in wanted
        if (reason := obstacle(device, os.environ, torch_build()))
    ]


def obstacle(device: str, environ: Mapping[str, str], build: str) -> str | None:
    """Why a run with this device cannot start, as far as is known; None where nothing is.

    build: as of `torch_build`.
    """
    if device not in DRIVER_FILES:
        return None
    files = DRIVER_FILES[device]
    if not any(os.path.exists(path) for path in files):
        return f"no driver of an {MAKERS[device]} GPU ({files[0]} is missing)"
    if build.startswith(OTHER_BUILDS[device]):
        return f"the installed PyTorch is a build for {build}"
    hidden = [
        name
        for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
        if environ.get(name) in ("", "-1")
    ]
    return f"{hidden[0]} hides every GPU" if hidden else None
