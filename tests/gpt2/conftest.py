"""Runs with a checkpoint, for the tests of what is done with a trained model."""

import os
from types import SimpleNamespace

import pytest
import torch

from gpt2.architectures import model_of
from gpt2.dataset_choice import data_arguments
from gpt2.datasets import prepare
from lib.arms import settings_of
from lib.cli import ROOT, guarded
from lib.runs import RunDirectory

DENSE = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"}


@pytest.fixture(scope="session")
def merges_mirror() -> str:
    """A mirror with GPT-2's merges: the environment's DATA_MIRROR, or ../shared/data."""
    candidates = [os.environ.get("DATA_MIRROR", ""), str(ROOT.parent / "shared" / "data")]
    for candidate in candidates:
        if candidate and (ROOT / candidate / "tiktoken").is_dir():
            return str(ROOT / candidate)
    pytest.skip("no mirror with GPT-2's merges: set DATA_MIRROR to a folder that has them")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """60 kB with something to learn."""
    path = tmp_path_factory.mktemp("corpus") / "counting.txt"
    path.write_text(
        "".join(f"{number} and {number + 1} make {2 * number + 1}.\n" for number in range(2500))
    )
    return path


@pytest.fixture
def planned(configure, corpus):
    """planned(tokenizer, NAME=value, ...): a planned run, its settings, and a random model."""

    def make(tokenizer: str = "bytes", mirror: str = "", seed: int = 0, **overrides: object):
        data = {"DATASET": "custom", "CUSTOM_PATH": corpus, "CUSTOM_TOKENIZER": tokenizer}
        configuration = configure(
            "smoke", **(DENSE | data | {"DATA_MIRROR": mirror or "/none"} | overrides)
        )
        config = configuration.typed()
        settings = settings_of(configuration)
        run = RunDirectory.of(ROOT / config.RESULTS_DIR, config)
        run.freeze(configuration)
        manifest = prepare(
            **data_arguments(settings), mirror=mirror or "/none", progress=lambda line: None
        )
        model = model_of(settings, manifest.vocab_size, seed)
        return SimpleNamespace(
            run=run, settings=settings, config=config, manifest=manifest, model=model.eval()
        )

    return make


@pytest.fixture
def save():
    """save(planned, name, field=value, ...): write the model as a checkpoint of the run."""

    def write(planned, name: str = "final.pt", **changes: object):
        folder = planned.run.path / "checkpoints"
        folder.mkdir(exist_ok=True)
        payload = {
            "schema": 1,
            "kind": "weights",
            "model": planned.model.state_dict(),
            "step": 20,
            "tokens": 2560,
            "val_loss": 3.5,
            "config_hash": planned.config.hash,
            "settings": {},
            "best": None,
        }
        torch.save(payload | changes, folder / name)
        return folder / name

    return write


@pytest.fixture
def command_of(tmp_path, monkeypatch, capsys):
    """command_of(main)(*arguments) -> (status, output, errors), in a place without a `.config`."""
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "no.config"))
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)
    place = f"--results-dir={tmp_path / 'results'}"

    def of(main):
        def call(*arguments):
            status = guarded(main, [place, *arguments])
            captured = capsys.readouterr()
            return status, captured.out, captured.err

        return call

    return of
