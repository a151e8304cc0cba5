"""What a line of an earlier system comes to, value by value."""

import shlex

import pytest

from gpt2 import described, translate
from gpt2.described import Wish, find_run, in_our_words
from lib.arms import run_settings
from lib.cli import ROOT
from lib.kconfig.earlier import FILES, IDLE, MISSING, SAME, VALUES

NANO = {"ARCH_PRESET": "custom", "NORMALIZATION": "layernorm-nobias", "BIAS": False}
LLAMA = {"NORMALIZATION": "rmsnorm", "POSITION_ENCODING": "rope", "FFN_TYPE": "swiglu"}
LLAMA |= {"BIAS": False, "WEIGHT_TYING": False, "ACTIVATION": None}
GPT2 = {"NORMALIZATION": "layernorm", "POSITION_ENCODING": "learned-absolute", "BIAS": True}
GPT2 |= {"FFN_TYPE": "standard", "ACTIVATION": "gelu-tanh", "WEIGHT_TYING": True}


@pytest.fixture
def settings(monkeypatch, tmp_path, tree):
    """settings(line): the values of the run that it describes, on top of nanoGPT's run."""
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)
    monkeypatch.setenv("KCONFIG_CONFIG", str(ROOT / "defconfigs" / "gpt2-openwebtext"))
    for module in ("lib.current", "gpt2.described"):
        monkeypatch.setattr(f"{module}.load_tree", lambda root: tree)

    def call(line):
        words = in_our_words([*shlex.split(line), f"--results-dir={tmp_path}"])
        return run_settings(find_run(None, words, Wish()).config())

    return call


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("--compile=False", {"COMPILE": "off"}),
        ("--compile=True", {"COMPILE": "on"}),
        ("--compile 0", {"COMPILE": "off"}),
        ("--compile", {"COMPILE": "on"}),
        ("--no-compile", {"COMPILE": "off"}),
        ("--bias=True", {"BIAS": True}),
        ("--bias=yes --weight_tying=no", {"BIAS": True, "WEIGHT_TYING": False}),
        ("--weight_tying 0 --qk_norm 1", {"WEIGHT_TYING": False, "QK_NORM": True}),
        ("--wandb_log=True --wandb_project=a", {"TRACKER_WANDB": True, "TRACKER_PROJECT": "a"}),
        ("config/full_gpt2_124m.py", {"ARCH_PRESET": "gpt2", "MAX_ITERS": 600_000, **GPT2}),
        ("config/full_gpt2_124m.py --max_iters=100", {"MAX_ITERS": 100, "WARMUP_STEPS": 0}),
        ("config/full_gpt2_124m.py --max_iters=6000", {"WARMUP_STEPS": 20}),
        ("config/full_gpt2_124m.py --position_encoding=rope", GPT2 | {"POSITION_ENCODING": "rope"}),
        (
            "config/full_gpt2_124m.py --ffn_type=swiglu",
            GPT2 | {"FFN_TYPE": "swiglu", "ACTIVATION": None},
        ),
        ("config/full_llama_124m.py", {"ARCH_PRESET": "llama", "N_EMBD": 768, **LLAMA}),
        (
            "config/full_team_124m.py --normalization=layernorm_nobias",
            LLAMA | {"NORMALIZATION": "layernorm-nobias"},
        ),
        ("--compile ./config/full_gpt2_124m", {"MAX_ITERS": 600_000, "COMPILE": "on"}),
        ("--dataset custom --custom_path my.py", {"CUSTOM_PATH": "my.py"}),
        ("config/full_custom.py", {"ARCH_PRESET": "custom", **GPT2}),
        ("config/full_llama_1.36b.py", {"N_EMBD": 2304, **LLAMA}),
        ("config/train_gpt2.py", {"DATASET": "openwebtext", "ACTIVATION": "gelu", **NANO}),
        ("--arch_preset=llama", LLAMA),
        (
            "config/train_shakespeare_char.py --max_iters=2000 --lr_decay_iters=2000",
            {"N_LAYER": 6, "VOCAB_MULTIPLE": 1, "DROPOUT": 0.2, "WARMUP_STEPS": 40, **NANO},
        ),
        ("--n_layer=12 --n_head=12", {"MODEL": "gpt2"}),
        ("--num_layers 4 --embd_size=768", {"MODEL": "custom", "N_LAYER": 4, "N_HEAD": 12}),
        ("--model=gpt2-medium --n_layer=3", {"N_LAYER": 3, "N_HEAD": 16, "N_EMBD": 1024}),
        (
            "--total_batch_size 524288 --mini_batch_size 32",
            {"BATCH_SIZE": 32, "GRADIENT_ACCUMULATION": 16},
        ),
        (
            "config/full_gpt2_124m.py --total_batch_size 524288 --batch_size 32 --eval_iters 9",
            {"BATCH_SIZE": 32, "GRADIENT_ACCUMULATION": 16, "EVAL_SAMPLES": 288},
        ),
        ("config/arch_gpt2.py --steps_per_epoch 7000", {"MAX_ITERS": 7000, "NUM_EPOCHS": 0}),
        ("--num_epochs 5 --steps_per_epoch 19073", {"MAX_ITERS": 95_365, "NUM_EPOCHS": 0}),
        ("--steps_per_epoch 19073 --num_epochs 5", {"MAX_ITERS": 95_365, "NUM_EPOCHS": 0}),
        ("--eval_iters=20 --batch_size=12", {"EVAL_SAMPLES": 240}),
        ("--learning_rate_decay_frac 0.1 --max_lr 4e-4", {"MIN_LR": 4e-5, "LEARNING_RATE": 4e-4}),
        ("--model d24 --dtype fp32", {"MODEL": "gpt2-medium", "DTYPE": "float32"}),
        ("--use_fsdp=False --run_name x --init_from=scratch", {"INIT_FROM": ""}),
    ],
)
def test_a_line_means(settings, line, wanted):
    found = settings(line)
    assert {name: found[name] for name in wanted} == wanted


