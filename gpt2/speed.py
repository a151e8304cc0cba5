"""What decides how fast a run trains, resolved once from the options and the device.

Most options of the menu "Speed" have an automatic value, because the device is known only when the
run starts. `resolve` is the only place that turns them into decisions: a pure function, so that
what happens on a GPU is tested without one. An option that the device cannot honour is an error; a
decision that differs from what someone might expect is a note. Both ends are for people:
`Speed.describe` goes to the log and `Speed.summary` to summary.json.

Knows no torch; gpt2/execution.py carries out what is decided here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# cuDNN's attention is 1.7 to 2.3 times as fast as flash on these, and slower elsewhere (stated by
# others, not measured here): Hopper and the data centre parts of Blackwell.
CUDNN_CAPABILITIES = ((9, 0), (10, 0))
# The release after which PyTorch itself prefers it: 9.15.1, as cudnnGetVersion writes it.
OLDEST_CUDNN = 91501

# The longest context at which blocked attention was measured. What it keeps for the backward pass
# grows with the square of the context.
LONGEST_BLOCKED = 2048

# Float32 logits that a GPU holds at a time where LOSS_CHUNKS is 0. With the copies that a loss
# makes of them about 5 GiB at most; the parts are then 8192 rows at V = 50304, large enough that
# dividing costs next to nothing (stated: 8 parts of 65536 rows, 0 to 2 %).
LOGIT_BYTES = 2 << 30

# The order in which automatic attention asks for kernels where cuDNN comes first. PyTorch takes the
# first that can do it.
CUDNN_FIRST = ("cudnn", "flash", "efficient", "math")


class SpeedError(ValueError):
    """An option of speed that this device, or another option, rules out."""

    exit_status = 69


@dataclass(frozen=True)
class Facts:
    """What the device and the process are, as far as speed is concerned."""

    kind: str
    """cpu, cuda or rocm."""
    name: str
    """For messages."""
    has_bfloat16: bool
    """In hardware; emulation does not count."""
    capability: tuple[int, int] | None
    """NVIDIA's compute capability; None elsewhere."""
    cudnn: int | None
    """The version of the runtime as one number, such as 91501; None without cuDNN."""
    compile_obstacle: str | None
    """Why torch.compile cannot work here; None where it can."""
    cores: int
    """Threads that this process can keep busy (lib/cpu.py)."""
    omp_num_threads: str | None
    """The environment's OMP_NUM_THREADS, which torchrun sets to 1 unasked."""
    can_keep_memory: bool
    """Whether the C library can be told to keep freed memory (lib/allocator.py)."""

    @property
    def is_gpu(self) -> bool:
        return self.kind != "cpu"


