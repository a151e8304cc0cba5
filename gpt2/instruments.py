"""The instruments of a run, from its options: what the trainer opens, reads and says.

Everything here can be left out without changing a bit of the training.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from gpt2.banner import ExpectedFacts, HardwareFacts, ModelFacts, RunFacts, TrainingFacts
from gpt2.budget import (
    BY_SHARE,
    micro_batch,
    most_steps,
    tokens_per_step,
    total_seconds,
    warmup_steps,
)
from gpt2.cost import model_flops
from gpt2.datasets.shards import Dataset
from gpt2.memory_need import GPU, HOST
from gpt2.model import GPT
from gpt2.shape import architecture_name
from gpt2.sizes import FLOAT32_BYTES, disk_need, optimizer_numbers
from lib.arms import architecture_label
from lib.cpu import cpu_model
from lib.device import Device
from lib.flops import CAUSAL, PALM, RANKED, ModelFlops
from lib.gpu import Monitor
from lib.gradients import GradientMonitor
from lib.host_memory import Memory, host_memory
from lib.matmul import MatmulRate, measure_matmul
from lib.memory import MemoryNow, MemorySplit, memory_now
from lib.optimizers.groups import NamedParameters
from lib.peaks import find_peak, why_no_mfu
from lib.throughput import tokens_per_s_at


def measured_matmul(settings: Mapping[str, Any], device: Device) -> MatmulRate | None:
    """The in-run matrix product; None where the option says no.

    Before the model is built and before `reset_peak`, after the threads are set.
    """
    if not settings["MEASURE_MATMUL"]:
        return None
    return measure_matmul(device.torch_name, settings["DTYPE"])


def gradient_monitor(
    settings: Mapping[str, Any], named_parameters: NamedParameters
) -> GradientMonitor | None:
    """What looks at the gradients, and the parameters, of every so many-th log line; None where the
    option says no."""
    if not settings["GRADIENT_MONITOR"]:
        return None
    return GradientMonitor(
        named_parameters,
        interval=settings["GRADIENT_INTERVAL"] * settings["LOG_INTERVAL"],
        has_histogram=settings["GRADIENT_HISTOGRAM"],
        has_parameters=settings["PARAMETER_HISTOGRAM"],
    )


def memories_of(device: Device) -> dict[str, Memory | None]:
    """What there is, by place, for `check_memory`."""
    memories = {HOST: host_memory()}
    if device.kind != "cpu":
        free, total = torch.cuda.mem_get_info()
        memories[GPU] = Memory(total, free)
    return memories


def memory_of(device: Device, split: MemorySplit, monitor: Monitor) -> MemoryNow:
    """What is taken now; `asdict` of it is a row of kind "memory"."""
    return memory_now(torch.device(device.torch_name), split, monitor.process_bytes())


def memory_row(now: MemoryNow, split: MemorySplit) -> dict[str, int | None]:
    """A row of kind "memory": at an evaluation, where the training state is as large as it gets."""
    return asdict(now) | asdict(split)


def run_facts(
    run: str,
    settings: Mapping[str, Any],
    model: GPT,
    dataset: Dataset,
    device: Device,
    steps: int | None,
    first_step: int,
    matmul: MatmulRate | None,
    split: MemorySplit,
    pruning: str,
    choices: Mapping[str, str],
) -> RunFacts:
    """What the banner says of a run that is about to begin.

    model: as built, not compiled; split: of `memory_split` before the first step, when the
    optimizer has no state; pruning: `Pruner.describe()`; choices: ways to compute the same
    ("Attention": "cuDNN").
    """
    flops = model_flops(model, settings["BLOCK_SIZE"])
    rows = model.token_embedding.num_embeddings
    return RunFacts(
        run=run,
        model=ModelFacts(
            name=settings["MODEL"],
            architecture=_architecture(settings, model),
            parameters=flops.parameters,
            block_parameters=sum(parameter.numel() for parameter in model.blocks.parameters()),
            n_layer=settings["N_LAYER"],
            n_head=settings["N_HEAD"],
            n_embd=settings["N_EMBD"],
            block_size=settings["BLOCK_SIZE"],
            vocab_size=rows,
            tokenizer_size=dataset.manifest.vocab_size,
        ),
        training=TrainingFacts(
            micro_batch=micro_batch(settings),
            accumulation=settings["GRADIENT_ACCUMULATION"],
            tokens_per_step=tokens_per_step(settings),
            steps=steps,
            by_time=time_text(settings),
            first_step=first_step,
            epochs=steps and steps * tokens_per_step(settings) / len(dataset.train),
            train_tokens=len(dataset.train),
            optimizer=settings["OPTIMIZER"],
            schedule=schedule_text(settings, steps),
            pruning=pruning,
        ),
        hardware=HardwareFacts(
            device=f"{device.name} ({device.kind})",
            memory_bytes=device.memory_bytes,
            bandwidth_tb_s=peak.bandwidth_tb_s if (peak := find_peak(device.name)) else None,
            processor=cpu_model(),
            threads=torch.get_num_threads(),
            arithmetic=settings["DTYPE"],
            choices=tuple(choices.items()),
        ),
        expected=_expected(
            flops,
            device,
            matmul,
            split,
            optimizer_bytes=FLOAT32_BYTES * optimizer_numbers(settings, rows),
            checkpoint_bytes=disk_need(settings, rows, steps, len(dataset.train)).running,
        ),
    )


def _expected(
    flops: ModelFlops,
    device: Device,
    matmul: MatmulRate | None,
    split: MemorySplit,
    *,
    optimizer_bytes: int,
    checkpoint_bytes: int,
) -> ExpectedFacts:
    peak = find_peak(device.name)
    reason = why_no_mfu(device.name)
    return ExpectedFacts(
        flops_per_token=flops.training(RANKED),
        causal_flops_per_token=flops.training(CAUSAL),
        palm_flops_per_token=flops.training(PALM),
        attention_to_feed_forward=flops.attention_to_feed_forward,
        peak_tflops=peak.bf16_tflops if peak else None,
        peak_note=reason if reason or peak is None else peak.source,
        matmul_tflops=matmul and matmul.tflops,
        matmul_size=matmul and matmul.size,
        tokens_per_s_at_half_peak=tokens_per_s_at(0.5, flops, device.name),
        weights_bytes=split.weights_bytes,
        gradients_bytes=split.gradients_bytes,
        optimizer_bytes=optimizer_bytes,
        mask_bytes=split.mask_bytes,
        checkpoint_bytes=checkpoint_bytes,
    )


def _architecture(settings: Mapping[str, Any], model: GPT) -> str:
    name = architecture_name(model.shape)
    label = architecture_label(settings)
    return name if settings["ARCHITECTURE"] == "vanilla" else f"{name}, step {label}"


def time_text(settings: Mapping[str, Any]) -> str:
    """What ends a run by time, for people; "" for a run of so many steps."""
    seconds, limit = total_seconds(settings), most_steps(settings)
    if seconds is None:
        return ""
    return f"{seconds:g} s of training" + (f" or {limit:,} steps" if limit else "")


def schedule_text(settings: Mapping[str, Any], steps: int | None) -> str:
    """The learning rate over the run, for people. steps: None for a run whose end is a time."""
    if steps is None and settings["WARMUP_STEPS"] == BY_SHARE:
        warmup, unit = settings["WARMUP_PCT"], "% of the time"
    else:
        warmup, unit = warmup_steps(settings, steps or 0), "steps"
    parts = [f"{settings['LEARNING_RATE']:g}"]
    parts.append(f"{warmup:,} {unit} of warm-up" if warmup else "no warm-up")
    parts.append(f"cosine to {settings['MIN_LR']:g}" if settings["DECAY_LR"] else "then constant")
    return ", ".join(parts)
