"""A process that saves checkpoints in forks of itself, and lets them die where it is told to.

torch is imported once; a fork costs milliseconds. Each line on stdin is a job as JSON, each line on
stdout its outcome: the status of the fork, and what it said before it ended.
"""

import contextlib
import ctypes
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import torch

import lib.checkpoint.save as save_module
from lib.checkpoint import CheckpointStore, CheckpointWriter
from lib.cli import guarded
from tests.lib.checkpoint.states import equal, make_state, make_tiers

# Each changes what is on the disk, or makes it last.
SYSTEM_CALLS = ("fsync", "replace", "rename", "unlink", "symlink")
TIERS = make_tiers(interval=3, rolling=1)
ELEMENTS = 20_000

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_call(number: int, is_after: bool, say) -> None:
    """SIGKILL just before or just after the call with that number of those above; -1: never."""
    calls = 0

    def watch(name: str) -> None:
        original = getattr(os, name)

        def watched(*arguments, **options):
            nonlocal calls
            calls += 1
            mine = calls
            say("call", name)
            if mine == number and not is_after:
                die()
            try:
                return original(*arguments, **options)
            finally:
                if mine == number and is_after:
                    die()

        setattr(os, name, watched)

    for name in SYSTEM_CALLS:
        watch(name)


def die_at_byte(number: int) -> None:
    """SIGKILL when so many bytes have been handed to the file system, over all saves."""

    class Dying(save_module._Sink):
        taken = 0

        def write(self, data):
            view = memoryview(data).cast("B")
            left = number - Dying.taken
            if view.nbytes >= left:
                super().write(view[:left])
                die()
            Dying.taken += view.nbytes
            return super().write(view)

    save_module._Sink = Dying


def save_in_a_loop(folder: Path, steps: list[int], say) -> None:
    """As a trainer does it: one live state, changed in place as soon as a save returns."""
    live = make_state(0, elements=ELEMENTS)
    with CheckpointWriter(CheckpointStore(folder), TIERS) as writer:
        for step in steps:
            now = make_state(step, elements=ELEMENTS)
            live |= {name: now[name] for name in now if name not in ("model", "optimizer")}
            for name in ("embedding", "norm"):
                live["model"][name].copy_(now["model"][name])
            for name in ("step", "exp_avg"):
                live["optimizer"][0][name].copy_(now["optimizer"][0][name])
            say("handed", step)
            writer.save(live)
            live["model"]["embedding"].fill_(-1)
            for saved in writer.finished():
                say("saved", saved.step)
        writer.wait()
        for saved in writer.finished():
            say("saved", saved.step)


def own_small_disk(folder: Path, size: str) -> None:
    """Mount a file system of that size there, seen by this process alone."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    # Not to be seen outside, also where mounts are shared by default.
    subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def fill_the_disk(folder: Path, how: str, say) -> None:
    """Saves until there is no room, and again when there is; says what is left each time.

    how: "checked" (a small disk), "racing" (the same, filled by others after the space was
    checked), "limit" (no file may be larger than so).
    """
    folder.mkdir(exist_ok=True)
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    else:
        try:
            own_small_disk(folder, "1m")
        except (OSError, subprocess.CalledProcessError) as error:
            say("cannot", str(error))
            return
        (folder / "others").write_bytes(bytes(750_000))
    if how == "racing":
        save_module.free_bytes = lambda _: 1 << 40

    def save(elements: int, steps: list[int]) -> int:
        def run(_) -> int:
            with CheckpointWriter(CheckpointStore(folder), TIERS) as writer:
                for step in steps:
                    writer.save(make_state(step, elements=elements))
            return 0

        return guarded(run, [])

    say("status", save(10_000, [1, 2]))
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        say("status", save(40_000, [3]))
    say("stderr", stderr.getvalue())
    say("files", sorted(path.name for path in folder.iterdir() if not path.is_symlink()))
    state = CheckpointStore(folder).newest_whole(lambda _: None, lambda _: None)
    say("whole", state["step"] if equal(state, make_state(2, elements=10_000)) else None)
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    else:
        (folder / "others").unlink()
    say("status", save(40_000, [3]))
    state = CheckpointStore(folder).newest_whole(lambda _: None, lambda _: None)
    say("whole", state["step"] if equal(state, make_state(3, elements=40_000)) else None)


def child(job: dict, pipe: int) -> None:
    """Do a job and never return."""

    def say(word: str, value: object) -> None:
        # One write below the size of a pipe's buffer: it is out before anything can be killed.
        os.write(pipe, (json.dumps([word, value]) + "\n").encode())

    try:
        torch.set_num_threads(1)
        folder = Path(job["folder"])
        if "full" in job:
            fill_the_disk(folder, job["full"], say)
        else:
            if "byte" in job:
                die_at_byte(job["byte"])
            if "call" in job:
                die_at_call(job["call"], job["is_after"], say)
            save_in_a_loop(folder, job["steps"], say)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def fork(job: dict) -> dict:
    """Run a job in a fork; kill it after `seconds` if the job says so."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        child(job, write)
    os.close(write)
    with os.fdopen(read) as pipe:
        lines = []
        if "seconds" in job:
            lines.append(pipe.readline())
            time.sleep(job["seconds"])
            os.kill(process, signal.SIGKILL)
        lines += pipe.readlines()
    _, status = os.waitpid(process, 0)
    said: dict[str, list] = {}
    for line in lines:
        word, value = json.loads(line)
        said.setdefault(word, []).append(value)
    return {"status": os.waitstatus_to_exitcode(status), "said": said}


if __name__ == "__main__":
    for request in sys.stdin:
        print(json.dumps(fork(json.loads(request))), flush=True)
