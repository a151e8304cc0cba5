"""Keep the memory that a process frees, instead of handing it back to the system at each step.

A training step frees its gradients and activations and takes as much again in the next one. The
C library of Linux (glibc) gives every block above 32 MiB, and often smaller ones, back to the
kernel at once; taking it again means a page fault for every 4 KiB, and the kernel clears each page
first. At 124M parameters that was 21 % of a bfloat16 step on two cores (docs/speed.md).

`mallopt` (man 3 mallopt) tells glibc to serve every block from the heap and never to shrink it.
The bits that are computed do not change; the process keeps its peak of memory between steps.
"""

import ctypes

# Names and numbers of <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4

NEVER = -1  # of M_TRIM_THRESHOLD: the heap is never shrunk


def can_keep_freed_memory() -> bool:
    """Whether the C library is glibc: others (musl, macOS) have no such settings."""
    return hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


def keep_freed_memory() -> None:
    """Keep freed memory from now on; only where `can_keep_freed_memory`.

    It holds for the whole process and cannot be undone: what is measured beside it in one process
    has it too.
    """
    assert can_keep_freed_memory()
    library = ctypes.CDLL(None)
    for parameter, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER)):
        was_understood = library.mallopt(parameter, value)
        assert was_understood, f"mallopt({parameter}, {value})"