def test_a_value_in_capitals_is_the_same_value(settings):
    """SwiGLU brought the activation of the preset with it, and was refused."""
    typed = "config/full_gpt2_124m.py --normalization=RMSNorm --ffn_type=SwiGLU"
    found = settings(typed)
    assert (found["FFN_TYPE"], found["ACTIVATION"]) == ("swiglu", None)
    assert found == settings(typed.lower())
    sized = settings("--model Custom --n_layer 2")
    assert (sized["MODEL"], sized["N_LAYER"]) == ("custom", 2)


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("--dtype=float16 --seed=9", "--seed=9 --dtype=auto"),
        ("--dtype fp8", "--dtype=auto"),
        ("--use_fsdp --use_zero1=True --seed 3", "--seed 3"),
        ("--zero_stage 1", ""),
        ("--device=mps --dtype=half", "--dtype=auto --device=cpu"),
        ("--total_batch_size 500000", "--gradient-accumulation=41"),
        ("--lr_decay_iters=5 --seed=3", "--seed=3"),
        ("--eval_only", "--max-iters=1 --warmup-steps=0"),
    ],
)
def test_what_is_not_built_is_answered_with_a_line_that_works(settings, line, typed, tmp_path):
    with pytest.raises(ValueError, match="[Tt]ype `") as caught:
        settings(line)
    answer = str(caught.value).partition("`python gpt2/train.py")[2].partition("`")[0]
    words = [word for word in shlex.split(answer) if not word.startswith("--results-dir")]
    assert words == typed.split()
    settings(typed)


@pytest.mark.parametrize(
    "line",
    [
        "--total_batch_size many",
        "--total_batch_size 0",
        "--total_batch_size 8192 --batch_size few",
        "--eval_iters x",
        "--steps_per_epoch 1.5",
        "--learning_rate_decay_frac x",
    ],
)
def test_what_is_no_number_is_a_sentence(settings, line):
    with pytest.raises(ValueError, match="is no whole number above 0|is no share"):
        settings(line)


def test_several_processes_are_refused_once(monkeypatch):
    line = ["config/arch_llama.py", "--use_fsdp=True"]
    for environ in ({}, {"WORLD_SIZE": "4"}, {"WORLD_SIZE": "1", "RANK": "0"}):
        translate.refuse_several_processes(line, environ)
    with pytest.raises(ValueError, match="WORLD_SIZE=4: .* Type `python .* config/arch_"):
        translate.refuse_several_processes(line, {"WORLD_SIZE": "4", "RANK": "0"})


def test_what_is_read_otherwise_is_said(settings, capsys):
    settings("config/arch_llama.py --max_lr=5e-4 --run_name=x --use_zero1=False --model=d12")
    said = capsys.readouterr().err
    assert "config/arch_llama.py is here: ARCH_PRESET=llama" in said
    assert "MAX_LR is LEARNING_RATE here" in said
    assert "--run_name=x is left out: a run is named after what it computes." in said
    assert "--use_zero1=False is left out: it is off here in any case." in said
    assert "MODEL=d12 is MODEL=gpt2 here" in said


def test_an_unknown_file_of_settings_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="mine.py is no file of settings .*full_llama_1.36b"):
        in_our_words(["config/mine.py"])


def test_the_tables_speak_of_options_that_there_are(tree):
    known = {*tree.symbols, *tree.groups}
    assert set(SAME.values()) | set(VALUES) <= known
    named = {name for file in FILES.values() for name in file}
    assert named <= known
    asked = {name for missing in MISSING for name in missing.asked_by}
    # Of those that are options here, only some values are missing.
    for missing in MISSING:
        assert all(missing.asked_by[name] for name in set(missing.asked_by) & known)
    assert not (set(SAME) | set(IDLE)) & known
    assert not (set(SAME) | set(IDLE)) & asked


def test_a_file_names_every_option_that_it_fixes(tree):
    """So that what stands in `.config` cannot change what the file is."""
    for name, file in FILES.items():
        least = {"MODEL", "ARCH_PRESET", "BLOCK_SIZE", "BATCH_SIZE", "GRADIENT_ACCUMULATION"}
        least |= {"MAX_ITERS", "WARMUP_STEPS", "LEARNING_RATE", "DROPOUT", "ARCHITECTURE"}
        assert least <= set(file), name


def test_the_configuration_of_the_line_is_asked_only_when_needed(monkeypatch):
    def never(options):
        raise AssertionError("read for nothing")

    monkeypatch.setattr(described, "_settled", never)
    assert in_our_words(["--max_iters=3", "--bias=False"]) == ["--max_iters=3", "--bias=False"]
