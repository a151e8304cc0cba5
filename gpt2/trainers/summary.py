"""What a run leaves for the report: summary.json, put together from what the trainer measured.

A value that was not measured is null, never 0.
"""

from dataclasses import asdict
from typing import Any

import torch

from gpt2.budget import most_steps, shape_key, tokens_per_step, total_seconds
from gpt2.cost import model_flops
from gpt2.shape import architecture_name
from gpt2.trainers.base import BaseGPT2Trainer
from lib.anatomy import FORWARD_BACKWARD, overhead_s
from lib.arms import architecture_label, target_sparsity
from lib.memory import memory_split, process_memory, rest_bytes
from lib.pruning import SparsityReport
from lib.throughput import throughput


def describe_run(run: str, config_hash: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The part of a summary that is known before the run starts."""
    return {
        "run": run,
        "config_hash": config_hash,
        "model": settings["MODEL"],
        "architecture": architecture_label(settings),
        "dataset": settings["DATASET"],
        "optimizer": settings["OPTIMIZER"],
        "pruning": {
            "method": settings["PRUNING_METHOD"],
            "variant": settings["ADAMWPRUNE_VARIANT"],
            "target_sparsity": target_sparsity(settings),
        },
        "seed": settings["SEED"],
        "budget": _budget(settings),
        "shape": shape_key(settings),
    }


def _budget(settings: dict[str, Any]) -> dict[str, float | int | None] | None:
    """The seconds of training that ended the run, and its limit of steps; None for a run of so many
    steps or epochs."""
    seconds = total_seconds(settings)
    return None if seconds is None else {"seconds": seconds, "most_steps": most_steps(settings)}


def describe_training(trainer: BaseGPT2Trainer) -> dict[str, Any]:
    """The measured part of a summary."""
    final = trainer.last_evaluation
    split = trainer.dataset.manifest.split("validation")
    sparsity = trainer.pruner.report()
    total = sum(parameter.numel() for parameter in trainer.parameters)
    return {
        "architecture_name": architecture_name(trainer.model.shape),
        "tokens": trainer.tokens,
        "steps": trainer.step,
        "epochs": trainer.tokens / len(trainer.dataset.train),
        "val_loss": final and final.loss,
        "val_perplexity": final and final.perplexity,
        "val_bits_per_byte": final and final.bits_per_byte(split.tokens, split.bytes),
        "val_tokens": final and final.tokens,
        "val_best": trainer.best,
        "params": {
            "total": total,
            "prunable": sparsity.prunable_total,
            "nonzero": total - sparsity.pruned_total,
        },
        "pruning": _achieved(sparsity, total),
        "spikes": _spikes(trainer),
        "speed": trainer.speed.summary() | {"attention_in_use": trainer.attention},
        "batch": asdict(trainer.batch),
        "time": _times(trainer),
        "memory": _memory(trainer),
        "throughput": _throughput(trainer, sparsity),
        **trainer.extra_summary(),
    }


def _achieved(sparsity: SparsityReport, total: int) -> dict[str, Any]:
    return {
        "achieved_sparsity": sparsity.achieved,
        "achieved_sparsity_all": sparsity.pruned_total / total,
        "per_tensor": sparsity.per_tensor,
    }


def _spikes(trainer: BaseGPT2Trainer) -> dict[str, float] | None:
    """The gradient spikes that this run was given on purpose; None for an undisturbed run."""
    spikes = trainer.training_step.spikes
    if spikes is None:
        return None
    return {"factor": spikes.factor, "injected": spikes.number(trainer.step)}


def _memory(trainer: BaseGPT2Trainer) -> dict[str, int | None]:
    split = memory_split(trainer.parameters, trainer.optimizer, trainer.pruner)
    own = process_memory(torch.device(trainer.device.torch_name))
    return {
        "peak_allocated_bytes": own.peak_allocated_bytes,
        "peak_reserved_bytes": own.peak_reserved_bytes,
        "peak_rss_bytes": own.peak_rss_bytes,
        **asdict(split),
        "rest_bytes": rest_bytes(own.peak_allocated_bytes, own.peak_rss_bytes, split),
    }


def _throughput(trainer: BaseGPT2Trainer, sparsity: SparsityReport) -> dict[str, Any]:
    return asdict(
        throughput(
            tokens_per_s=_tokens_per_s(trainer),
            flops=model_flops(trainer.model, trainer.settings["BLOCK_SIZE"]),
            device_name=trainer.device.name,
            matmul=trainer.matmul,
            zero_weights=sparsity.pruned_total,
        )
    )


def _tokens_per_s(trainer: BaseGPT2Trainer) -> float | None:
    """Over the steps after the warm-up, so that it belongs to the median step time."""
    durations = trainer.step_times.warmed_up()
    return (
        len(durations) * tokens_per_step(trainer.settings) / sum(durations) if durations else None
    )


def _times(trainer: BaseGPT2Trainer) -> dict[str, float | None]:
    seconds = trainer.clock.seconds
    return {
        "total_s": trainer.clock.total_s(),
        "startup_s": seconds.get("startup"),
        "train_s": seconds.get("train"),
        "eval_s": seconds.get("eval"),
        "data_s": seconds.get("data"),
        "checkpoint_s": seconds.get("checkpoint", 0.0),
        "compile_s": seconds.get("compile"),
        "step_ms_median": trainer.step_times.quantile_ms(0.5),
        "step_ms_p95": trainer.step_times.quantile_ms(0.95),
        "optimizer_s": seconds.get("optimizer"),
        "optimizer_ms_median": trainer.optimizer_times.quantile_ms(0.5),
        "prune_ms_total": 1e3 * seconds.get("prune", 0.0),
        "forward_backward_s": seconds.get(FORWARD_BACKWARD),
        "log_s": seconds.get("log"),
        "overhead_s": overhead_s(seconds),
        "device_wait_s": seconds.get("device_wait"),
    }
