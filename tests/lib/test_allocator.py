"""In processes of their own: the setting cannot be undone."""

import subprocess
import sys

import pytest

from lib.allocator import can_keep_freed_memory
from lib.cli import ROOT

# 64 MiB taken, written and freed as often as a training step would.
CODE = """
import ctypes, resource, sys
from lib.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
size = 64 << 20
def use():
    block = library.malloc(ctypes.c_size_t(size))
    ctypes.memset(block, 1, size)
    library.free(ctypes.c_void_p(block))
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
before = faults()
for _ in range(4):
    use()
print((faults() - before) * resource.getpagesize() / (4 * size))
"""


def refaulted(mode):
    """The share of the memory that the system handed out anew, page by page."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, mode], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(not can_keep_freed_memory(), reason="the C library is not glibc")
def test_freed_memory_is_used_again_without_asking_the_system():
    assert refaulted("keep") < 0.01
    # The control: else this measures nothing. Huge pages would be fewer faults, never so few.
    assert refaulted("leave") > refaulted("keep")
