"""Command lines of earlier systems, and what is typed here instead. Data only.

docs/coming-from.md is generated from this table, and a test gives every line of it. `typed` stands
as people had it. A line that trains works as it is with the program's path replaced: then `here` is
that line. Else `here` is what the program answers to it, or, for another program, what does the
same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

TRAIN = "python gpt2/train.py"

# How the training program was called before; what stands after it is taken over.
LAUNCHER = "torchrun --standalone --nproc_per_node="
PROGRAMS = (
    *("python3 gpt2/train.py ", "python gpt2/train.py ", "python3 train.py ", "python train.py "),
    *("python src/train_improved.py ", "python train_gpt2.py "),
)
LAUNCHED = ("train.py", "src/train_improved.py", "train_gpt2.py")


@dataclass(frozen=True)
class Line:
    """One line of another system."""

    typed: str
    here: str
    why: str = ""

    @property
    def processes(self) -> int:
        """How many a launcher would have started; 1 without one."""
        if not self.typed.startswith(LAUNCHER):
            return 1
        return int(self.typed.removeprefix(LAUNCHER).split()[0])

    @property
    def options(self) -> str | None:
        """What stood after the training program; None where it is a line of another kind."""
        line = f"{self.typed} "
        if self.processes > 1:
            line = line.removeprefix(LAUNCHER).partition(" ")[2]
            found = next((name for name in LAUNCHED if line.startswith(f"{name} ")), None)
        else:
            found = next((name for name in PROGRAMS if line.startswith(name)), None)
        return None if found is None else line.removeprefix(found).strip()


@dataclass(frozen=True)
class System:
    """An earlier system, its lines, and the configuration that they are tried on."""

    title: str
    about: str
    defconfig: str
    lines: tuple[Line, ...]


def same(*options: str) -> tuple[Line, ...]:
    """Lines of `python train.py` that work as they are."""
    return tuple(Line(f"python train.py {o}".strip(), f"{TRAIN} {o}".strip()) for o in options)


def launched(processes: int, program: str, options: str, here: str | None = None) -> Line:
    """A line of torchrun, which is one process here."""
    rest = options if here is None else here
    return Line(f"{LAUNCHER}{processes} {program} {options}".strip(), f"{TRAIN} {rest}".strip())


def _kept(lines: Iterable[Line | tuple[Line, ...]]) -> tuple[Line, ...]:
    flat = [each for line in lines for each in (line if isinstance(line, tuple) else (line,))]
    return tuple(flat)


COMPARE = "ended runs side by side, whatever matrix they are of"

SYSTEMS: tuple[System, ...] = (
    System(
        "nanoGPT",
        "Its options, and its files of settings but those of evaluation, work as they were typed. "
        "`--eval_iters` counts batches, and becomes `EVAL_SAMPLES`, which counts windows.",
        "gpt2-openwebtext",
        _kept(
            [
                Line(
                    "python data/shakespeare_char/prepare.py",
                    "python gpt2/prepare_data.py --dataset shakespeare-char",
                ),
                Line(
                    "python data/openwebtext/prepare.py",
                    "python gpt2/prepare_data.py --dataset openwebtext",
                ),
                same(
                    "config/train_shakespeare_char.py",
                    "config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 "
                    "--log_interval=1 --block_size=64 --batch_size=12 --n_layer=4 --n_head=4 "
                    "--n_embd=128 --max_iters=2000 --lr_decay_iters=2000 --dropout=0.0",
                    "config/finetune_shakespeare.py",
                    "--init_from=gpt2 --vocab_multiple=1 --arch_preset=gpt2",
                ),
                Line(
                    "python train.py config/train_shakespeare_char.py --device=mps",
                    f"{TRAIN} config/train_shakespeare_char.py --device=cpu",
                ),
                launched(8, "train.py", "config/train_gpt2.py"),
                Line(
                    "python sample.py --out_dir=out-shakespeare-char",
                    "make sample RUN=adamw-s1337",
                    "any part of a run's name that only one has",
                ),
                Line(
                    'python sample.py --start="The king" --num_samples=5 --max_new_tokens=100',
                    'make sample RUN=adamw-s1337 PROMPT="The king" COUNT=5 TOKENS=100',
                ),
                Line("python bench.py", "make bench"),
            ]
        ),
    ),
    System(
        "build-nanogpt and llm.c",
        "Tokens of a step (`--total_batch_size`) become `GRADIENT_ACCUMULATION`.",
        "gpt2-openwebtext",
        _kept(
            [
                Line("python fineweb.py", "python gpt2/prepare_data.py --dataset finewebedu"),
                Line("python train_gpt2.py", TRAIN),
                launched(8, "train_gpt2.py", ""),
                Line(
                    "python train_gpt2.py --model d12 --batch_size 64 --sequence_length 1024 "
                    "--total_batch_size 524288 --num_iterations 18865 --warmup_iters 700 "
                    "--learning_rate 6e-4 --learning_rate_decay_frac 0.1 --weight_decay 0.1 "
                    "--grad_clip 1.0 --val_loss_every 250 --sample_every 1000 --dtype bfloat16 "
                    "--compile 1 --tensorcores 1 --flash 1 --zero_stage 0 --output_dir out",
                    f"{TRAIN} --model d12 --batch_size 64 --sequence_length 1024 "
                    "--total_batch_size 524288 --num_iterations 18865 --warmup_iters 700 "
                    "--learning_rate 6e-4 --learning_rate_decay_frac 0.1 --weight_decay 0.1 "
                    "--grad_clip 1.0 --val_loss_every 250 --sample_every 1000 --dtype bfloat16 "
                    "--compile 1 --tensorcores 1 --flash 1 --zero_stage 0 --output_dir out",
                ),
                Line("python hellaswag.py -m gpt2 -d cuda", "make hellaswag RUN=adamw-s1337"),
            ]
        ),
    ),
    System(
        "The reciprocal attention trainers",
        "`--ablation-mode` hands the steps to `make`, which adds the plain twin of each.",
        "gpt2-unified-ra-ablation-cpu",
        _kept(
            [
                Line(f"{TRAIN} {options}", f"{TRAIN} {options}")
                for options in (
                    "--architecture vanilla",
                    "--architecture unified-ra --ra-step V1",
                    "--architecture unified-ra --ablation-mode --ablation-steps V0,V1,V3,V7,V9",
                )
            ]
        ),
    ),
    System(
        "The modular training system",
        "A file of settings stands for options; a note lists them. Options of the line come after; "
        "a component on top of a preset is that preset with this one changed.",
        "gpt2-openwebtext",
        _kept(
            [
                same(
                    "config/arch_gpt2.py --max_iters=100 --compile=False",
                    "config/arch_gpt2.py --max_iters=500",
                    "config/arch_llama.py --max_iters=500",
                    "config/arch_team.py --max_iters=500",
                    "config/arch_gpt2.py",
                    "config/arch_llama.py",
                    "config/arch_llama.py --max_iters=100",
                    "config/arch_team.py --max_iters=100",
                    "config/arch_custom.py --max_iters=100",
                    "config/arch_gpt2.py --normalization=rmsnorm",
                    "config/arch_custom.py --arch_preset=custom --normalization=layernorm_nobias "
                    "--position_encoding=rope --ffn_type=standard --norm_position=post",
                    "config/arch_custom.py --arch_preset=custom --normalization=rmsnorm "
                    "--position_encoding=rope --ffn_type=standard --activation=gelu "
                    "--norm_position=pre --weight_tying=True",
                    "config/arch_custom.py --attention_backend=manual --bias=True --dropout=0.1 "
                    "--position_encoding=none --activation=leaky_relu",
                    "--arch_preset=llama",
                ),
                launched(
                    8, "train.py", "config/arch_llama.py --use_fsdp=True", "config/arch_llama.py"
                ),
                launched(4, "train.py", "config/arch_llama.py"),
                Line(
                    "python compare_architectures.py --latest 3", "make compare LATEST=3", COMPARE
                ),
                Line("python compare_architectures.py", "make compare LATEST=2", COMPARE),
                Line(
                    'python -c "from model_config import list_presets; list_presets()"',
                    "make explain-ARCH_PRESET",
                ),
            ]
        ),
    ),
    System(
        "The enhanced training system",
        "The same files of settings under other names, and more of them. What runs leave behind is "
        "`metrics.jsonl`, a JSON object on each line.",
        "gpt2-openwebtext",
        _kept(
            [
                Line("pip install torch numpy transformers tiktoken wandb", "make setup"),
                Line("pip install -r requirements.txt", "make setup EXTRAS=trackers"),
                Line(
                    "cd data/shakespeare; python prepare.py",
                    "python gpt2/prepare_data.py --dataset shakespeare",
                ),
                Line("python test_imports.py", "make doctor"),
                same(
                    "config/full_gpt2_124m.py --max_iters=50 --compile=False",
                    "config/full_gpt2_124m.py --max_iters=100",
                    "config/full_llama_124m.py --max_iters=100",
                    "config/full_llama_1.36b.py --max_iters=100",
                    "config/full_gpt2_1.36b.py --max_iters=100",
                    "config/full_team_124m.py --max_iters=100",
                    "config/full_custom.py --max_iters=100",
                    "config/preset_quick_test.py --max_iters=100",
                    "config/preset_gpt2_owt.py",
                    "config/full_gpt2_124m.py --position_encoding=rope",
                    "config/full_llama_124m.py --normalization=layernorm_nobias",
                    "config/full_custom.py --normalization=rmsnorm --position_encoding=rope "
                    "--ffn_type=standard --norm_position=pre",
                    "config/full_gpt2_124m.py --normalization=rmsnorm --position_encoding=rope "
                    "--ffn_type=swiglu",
                    "config/full_llama_1.36b.py --batch_size=16 --learning_rate=3e-4 "
                    "--max_iters=10000 --compile=False",
                    "--wandb_log=True --wandb_project=my-project",
                    "config/full_gpt2_124m.py --max_iters=5000",
                    "config/full_gpt2_124m.py --position_encoding=rope --max_iters=5000",
                    "config/full_gpt2_124m.py --normalization=rmsnorm --max_iters=5000",
                    "config/full_gpt2_124m.py --ffn_type=swiglu --max_iters=5000",
                    "config/full_llama_124m.py --max_iters=5000",
                    "--batch_size=8",
                    "--compile=True",
                    "--batch_size=16 --gradient_accumulation_steps=20",
                    "--arch_preset=hybrid --n_layer=12 --n_head=12 --n_embd=768 --block_size=1024 "
                    "--use_zero1=False --use_fsdp=False --dtype=bfloat16",
                ),
                Line(
                    "python train.py config/full_llama_1.36b.py --dataset=slimpajama_627b",
                    f"{TRAIN} config/full_llama_1.36b.py --dataset=finewebedu",
                ),
                Line("python train.py --dtype=float16", f"{TRAIN} --dtype=auto"),
                launched(4, "train.py", "config/full_llama_124m.py"),
                launched(
                    4,
                    "train.py",
                    "config/full_gpt2_124m.py --use_zero1=True",
                    "config/full_gpt2_124m.py",
                ),
                launched(
                    4,
                    "train.py",
                    "config/full_llama_1.36b.py --use_fsdp=True",
                    "config/full_llama_1.36b.py",
                ),
                launched(
                    8,
                    "train.py",
                    "config/full_llama_1.36b.py --dataset=slimpajama_627b --use_fsdp=True",
                    "config/full_llama_1.36b.py --dataset=finewebedu",
                ),
                launched(4, "train.py", "--use_zero1=True", ""),
                launched(4, "train.py", "--use_fsdp=True --fsdp_min_num_params=500000", ""),
                Line("python compare_architectures.py", "make compare LATEST=2", COMPARE),
                Line("ls out/run_*.json", "make status"),
            ]
        ),
    ),
    System(
        "The trainer with checkpoints in three tiers",
        "Rolling, epoch and best checkpoints are `CHECKPOINT_INTERVAL`, `CHECKPOINT_KEEP`, "
        "`CHECKPOINT_KEEP_EPOCHS` and `CHECKPOINT_BEST`; old ones go by themselves.",
        "gpt2-openwebtext",
        _kept(
            [
                Line(
                    "python src/prepare_dataset.py",
                    "python gpt2/prepare_data.py --dataset finewebedu",
                ),
                launched(
                    4,
                    "src/train_improved.py",
                    "--use_tensorboard --run_name gpt2_production",
                ),
                launched(4, "src/train_improved.py", "--use_tensorboard"),
                Line(
                    "python src/train_improved.py --use_tensorboard", f"{TRAIN} --use_tensorboard"
                ),
                launched(4, "src/train_improved.py", "--resume latest --use_tensorboard"),
                Line(
                    "python src/train_improved.py --resume latest --use_tensorboard",
                    f"{TRAIN} --resume latest --use_tensorboard",
                ),
                Line("./resume_training.sh", "make"),
                Line("./list_checkpoints.sh", f"{TRAIN} --list_checkpoints"),
                Line(
                    "python src/train_improved.py --list_checkpoints", f"{TRAIN} --list_checkpoints"
                ),
                *(
                    Line(f"python src/train_improved.py {options}", f"{TRAIN} {options}")
                    for options in (
                        "--total_batch_size 524288 --mini_batch_size 32 --context_length 1024 "
                        "--num_layers 12 --embd_size 768 --num_heads 12 --max_lr 1e-3 "
                        "--min_lr 1e-4 --warmup_steps 715 --num_epochs 5 --steps_per_epoch 19073 "
                        "--eval_freq 250 --checkpoint_freq 250 --keep_checkpoints 10",
                        "--use_tensorboard --run_name gpt2_custom --max_lr 5e-4 "
                        "--mini_batch_size 64 --checkpoint_freq 500",
                        "--mini_batch_size 16",
                        "--context_length 512",
                        "--mini_batch_size 64",
                    )
                ),
                launched(
                    4,
                    "src/train_improved.py",
                    "--use_tensorboard --run_name gpt2_custom --max_lr 5e-4 --mini_batch_size 64 "
                    "--checkpoint_freq 500",
                ),
                Line("./start_tensorboard.sh", "make tensorboard"),
                Line(
                    "tensorboard --logdir=runs --bind_all",
                    "make tensorboard",
                    "on this machine alone; over SSH: ssh -L 6006:localhost:6006",
                ),
                Line("watch -n 60 'tail -20 logs/log.txt'", "make watch"),
                Line("tail -f logs/log.txt", "make watch", "each run has its own train.log"),
                Line(
                    "rm checkpoints/rolling_step_*.pt",
                    "make CHECKPOINT_KEEP=1",
                    "or CHECKPOINT_LIMIT_GIB",
                ),
                Line("rm -rf runs/", "make results-clean", "asks first"),
                Line("ls data/edu_fineweb10B/*.npy", "make doctor"),
                Line("du -sh checkpoints/", f"{TRAIN} --list-checkpoints"),
            ]
        ),
    ),
    System(
        "The first benchmark of AdamWPrune",
        "Its names of symbols are in a table of renames: a `.config` of it says at each line what "
        "that is called here.",
        "gpt2-shakespeare-l4",
        _kept(
            [
                Line(
                    "python3 gpt2/prepare_data.py --dataset shakespeare",
                    "python gpt2/prepare_data.py --dataset shakespeare",
                ),
                *(
                    Line(line, line)
                    for line in (
                        "make defconfig-gpt2-shakespeare-l4",
                        "make defconfig-gpt2-shakespeare-w7900",
                        "make defconfig-gpt2-shakespeare-matrix",
                        "make defconfig-gpt2-adamwprune-finewebedu-79000-bitter-lesson",
                        "make",
                        "make test-matrix",
                    )
                ),
                same(
                    *(
                        "--optimizer adamwprune --pruning-method state --adamwprune-variant "
                        f"bitter{number} --target-sparsity 0.5"
                        for number in (0, 1, 2)
                    ),
                ),
                Line(
                    "python3 train.py --batch-size 32 --gradient-accumulation 4 --num-epochs 2 "
                    "--optimizer adamw --pruning-method none --device cuda",
                    f"{TRAIN} --batch-size 32 --gradient-accumulation 4 --num-epochs 2 "
                    "--optimizer adamw --pruning-method none --device cuda",
                ),
            ]
        ),
    ),
)
