"""`make doctor`: look at everything a run needs, and give the command that mends what is wrong.

Each check is one function that returns findings; none changes anything. Exit status 1 if
something is wrong, so that scripts can ask too.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lib.cli import ROOT, guarded
from lib.kconfig import Config
from lib.kconfig.editor import terminal_complaint
from lib.trackers import chosen

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 13)
OLDEST_TORCH = (2, 11)
FREE_GIB = 1.0
GIB = 1 << 30

# Import name of each package in requirements.txt, apart from torch, which has its own check.
PACKAGES = (
    "numpy",
    "tiktoken",
    "safetensors",
    "kconfiglib",
    "jinja2",
    "matplotlib",
    "pandas",
    "rich",
)


@dataclass(frozen=True)
class Finding:
    """One line of the page. `remedy` is a command or a sentence; None where all is well."""

    subject: str
    text: str
    remedy: str | None = None


def check_python(config: Config | None) -> Iterator[Finding]:
    version = sys.version_info
    text = f"{version.major}.{version.minor}.{version.micro} ({sys.executable})"
    fits = OLDEST_PYTHON <= version[:2] <= NEWEST_PYTHON
    yield Finding("python", text, None if fits else "make setup BASE_PYTHON=/path/to/python3.12")


def check_packages(config: Config | None) -> Iterator[Finding]:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        yield Finding("packages", f"missing: {', '.join(missing)}", "make setup")
    else:
        yield Finding("packages", f"all {len(PACKAGES)} found")


def check_trackers(config: Config | None) -> Iterator[Finding]:
    if config is None:
        return
    for name in chosen(config):
        # A run without its tracker is no failure, so nothing else asks before it starts.
        if importlib.util.find_spec(name) is None:
            yield Finding("tracker", f"{name} is missing", 'make setup EXTRAS="trackers"')
        else:
            yield Finding("tracker", f"{name} found")


def check_torch(config: Config | None) -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        yield Finding("torch", "missing", "make setup")
        return
    import torch

    built_for = torch.version.hip or torch.version.cuda
    kind = f"for {'ROCm' if torch.version.hip else 'CUDA'} {built_for}" if built_for else "for CPU"
    numbers = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    old = f"make setup (torch >= {'.'.join(map(str, OLDEST_TORCH))})"
    yield Finding("torch", f"{torch.__version__} {kind}", None if numbers >= OLDEST_TORCH else old)


def check_device(config: Config | None) -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        return
    from lib.cpu import usable_cores
    from lib.device import DeviceError, check_bfloat16, find_device, present_device

    found = present_device()
    yield Finding("device", f"{found}, {usable_cores()} cores to use", _unseen_gpu(found.kind))
    try:
        check_bfloat16(found)
        yield Finding("bfloat16", "yes")
    except DeviceError:
        yield Finding("bfloat16", "no: take DTYPE=float32 here")
    if config is not None:
        try:
            find_device(config.DEVICE, config.DEVICE_MEMORY_GIB or 0)
        except DeviceError as error:
            yield Finding("configured device", str(error), "make DEVICE=auto")


def _unseen_gpu(kind: str) -> str | None:
    """A GPU whose driver is here, but that this build of PyTorch cannot use."""
    if kind != "cpu":
        return None
    if shutil.which("nvidia-smi") or os.path.exists("/dev/nvidia0"):
        return "an NVIDIA GPU is here and torch does not see it: make setup with a CUDA build"
    if os.path.exists("/dev/kfd"):
        return "an AMD GPU is here and torch does not see it: make setup TORCH_INDEX=<ROCm index>"
    return None


def check_disk(config: Config | None) -> Iterator[Finding]:
    free = shutil.disk_usage(ROOT).free / GIB
    remedy = None if free >= FREE_GIB else "free some space: results and data need about 1 GiB"
    yield Finding("disk", f"{free:.1f} GiB free at {ROOT}", remedy)
    if not os.access(ROOT, os.W_OK):
        yield Finding("disk", f"{ROOT} is read-only", f"chmod u+w {ROOT}")


def check_configuration(config: Config | None) -> Iterator[Finding]:
    if config is None:
        yield Finding("configuration", "none yet: make menuconfig, or make defconfig-NAME")
    else:
        yield Finding("configuration", f"{config.MODEL} on {config.DATASET}")


def check_data(config: Config | None) -> Iterator[Finding]:
    if config is None:
        return
    from gpt2.dataset_choice import data_arguments
    from gpt2.datasets import CORPORA, DataError, dataset_folder, read_manifest

    try:
        manifest = read_manifest(dataset_folder(**data_arguments(config)))
    except DataError as error:
        yield Finding("dataset", str(error), "make prepare-data")
        return
    if manifest is None:
        # Runs prepare it themselves; only where there is no network must it be done before.
        stated = CORPORA[config.DATASET].stated
        size = f" ({stated})" if stated else ""
        what = f"{config.DATASET}{size} is not prepared yet; the first run does it"
        yield Finding("dataset", what, _missing_extra(stated))
    else:
        tokens = f"{manifest.train.tokens:,} + {manifest.validation.tokens:,} tokens"
        yield Finding("dataset", f"{config.DATASET}: {tokens}")


def _missing_extra(stated: str) -> str | None:
    """What reading a published corpus lacks here."""
    missing = [name for name in ("datasets", "pyarrow") if importlib.util.find_spec(name) is None]
    return "make setup EXTRAS=data" if stated and missing else None


def check_terminal(config: Config | None) -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield Finding("terminal", "none here (output goes to a file or a pipe)")
    elif terminal_complaint(os.environ):
        yield Finding("terminal", f"TERM={term or 'unset'}", "export TERM=xterm-256color")
    else:
        size = os.get_terminal_size()
        yield Finding("terminal", f"{term}, {size.columns} x {size.lines}")


CHECKS: tuple[Callable[[Config | None], Iterator[Finding]], ...] = (
    *(check_python, check_packages, check_torch, check_device, check_disk),
    *(check_configuration, check_data, check_trackers, check_terminal),
)


def main(arguments: Sequence[str]) -> int:
    if arguments:
        raise ValueError("usage: python -m scripts doctor (it takes no arguments)")
    from lib.current import config_file, load_configuration

    findings = []
    config = None
    if config_file().is_file():
        try:
            config = load_configuration().typed()
        except ValueError as error:
            findings.append(Finding("configuration", str(error), "make menuconfig"))
    findings += [finding for check in CHECKS for finding in check(config)]
    for finding in findings:
        mark = "ok  " if finding.remedy is None else "MEND"
        print(f"{mark} {finding.subject}: {finding.text}")
        if finding.remedy is not None:
            print(f"     -> {finding.remedy}")
    wrong = sum(finding.remedy is not None for finding in findings)
    print("All is well." if wrong == 0 else f"{wrong} to mend.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
