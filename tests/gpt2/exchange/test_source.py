"""A run that cannot begin with its weights is refused before there is a trace of it."""

import shutil
from pathlib import Path

import pytest

from gpt2 import train
from gpt2.exchange.write import write_export
from gpt2.shape import shape_of
from lib.cli import guarded
from lib.kconfig.store import save_config
from tests.gpt2.exchange.models import made


@pytest.fixture
def command(configure, tmp_path, monkeypatch, capsys):
    """command(*arguments) -> (status, output, errors) of a described run, --dry-run."""
    options = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none", "VOCAB_MULTIPLE": 64}
    configuration = configure("smoke", **options)
    save_config(tmp_path / "config", configuration, None)
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "config"))

    def call(*arguments):
        status = guarded(train.main, ["--dry-run", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_what_fits_is_planned_and_may_then_go(command, one_run, tmp_path):
    write_export(tmp_path / "model", made(shape_of(one_run(), 256)), None, {})
    status, output, _ = command("--init-from", tmp_path / "model")
    assert (status, "pending" in output) == (0, True)
    shutil.rmtree(tmp_path / "model")
    assert command("--init-from", tmp_path / "model")[0] == 66
    # Planned by `make`.
    Path(output.removesuffix(": pending\n")).mkdir(parents=True)
    # It may have begun, and then it has its weights in a checkpoint.
    assert command("--init-from", tmp_path / "model")[:2] == (status, output)


@pytest.mark.parametrize(
    ("source", "status", "sentence"),
    [
        ("gpt2", 2, "N_LAYER is 12 there and 2 here"),
        ("gpt2-medium", 2, "Set MODEL=gpt2-medium VOCAB_MULTIPLE=1."),
        ("nowhere", 66, "nowhere is not a folder. Name a folder that transformers saved"),
        ("model", 2, 'describes ["BertModel"]. Only GPT2LMHeadModel and LlamaForCausalLM'),
        ("model` x", 2, "is no path"),
    ],
)
def test_what_cannot_fit_is_a_sentence_and_nothing_is_written(
    command, tmp_path, source, status, sentence
):
    if source == "model":
        source = tmp_path / "model"
        source.mkdir()
        (source / "config.json").write_text('{"architectures": ["BertModel"]}')
    before = sorted(tmp_path.rglob("*"))
    actual, output, errors = command("--init-from", source)
    assert (actual, output) == (status, "")
    # After a line of what the command line changes.
    assert sentence in errors.splitlines()[-1]
    assert len(errors.splitlines()) == (1 if "is no path" in sentence else 2)
    assert sorted(tmp_path.rglob("*")) == before
