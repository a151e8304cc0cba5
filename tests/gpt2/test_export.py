"""The command: from a run to a folder that transformers loads."""

import json

import pytest
import torch

from gpt2 import export
from lib.cli import guarded
from tests.gpt2.exchange.models import same_bits, tokens


@pytest.fixture
def command(command_of):
    """command(*arguments) with FORMAT=hf."""
    call = command_of(export.main)
    return lambda *arguments: call("--format", "hf", *arguments)


def loaded(folder):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.mark.parametrize("preset", ["gpt2", "llama"])
def test_a_run_goes_out(command, planned, save, preset):
    made = planned("bytes", ARCH_PRESET=preset)
    with torch.no_grad():
        made.model.blocks[0].attention.qkv.weight[:5] = 0
    save(made)
    status, output, errors = command("--run", made.run.name[:-3])
    folder = made.run.path / "export-hf"
    assert (status, output) == (0, f"{folder}\n")
    assert "transformers has none for tokens of the kind bytes" in errors
    assert f"{made.run.name}, step 20 (final.pt), as " in errors
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    shown = tokens(made.model.shape)
    with torch.no_grad():
        difference = made.model(shown) - loaded(folder)(shown).logits
    assert difference.abs().max() <= 2e-5
    card = (folder / "README.md").read_text()
    zeros = 5 * made.model.shape.n_embd
    for fact in (
        made.run.name,
        made.config.hash,
        "step | 20 (2,560",
        "3.5000 nats",
        f"{zeros:,} of",
    ):
        assert fact in card, fact


def test_what_goes_out_comes_in(command, planned, save, taken_from):
    """Vocabulary that pads included: 65 tokens in 128 rows."""
    made = planned("char", VOCAB_MULTIPLE=128)
    save(made)
    assert command("--run", "custom")[0] == 0
    folder = made.run.path / "export-hf"
    assert json.loads((folder / "config.json").read_text())["vocab_size"] == 128
    assert same_bits(taken_from(folder, made), made.model)
    # What a token is, somebody must be able to find out.
    assert repr(made.manifest.tokenizer.characters) in (folder / "README.md").read_text()


@pytest.fixture
def taken_from():
    from gpt2.exchange.initial import initial_weights
    from gpt2.model import GPT

    def take(folder, planned):
        settings = planned.settings | {"INIT_FROM": str(folder)}
        model = GPT(planned.model.shape)
        initial_weights(settings, planned.manifest, print)(model)
        return model

    return take


def test_gpt2_s_tokens_go_along(command, planned, save, merges_mirror):
    transformers = pytest.importorskip("transformers")
    made = planned("gpt2", mirror=merges_mirror)
    save(made)
    assert command("--run", "custom")[0] == 0
    folder = made.run.path / "export-hf"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prompt = "7 and 8 make 15.\n"
    assert tokenizer.decode(tokenizer(prompt)["input_ids"]) == prompt
    values = json.loads((folder / "config.json").read_text())
    assert (values["bos_token_id"], values["eos_token_id"]) == (50256, 50256)
    model = loaded(folder)
    written = model.generate(
        **tokenizer(prompt, return_tensors="pt"), max_new_tokens=3, do_sample=False, pad_token_id=0
    )
    assert written.shape[1] == len(tokenizer(prompt)["input_ids"]) + 3


def test_the_place_and_the_checkpoint_can_be_named(command, planned, save, tmp_path, monkeypatch):
    made = planned("bytes")
    save(made)
    with torch.no_grad():
        made.model.head.weight += 1
    save(made, "best.pt", step=10)
    out = tmp_path / "deep" / "out"
    assert command("--run", "custom", "--checkpoint", "best", "--out", str(out))[0] == 0
    assert "best.pt, SHA-256" in (out / "README.md").read_text()
    monkeypatch.chdir(tmp_path)
    assert command("--run", "custom", "--out", "near")[1] == f"{tmp_path / 'near'}\n"
    one, other = ((p / "model.safetensors").read_bytes() for p in (out, tmp_path / "near"))
    assert one != other


@pytest.mark.parametrize(
    ("options", "arguments", "status", "sentence"),
    [
        ({}, ["--run", "lion"], 2, "RUN=lion fits no run"),
        ({}, ["--run", "custom", "--checkpoint", "step-7.pt"], 66, "no checkpoint 'step-7.pt'"),
        ({}, ["--run", "custom", "--dtype", "bfloat16"], 2, "DTYPE changes nothing in an export"),
        ({}, ["--run", "custom", "--seed", "3"], 2, "--seed does not concern this command"),
        ({}, ["--run", "custom", "--out", "/dev/null"], 2, "/dev/null is there already"),
        (
            {"ARCH_PRESET": "custom", "NORM_POSITION": "post"},
            ["--run", "custom"],
            2,
            "GPT2LMHeadModel, which does not have NORM_POSITION=post",
        ),
        ({"ARCH_PRESET": "hybrid"}, ["--run", "custom"], 2, "POSITION_ENCODING=rope"),
    ],
)
def test_a_mistake_is_one_sentence(command, planned, save, options, arguments, status, sentence):
    made = planned("bytes", **options)
    save(made)
    before = sorted(made.run.path.rglob("*"))
    actual, output, errors = command(*arguments)
    assert (actual, output) == (status, "")
    assert sentence in errors
    assert "Traceback" not in errors
    assert sorted(made.run.path.rglob("*")) == before


@pytest.mark.parametrize("arguments", [["--run", "a"], ["--run", "a", "--format", "gguf"]])
def test_the_format_is_asked_for(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        guarded(export.main, arguments)
    assert caught.value.code == 2
    assert "--format" in capsys.readouterr().err
