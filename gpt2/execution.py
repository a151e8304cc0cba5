"""What gpt2/speed.py decided, carried out in PyTorch.

One optimizer step runs in two scopes:

    with step_scope(speed, device):            # once, around all micro-batches
        for each micro-batch:
            with forward_scope(speed, device): # around the forward pass alone
                loss = loss_of(rows)
            loss.backward()
    optimizer.step()                           # outside of both

Autocast casts a weight once in each outermost scope and keeps the cast until that scope ends. So
the outer one lets all micro-batches share it, and must have ended before the weights change.
"""

import importlib.util
import os
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from gpt2.components.attention import Form
from gpt2.model import GPT
from gpt2.reciprocal.eviction import EvictingAttention
from gpt2.speed import Facts, Speed, SpeedError
from lib.allocator import can_keep_freed_memory, keep_freed_memory
from lib.cpu import usable_cores
from lib.device import Device, compute_capability, has_bfloat16
from lib.optimizers.eager import do_without_compiler

KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}
NAMES = {backend.value: name for name, backend in KERNELS.items()}

# Triton's own limit: Volta.
OLDEST_CAPABILITY = (7, 0)

Loss = Callable[[Tensor], Tensor]


def find_facts(device: Device, environment: Mapping[str, str]) -> Facts:
    """Ask the device and the process what `resolve` wants to know."""
    return Facts(
        kind=device.kind,
        name=str(device),
        has_bfloat16=has_bfloat16(device),
        capability=compute_capability(device),
        cudnn=torch.backends.cudnn.version() if device.kind == "cuda" else None,
        compile_obstacle=compile_obstacle(device, environment),
        cores=usable_cores(),
        omp_num_threads=environment.get("OMP_NUM_THREADS"),
        can_keep_memory=can_keep_freed_memory(),
    )


def compile_obstacle(device: Device, environment: Mapping[str, str]) -> str | None:
    """Why torch.compile cannot work on this device; None where it can."""
    if device.kind == "cpu":
        compiler = environment.get("CXX", "g++")
        if shutil.which(compiler, path=environment.get("PATH")) is None:
            return f"it needs a C++ compiler, and there is no {compiler}"
        return None
    if importlib.util.find_spec("triton") is None:
        return "it needs the Python package triton, which is missing"
    capability = compute_capability(device)
    if capability is not None and capability < OLDEST_CAPABILITY:
        return f"Triton needs compute capability 7.0, this GPU has {capability[0]}.{capability[1]}"
    return None


def set_up(speed: Speed, compile_cache: Path) -> None:
    """The switches that belong to the whole process.

    `compile_cache`: where compiled kernels are kept between runs, unless the environment names
    another place. Set it up before the model is built.
    """
    torch.set_num_threads(speed.threads)
    torch.backends.cuda.matmul.fp32_precision = "tf32" if speed.tf32 else "ieee"
    if speed.keep_freed_memory:
        keep_freed_memory()
    if speed.compile:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(compile_cache))
    else:
        do_without_compiler()


def prepare_model(model: GPT, speed: Speed) -> None:
    """Let the model compute as decided; its weights and their names stay what they are."""
    form: Form = speed.attention
    model.use_attention(form)
    model.logit_rows = speed.logit_rows


def loss_function(model: GPT, speed: Speed) -> Loss:
    """What a training step calls with its rows [B, T + 1]: the model's loss, or that compiled.

    Shapes are static, so only micro-batches of one size may be given to it. Evaluation, whose last
    window is shorter, keeps to `model.loss`.
    """
    if not speed.compile:
        return model.loss
    return torch.compile(model.loss, dynamic=False, mode=speed.compile_mode)


class Scope(AbstractContextManager[None]):
    """Several contexts as one, which can be entered again and again but not within itself."""

    def __init__(self, *contexts: Callable[[], AbstractContextManager[object]]) -> None:
        self._contexts = contexts
        self._open = ExitStack()

    def __enter__(self) -> None:
        self._open = ExitStack()
        for context in self._contexts:
            self._open.enter_context(context())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()


