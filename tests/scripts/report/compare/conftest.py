"""Comparisons of invented runs: the fixtures of the report serve here as well."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lib.runs import RunDirectory
from scripts.report.compare.comparison import Comparison

NAMES = {
    "gpt2": "12L-12H-768D-Learned-LayerNorm-GELU-Pre",
    "llama": "12L-12H-768D-RoPE-RMSNorm-SwiGLU-Pre",
    "V1": "12L-12H-768D-RA8-LayerNorm-GELU-Pre",
}


@pytest.fixture
def model(spec) -> Callable[..., Any]:
    """model("llama", loss, **values): a run of an architecture; `values` by dotted name."""

    def make(architecture: str, loss: float = 1.65, seed: int = 1337, **rest: Any) -> Any:
        values = {
            "architecture": architecture,
            "architecture_name": NAMES[architecture],
            "throughput.attention_to_feed_forward": 0.75,
            "throughput.share_of_matmul": 0.2,
            "speed": {"dtype": "float32", "attention_in_use": "flash"},
        }
        rest["summary"] = values | rest.get("summary", {})
        rest["axes"] = {"ARCHITECTURE": architecture} | rest.get("axes", {})
        return spec(seed=seed, loss=loss, **rest)

    return make


@pytest.fixture
def compared(results) -> Callable[..., Comparison]:
    """compared(specs): their comparison, their folders written."""

    def make(specs: Sequence[Any]) -> Comparison:
        folders = [RunDirectory(results.run(item)) for item in specs]
        return Comparison(folders, results.root)

    return make
