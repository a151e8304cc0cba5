"""Where a result came from: code, versions, hardware.

The hardware fingerprint is built from stable fields only. Host name, load, temperature and clock
frequency stay out: they change between two runs on one machine. What explains a speed without
being another machine (driver, libraries, power limit) is recorded beside it, in `details`.
"""

import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from lib.cpu import cpu_model, usable_cores
from lib.device import Device
from lib.gpu import open_monitor
from lib.memory import host_memory_bytes

# Equal to the version in pyproject.toml, which is not there to be read once installed elsewhere.
VERSION = "0.1.0"

PACKAGES = ("torch", "numpy", "tiktoken", "kconfiglib")


def git_state(root: Path) -> dict[str, Any]:
    """Commit, whether the tree differs from it, and a hash of how. Never fails: null is unknown."""
    sha = _git(root, "rev-parse", "HEAD")
    if sha is None:
        return {"sha": None, "dirty": None, "diff_hash": None}
    difference = _git(root, "diff", "HEAD") or ""
    digest = hashlib.sha256(difference.encode()).hexdigest()[:12] if difference else None
    return {"sha": sha, "dirty": bool(difference), "diff_hash": digest}


def versions() -> dict[str, str | None]:
    """The interpreter and the packages that can change a result."""
    found: dict[str, str | None] = {"bitterbench": VERSION, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def hardware(device: Device) -> dict[str, Any]:
    """The device, the processor and the runtime, a fingerprint of the three, and the details."""
    runtime = torch.version.hip or torch.version.cuda if device.kind != "cpu" else None
    facts = {
        "device": device.kind,
        "device_name": device.name,
        "device_count": device.count,
        "device_memory_bytes": device.memory_bytes,
        "cpu_model": cpu_model(),
        "cpu_cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        # The major number: a driver's patch release is the same machine.
        "runtime": runtime.split(".")[0] if runtime else None,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return facts | {"fingerprint": digest[:12], "details": _details(device)}


def _details(device: Device) -> dict[str, Any]:
    """Facts for people, outside the fingerprint; null is unknown or does not apply."""
    details: dict[str, Any] = {
        "host_memory_bytes": host_memory_bytes(),
        "cpu_instructions": torch.backends.cpu.get_cpu_capability(),
        # Its own flag: a processor with AVX512 may lack it, and then emulates bfloat16.
        "cpu_bfloat16": torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported(),
    }
    if device.kind == "cpu":
        return details
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    return details | {
        # Of an AMD GPU the architecture has a name ("gfx942"), and no such number.
        "capability": properties.gcnArchName
        if torch.version.hip
        else f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "runtime_version": torch.version.hip or torch.version.cuda,
        "cudnn_version": torch.backends.cudnn.version(),
        **asdict(open_monitor(device).facts()),
    }


def start_of_run(root: Path) -> dict[str, Any]:
    """What is known before anything else is."""
    return {
        "git": git_state(root),
        "argv": sys.orig_argv[1:],
        "versions": versions(),
        "host": socket.gethostname(),
    }


def _git(root: Path, *arguments: str) -> str | None:
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            timeout=10,
            check=True,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