@dataclass(frozen=True)
class Speed:
    """The decisions. Field names are those of summary.json."""

    dtype: str
    """float32 or bfloat16."""
    tf32: bool
    attention: str
    """The form (gpt2/components/attention.py): fused, blocked or plain."""
    attention_kernels: tuple[str, ...]
    """Which of PyTorch's fused kernels may be taken, best first; empty: its own choice."""
    compile: bool
    compile_mode: str | None
    logit_rows: int | None
    """The most predictions whose logits exist at a time; None: all of a micro-batch."""
    threads: int
    keep_freed_memory: bool
    freeze_garbage: bool
    fit_micro_batch: bool
    notes: tuple[str, ...]
    """Sentences about decisions that are not obvious."""

    def describe(self) -> list[str]:
        """Lines for the log: what was decided, then the notes."""
        kernels = f" ({', '.join(self.attention_kernels)})" if self.attention_kernels else ""
        mode = f" ({self.compile_mode})" if self.compile_mode else ""
        parts = [
            f"{self.dtype} products" + (" (TF32)" if self.tf32 else ""),
            f"{self.attention} attention{kernels}",
            f"compiled{mode}" if self.compile else "not compiled",
            f"{self.threads} thread{'s' * (self.threads != 1)}",
        ]
        if self.logit_rows is not None:
            parts.append(f"logits of {self.logit_rows:,} tokens at a time")
        return [f"speed: {', '.join(parts)}", *(f"note: {note}" for note in self.notes)]

    def summary(self) -> dict[str, Any]:
        """For summary.json."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def resolve(settings: Mapping[str, Any], facts: Facts, vocab_size: int, micro_batch: int) -> Speed:
    """Decide. `vocab_size`: padded; `micro_batch`: sequences, as configured.

    Raises SpeedError, naming the option, what rules it out, and another value.
    """
    notes: list[str] = []
    dtype = decided_dtype(settings, facts)
    is_compiled, mode = _compile(settings, facts, notes)
    form, kernels = _attention(settings, facts, dtype, is_compiled, notes)
    return Speed(
        dtype=dtype,
        tf32=_tf32(settings, facts, notes),
        attention=form,
        attention_kernels=kernels,
        compile=is_compiled,
        compile_mode=mode,
        logit_rows=_logit_rows(settings, facts, vocab_size, micro_batch),
        threads=_threads(settings, facts, notes),
        keep_freed_memory=_keep_freed_memory(settings, facts, notes),
        freeze_garbage=settings["GC_FREEZE"],
        fit_micro_batch=settings["HYPER_PARAM"] == "auto",
        notes=tuple(notes),
    )


def decided_dtype(settings: Mapping[str, Any], facts: Facts) -> str:
    """float32 or bfloat16. Raises SpeedError."""
    wanted = settings["DTYPE"]
    if wanted == "auto":
        return "bfloat16" if facts.has_bfloat16 else "float32"
    if wanted == "bfloat16" and not facts.has_bfloat16:
        raise SpeedError(
            f"DTYPE=bfloat16 wants a device with bfloat16 arithmetic; {facts.name} has none. "
            "Take DTYPE=float32, or DTYPE=auto, which asks the device."
        )
    return wanted


def _tf32(settings: Mapping[str, Any], facts: Facts, notes: list[str]) -> bool:
    if settings["TF32_ALLOWED"] and not facts.is_gpu:
        notes.append("TF32_ALLOWED=y changes nothing: a processor has no TensorFloat-32")
    return settings["TF32_ALLOWED"] and facts.is_gpu


def _compile(
    settings: Mapping[str, Any], facts: Facts, notes: list[str]
) -> tuple[bool, str | None]:
    wanted, obstacle = settings["COMPILE"], facts.compile_obstacle
    if wanted == "off" or (wanted == "auto" and not facts.is_gpu):
        return False, None
    if obstacle is None:
        return True, "max-autotune-no-cudagraphs" if wanted == "tuned" else None
    if wanted == "auto":
        notes.append(f"COMPILE=auto runs uncompiled: {obstacle}")
        return False, None
    raise SpeedError(f"COMPILE={wanted} cannot work here: {obstacle}. Take COMPILE=off.")


def _attention(
    settings: Mapping[str, Any], facts: Facts, dtype: str, is_compiled: bool, notes: list[str]
) -> tuple[str, tuple[str, ...]]:
    """The form, and the fused kernels that may be taken."""
    if settings["ATTENTION_BACKEND"] == "manual":
        return "plain", ()
    wanted, has_dropout = settings["ATTENTION"], settings["DROPOUT"] > 0
    if wanted != "auto":
        reason = _attention_obstacle(wanted, facts, has_dropout, is_compiled)
        if reason is not None:
            raise SpeedError(f"ATTENTION={wanted} cannot work here: {reason}. Take ATTENTION=auto.")
        return ("blocked", ()) if wanted == "blocked" else ("fused", (wanted,))
    if not facts.is_gpu:
        is_short = settings["BLOCK_SIZE"] <= LONGEST_BLOCKED
        if dtype == "bfloat16" and is_short and not is_compiled:
            return "blocked", ()
        if has_dropout:
            notes.append(
                "attention forms the whole score matrix while training: PyTorch's fused kernel for "
                "processors has no dropout"
            )
        return "fused", ()
    has_cudnn = facts.cudnn is not None and facts.cudnn >= OLDEST_CUDNN
    # Flash has a deterministic backward pass; of cuDNN's nothing is promised.
    is_free = not settings["DETERMINISTIC"] and not has_dropout and dtype == "bfloat16"
    if facts.kind == "cuda" and facts.capability in CUDNN_CAPABILITIES and has_cudnn and is_free:
        return "fused", CUDNN_FIRST
    return "fused", ()


def _attention_obstacle(
    wanted: str, facts: Facts, has_dropout: bool, is_compiled: bool
) -> str | None:
    """Why this kernel cannot be taken; None where only a trial can tell."""
    if wanted == "blocked":
        if facts.is_gpu:
            return "blocks are for processors, a GPU has faster kernels"
        if is_compiled:
            return "blocks are not compiled, set COMPILE=off"
    elif wanted == "cudnn" and facts.kind != "cuda":
        return f"cuDNN is for NVIDIA GPUs, not for {facts.name}"
    elif wanted == "efficient" and not facts.is_gpu:
        return "this kernel is for GPUs"
    elif wanted == "flash" and has_dropout and not facts.is_gpu:
        return "on a processor it has no dropout, set DROPOUT=0"
    return None


def _logit_rows(
    settings: Mapping[str, Any], facts: Facts, vocab_size: int, micro_batch: int
) -> int | None:
    chunks = settings["LOSS_CHUNKS"]
    tokens = micro_batch * settings["BLOCK_SIZE"]
    if chunks > 1:
        return -(-tokens // chunks)
    if chunks == 1 or not facts.is_gpu:
        return None
    # A power of two, which divides most micro-batches: every part then has one shape.
    rows = 1 << max(0, (LOGIT_BYTES // (4 * vocab_size)).bit_length() - 1)
    return rows if rows < tokens or settings["HYPER_PARAM"] == "auto" else None


def _keep_freed_memory(settings: Mapping[str, Any], facts: Facts, notes: list[str]) -> bool:
    # With a GPU the host holds next to nothing of a step.
    if not settings["KEEP_FREED_MEMORY"] or facts.is_gpu:
        return False
    if not facts.can_keep_memory:
        notes.append("KEEP_FREED_MEMORY=y changes nothing: the C library is not glibc")
    return facts.can_keep_memory


def _threads(settings: Mapping[str, Any], facts: Facts, notes: list[str]) -> int:
    threads = settings["CPU_THREADS"] or facts.cores
    asked = facts.omp_num_threads
    if asked is not None and asked != str(threads):
        notes.append(
            f"OMP_NUM_THREADS={asked} of the environment decides nothing: "
            f"CPU_THREADS={settings['CPU_THREADS']} makes {threads}"
        )
    return threads