def step_scope(speed: Speed, device: str) -> Scope:
    """Around all micro-batches of a step: the attention kernel, and one cast of each weight."""
    contexts = _kernel_contexts(speed)
    if speed.dtype == "bfloat16":
        # Not enabled: it only holds the cache, and the backward pass runs as autograd wants it.
        contexts.append(lambda: torch.autocast(device, enabled=False))
    return Scope(*contexts)


def forward_scope(speed: Speed, device: str) -> Scope:
    """Around one forward pass, inside of `step_scope`."""
    return Scope(*_autocast_contexts(speed, device))


def evaluation_scope(speed: Speed, device: str) -> Scope:
    """Around a forward pass without gradients, by itself."""
    return Scope(*_kernel_contexts(speed), *_autocast_contexts(speed, device))


def _kernel_contexts(speed: Speed) -> list[Callable[[], AbstractContextManager[object]]]:
    if not speed.attention_kernels:
        return []
    # About 0.06 ms each time: once a step, not once a layer.
    backends = [KERNELS[name] for name in speed.attention_kernels]
    return [lambda: sdpa_kernel(backends, set_priority=True)]


def _autocast_contexts(
    speed: Speed, device: str
) -> list[Callable[[], AbstractContextManager[object]]]:
    if speed.dtype == "float32":
        return []
    return [lambda: torch.autocast(device, dtype=torch.bfloat16)]


def attention_in_use(model: GPT, speed: Speed, device: str) -> str:
    """What computes the attention of a training step: a kernel of PyTorch, "blocked" or "plain".

    PyTorch tells what it would take, so that a choice of its own is known too. Kernels that an
    option names are tried, forward and backward, without touching a random stream.
    Raises SpeedError where they cannot do it.
    """
    if any(isinstance(module, EvictingAttention) for module in model.modules()):
        return "evicting"
    if speed.attention != "fused":
        return speed.attention
    shape = model.shape
    heads = (1, shape.n_head, shape.block_size, shape.n_embd // shape.n_head)
    dtype = torch.bfloat16 if speed.dtype == "bfloat16" else torch.float32
    q, k, v = (torch.zeros(heads, dtype=dtype, device=device, requires_grad=True) for _ in range(3))
    # PyTorch warns once for each kernel that it rules out.
    with step_scope(speed, device), untouched_random_streams(device), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            name = NAMES[torch._fused_sdp_choice(q, k, v, None, shape.dropout, True)]
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=shape.dropout, is_causal=True)
            y.sum().backward()
        except RuntimeError as error:
            raise SpeedError(
                f"ATTENTION={'/'.join(speed.attention_kernels)} cannot work here, with "
                f"{speed.dtype}, dropout {shape.dropout:g} and heads of {heads[-1]} channels: "
                f"{str(error).splitlines()[0]} Take ATTENTION=auto."
            ) from error
    return name


def untouched_random_streams(device: str) -> AbstractContextManager[None]:
    """Inside, random numbers may be drawn; afterwards every stream stands where it stood."""
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    return torch.random.fork_rng(devices=devices)


def rehearse(loss: Loss, model: GPT, micro_batch: int, speed: Speed, device: str) -> float:
    """One forward and backward pass over made-up tokens; the seconds it took.

    What compiles or is tuned at the first call does so here and not in the first step. It leaves
    nothing behind: no gradient, no random number drawn. Raises SpeedError if compiling fails.
    """
    start = time.perf_counter()
    rows_BT1 = torch.zeros(
        (micro_batch, model.shape.block_size + 1), dtype=torch.int64, device=device
    )
    assert all(parameter.grad is None for parameter in model.parameters())
    try:
        with untouched_random_streams(device), step_scope(speed, device):
            with forward_scope(speed, device):
                value = loss(rows_BT1)
            value.backward()
    except _compile_errors(speed) as error:
        raise SpeedError(
            f"torch.compile failed: {str(error).strip().splitlines()[0]} "
            "COMPILE=off trains without it."
        ) from error
    finally:
        model.zero_grad(set_to_none=True)
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _compile_errors(speed: Speed) -> tuple[type[Exception], ...]:
    if not speed.compile:
        return ()
    # Two seconds of import, which only a run that compiles has spent anyway.
    from torch._dynamo.exc import TorchDynamoException

    return (TorchDynamoException,)
