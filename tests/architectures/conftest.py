from collections.abc import Callable

import pytest
import torch

from gpt2.architectures import model_of
from gpt2.model import GPT
from tests.architectures.cases import CASES, SIZE, VOCABULARY


@pytest.fixture
def settings_of_case(one_run) -> Callable[..., dict]:
    """settings_of_case(name, NAME=value): the typed settings of a case."""

    def make(name: str, **overrides: object) -> dict:
        return one_run(**(SIZE | dict(CASES[name]) | overrides))

    return make


@pytest.fixture
def build(settings_of_case) -> Callable[..., GPT]:
    """build(case, seed): its model, on the processor."""

    def make(name: str, seed: int | None = 1, **overrides: object) -> GPT:
        return model_of(settings_of_case(name, **overrides), VOCABULARY, seed)

    return make


@pytest.fixture(scope="session")
def text() -> torch.Tensor:
    return torch.randint(VOCABULARY, (3, 16), generator=torch.Generator().manual_seed(0))
