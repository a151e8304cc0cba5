"""Make sure that a run can start: the device is here, and the data is prepared.

In this order, so that a missing device costs no download. Make calls this program once before the
runs of a matrix, with the folder of one that needs the same; each run calls `ready` for itself.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gpt2.dataset_choice import data_arguments, mirror
from gpt2.datasets import dataset_folder, prepare
from lib.arms import run_settings
from lib.cli import guarded
from lib.device import Device, check_bfloat16, find_device
from lib.runs import RunDirectory


def ready(settings: Mapping[str, Any], say: Callable[[str], None]) -> tuple[Device, Path]:
    """The device, and the folder of the prepared dataset.

    Raises DeviceError or DataError, each with what to do.
    """
    device = find_device(settings["DEVICE"], settings["DEVICE_MEMORY_GIB"] or 0)
    if settings["DTYPE"] == "bfloat16":
        check_bfloat16(device)
    where = data_arguments(settings)
    prepare(**where, mirror=mirror(settings), progress=say)
    return device, dataset_folder(**where)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="gpt2.ready", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of a planned run")
    run = RunDirectory(parser.parse_args(arguments).run)
    ready(run_settings(run.config()), say=print)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
