"""`python -m scripts bench.attention`: causal self-attention, forward and backward, by its forms.

Each form against what PyTorch chooses by itself, interleaved; the choice first against itself, as
the control. What ATTENTION=auto does on a processor rests on this table (docs/speed.md).
"""

import argparse
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import date

import torch
from torch import Tensor
from torch.nn.attention import sdpa_kernel

from gpt2.components.attention import Form, attend
from gpt2.execution import KERNELS
from lib.allocator import can_keep_freed_memory, keep_freed_memory
from lib.cli import guarded
from lib.cpu import cpu_model
from lib.device import find_device
from scripts.bench.timing import Pace, PhaseClock, Step, compare
from scripts.docs.tables import table

HEADER = ("sequences x heads x tokens x channels", "arithmetic", "form", "ms", "ratio", "95 %")
SHAPES = (
    *((12, 4, 64, 32), (16, 4, 128, 32), (16, 6, 256, 64), (1, 12, 512, 64)),
    *((2, 12, 1024, 64), (1, 12, 2048, 64)),
)
DTYPES = (torch.float32, torch.bfloat16)
# The form, and the kernel if it is one of PyTorch's fused ones.
FORMS: dict[str, tuple[Form, str | None]] = {
    "control": ("fused", None),
    "math": ("fused", "math"),
    "blocked": ("blocked", None),
    "plain": ("plain", None),
}
GPU_FORMS: dict[str, tuple[Form, str | None]] = {
    "control": ("fused", None),
    **{name: ("fused", name) for name in KERNELS},
}
PACE = Pace(seconds=4.0, fewest_rounds=5, most_rounds=9, block_ms=100.0)
QUICK = Pace(seconds=0.01, fewest_rounds=1, most_rounds=1, block_ms=1.0)


def attention_step(
    shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device, form: str
) -> Step:
    """One forward and backward pass."""
    sequences, heads, tokens, size = shape
    kind, kernel = FORMS[form] if device.type == "cpu" else GPU_FORMS[form]
    generator = torch.Generator(device).manual_seed(0)

    def random(parts: int) -> Tensor:
        of_token = (sequences, tokens, parts, heads, size)
        return torch.randn(of_token, device=device, generator=generator).to(dtype)

    # As a projection leaves them: each token's queries, keys and values of all heads in a row.
    qkv, dy = random(3).requires_grad_(), random(1)[:, :, 0].transpose(1, 2)

    def step(clock: PhaseClock) -> None:
        clock.start()
        q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
        attend(q, k, v, kind, 0.0).backward(dy)
        clock.mark()
        qkv.grad = None

    if kernel is None:
        return step

    def step_with_kernel(clock: PhaseClock) -> None:
        with sdpa_kernel(KERNELS[kernel]):
            step(clock)

    return step_with_kernel


def rows(device: torch.device, pace: Pace, shapes: Sequence[tuple]) -> Iterator[tuple[str, ...]]:
    forms = FORMS if device.type == "cpu" else GPU_FORMS
    for shape in shapes:
        for dtype in DTYPES:
            first = attention_step(shape, dtype, device, "control")
            for form in forms:
                try:
                    found = compare(first, attention_step(shape, dtype, device, form), device, pace)
                except RuntimeError:
                    # A kernel that has no such dtype: not a row of zeros, no row.
                    continue
                ratio = found.ratio((0,), (0,))
                interval = "-" if ratio.low is None else f"{ratio.low:.2f} to {ratio.high:.2f}"
                yield (
                    " x ".join(map(str, shape)),
                    str(dtype).removeprefix("torch."),
                    form,
                    f"{found.second_ms[0]:.3g}",
                    f"{ratio.median:.2f}",
                    interval,
                )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.attention", description=__doc__)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or rocm")
    parser.add_argument("--threads", type=int, default=1, help="of a processor")
    parser.add_argument("--quick", action="store_true", help="one shape; numbers mean nothing")
    options = parser.parse_args(arguments)
    device = torch.device(find_device(options.device, 0).torch_name)
    torch.set_num_threads(options.threads)
    if device.type == "cpu" and can_keep_freed_memory():
        keep_freed_memory()
    where = cpu_model() if device.type == "cpu" else torch.cuda.get_device_name(device)
    found = []
    for row in rows(device, QUICK if options.quick else PACE, SHAPES[: 1 if options.quick else 99]):
        print("  ".join(row), flush=True)
        found.append(row)
    print(
        f"\nMeasured on {date.today():%Y-%m-%d} on {where}, {options.threads} thread(s); PyTorch "
        f"{torch.__version__}, Python {platform.python_version()}.\n\n{table(HEADER, found)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
