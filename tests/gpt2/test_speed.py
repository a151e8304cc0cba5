from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.speed import CUDNN_FIRST, Facts, SpeedError, resolve

CPU = Facts(
    kind="cpu",
    name="AMD EPYC (cpu)",
    has_bfloat16=True,
    capability=None,
    cudnn=None,
    compile_obstacle=None,
    cores=4,
    omp_num_threads=None,
    can_keep_memory=True,
)
OLD_CPU = replace(CPU, has_bfloat16=False)
H100 = replace(
    CPU, kind="cuda", name="NVIDIA H100 80GB HBM3 (cuda)", capability=(9, 0), cudnn=91900
)
B200 = replace(H100, name="NVIDIA B200", capability=(10, 0))
A100 = replace(H100, name="NVIDIA A100", capability=(8, 0))
RTX_PRO = replace(H100, name="NVIDIA RTX PRO 6000 Blackwell", capability=(12, 0))
V100 = replace(H100, name="NVIDIA V100", capability=(7, 0), has_bfloat16=False)
W7900 = replace(H100, kind="rocm", name="AMD Radeon PRO W7900", capability=None, cudnn=None)
DEVICES = (CPU, OLD_CPU, H100, B200, A100, RTX_PRO, V100, W7900)

# What the menu "Speed" has by default, with the smallest of models around it.
DEFAULTS = {
    "DTYPE": "auto",
    "TF32_ALLOWED": False,
    "ATTENTION_BACKEND": "sdpa",
    "ATTENTION": "auto",
    "COMPILE": "auto",
    "LOSS_CHUNKS": 0,
    "HYPER_PARAM": "manual",
    "KEEP_FREED_MEMORY": True,
    "GC_FREEZE": True,
    "CPU_THREADS": 0,
    "DROPOUT": 0.0,
    "DETERMINISTIC": False,
    "BLOCK_SIZE": 1024,
}


def speed(facts, vocab_size=50304, micro_batch=12, **changes):
    return resolve(DEFAULTS | changes, facts, vocab_size, micro_batch)


def test_the_defaults_here_are_those_of_the_tree(tree):
    typed = tree.resolve([]).typed()
    given_here = {name: value for name, value in DEFAULTS.items() if name != "BLOCK_SIZE"}
    assert {name: typed[name] for name in given_here} == given_here


@pytest.mark.parametrize(
    ("facts", "dtype", "attention", "kernels", "is_compiled", "keeps"),
    [
        (CPU, "bfloat16", "blocked", (), False, True),
        (OLD_CPU, "float32", "fused", (), False, True),
        (H100, "bfloat16", "fused", CUDNN_FIRST, True, False),
        (B200, "bfloat16", "fused", CUDNN_FIRST, True, False),
        (A100, "bfloat16", "fused", (), True, False),
        (RTX_PRO, "bfloat16", "fused", (), True, False),
        (V100, "float32", "fused", (), True, False),
        (W7900, "bfloat16", "fused", (), True, False),
    ],
    ids=lambda value: value.name if isinstance(value, Facts) else None,
)
def test_what_each_device_does_by_itself(facts, dtype, attention, kernels, is_compiled, keeps):
    decided = speed(facts)
    assert decided.dtype == dtype
    assert (decided.attention, decided.attention_kernels) == (attention, kernels)
    assert decided.compile == is_compiled
    assert decided.keep_freed_memory == keeps
    assert not decided.tf32
    assert decided.notes == ()


def test_float32_on_a_processor_is_left_to_torch():
    """No published number was computed in another way."""
    decided = speed(CPU, DTYPE="float32", LOSS_CHUNKS=0)
    assert (decided.attention, decided.attention_kernels) == ("fused", ())
    assert decided.logit_rows is None


@pytest.mark.parametrize(
    "change",
    [{"DETERMINISTIC": True}, {"DROPOUT": 0.1}, {"DTYPE": "float32"}],
    ids=str,
)
def test_cudnn_is_not_taken_where_it_may_not_do(change):
    assert speed(H100, **change).attention_kernels == ()
    assert speed(replace(H100, cudnn=91500)).attention_kernels == ()
    assert speed(replace(H100, cudnn=None)).attention_kernels == ()


def test_blocks_are_taken_as_far_as_they_were_measured():
    assert speed(CPU, BLOCK_SIZE=2048).attention == "blocked"
    assert speed(CPU, BLOCK_SIZE=2049).attention == "fused"
    assert speed(CPU, BLOCK_SIZE=2049, ATTENTION="blocked").attention == "blocked"


def test_dropout_on_a_processor_is_not_silent():
    assert speed(CPU, DROPOUT=0.1).attention == "blocked"
    decided = speed(OLD_CPU, DROPOUT=0.1)
    assert decided.attention == "fused"
    assert "whole score matrix" in decided.notes[0]


@pytest.mark.parametrize(
    ("facts", "changes", "message"),
    [
        (OLD_CPU, {"DTYPE": "bfloat16"}, "DTYPE=bfloat16 wants a device .* AMD EPYC"),
        (V100, {"DTYPE": "bfloat16"}, "V100 has none"),
        (CPU, {"ATTENTION": "cudnn"}, "ATTENTION=cudnn cannot work here: .*NVIDIA"),
        (W7900, {"ATTENTION": "cudnn"}, "not for AMD Radeon PRO W7900"),
        (CPU, {"ATTENTION": "efficient"}, "for GPUs"),
        (H100, {"ATTENTION": "blocked"}, "blocks are for processors"),
        (CPU, {"ATTENTION": "flash", "DROPOUT": 0.1}, "set DROPOUT=0"),
        (CPU, {"ATTENTION": "blocked", "COMPILE": "on"}, "set COMPILE=off"),
        (replace(CPU, compile_obstacle="no g++"), {"COMPILE": "on"}, "COMPILE=on .*: no g\\+\\+"),
        (replace(H100, compile_obstacle="no triton"), {"COMPILE": "tuned"}, "Take COMPILE=off"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(facts, changes, message):
    with pytest.raises(SpeedError, match=message) as caught:
        speed(facts, **changes)
    assert caught.value.exit_status == 69


def test_a_gpu_that_cannot_compile_trains_and_says_so():
    decided = speed(replace(H100, compile_obstacle="Triton is missing"))
    assert not decided.compile
    assert decided.notes == ("COMPILE=auto runs uncompiled: Triton is missing",)


def test_tuned_is_a_mode_of_the_compiler():
    assert speed(H100, COMPILE="tuned").compile_mode == "max-autotune-no-cudagraphs"
    assert speed(H100, COMPILE="on").compile_mode is None
    assert speed(CPU, COMPILE="on").compile
    assert speed(CPU, COMPILE="on").attention == "fused"
    assert not speed(H100, COMPILE="off").compile


@pytest.mark.parametrize(
    ("facts", "vocab_size", "micro_batch", "chunks", "rows"),
    [
        (H100, 50304, 64, 0, 8192),  # of 65,536: eight parts
        (H100, 50304, 8, 0, None),  # of 8192: one
        (H100, 65, 64, 0, None),
        (H100, 50304, 64, 1, None),
        (H100, 50304, 64, 4, 16384),
        (CPU, 50304, 64, 0, None),
        (CPU, 50304, 5, 3, 1707),
    ],
)
def test_how_many_logits_exist_at_a_time(facts, vocab_size, micro_batch, chunks, rows):
    assert speed(facts, vocab_size, micro_batch, LOSS_CHUNKS=chunks).logit_rows == rows


def test_a_micro_batch_that_is_still_to_be_found_has_its_rows_bounded():
    assert speed(H100, 50304, 1, HYPER_PARAM="auto").logit_rows == 8192


def test_threads_are_the_cores_unless_configured_and_the_environment_is_not_heard():
    assert speed(CPU).threads == 4
    assert speed(CPU, CPU_THREADS=3).threads == 3
    assert speed(replace(CPU, omp_num_threads="4")).notes == ()
    decided = speed(replace(CPU, omp_num_threads="1"))
    assert decided.threads == 4
    assert "OMP_NUM_THREADS=1 of the environment decides nothing" in decided.notes[0]


def test_tf32_is_for_gpus():
    assert speed(A100, TF32_ALLOWED=True).tf32
    decided = speed(CPU, TF32_ALLOWED=True)
    assert not decided.tf32
    assert "no TensorFloat-32" in decided.notes[0]


def test_another_c_library_is_told():
    decided = speed(replace(CPU, can_keep_memory=False))
    assert not decided.keep_freed_memory
    assert "not glibc" in decided.notes[0]
    assert not speed(CPU, KEEP_FREED_MEMORY=False).keep_freed_memory


def test_people_read_what_was_decided():
    lines = speed(OLD_CPU, DROPOUT=0.1, LOSS_CHUNKS=4).describe()
    assert lines[0] == (
        "speed: float32 products, fused attention, not compiled, 4 threads, "
        "logits of 3,072 tokens at a time"
    )
    assert lines[1].startswith("note: attention forms")
    described = speed(H100, COMPILE="tuned").describe()[0]
    assert "fused attention (cudnn, flash, efficient, math)" in described
    assert "compiled (max-autotune-no-cudagraphs)" in described


def test_the_summary_is_json():
    summary = speed(H100).summary()
    assert summary["attention_kernels"] == list(CUDNN_FIRST)
    assert summary["compile"] is True
    assert summary["notes"] == []


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(DEVICES),
    st.fixed_dictionaries(
        {
            "DTYPE": st.sampled_from(["auto", "float32", "bfloat16"]),
            "ATTENTION_BACKEND": st.sampled_from(["sdpa", "manual"]),
            "ATTENTION": st.sampled_from(
                ["auto", "flash", "efficient", "cudnn", "blocked", "math"]
            ),
            "COMPILE": st.sampled_from(["auto", "on", "tuned", "off"]),
            "DROPOUT": st.sampled_from([0.0, 0.1]),
            "LOSS_CHUNKS": st.integers(0, 9),
            "TF32_ALLOWED": st.booleans(),
            "DETERMINISTIC": st.booleans(),
        }
    ),
    st.sampled_from([None, "an obstacle"]),
)
def test_what_is_asked_for_is_done_or_refused(facts, changes, obstacle):
    """Never replaced by something else."""
    if changes["ATTENTION_BACKEND"] == "manual":
        changes = changes | {"ATTENTION": None}  # as Kconfig has it: invisible
    try:
        decided = speed(replace(facts, compile_obstacle=obstacle), **changes)
    except SpeedError:
        return
    assert changes["DTYPE"] in ("auto", decided.dtype)
    if changes["COMPILE"] != "auto":
        assert decided.compile == (changes["COMPILE"] != "off")
    if changes["ATTENTION_BACKEND"] == "manual":
        assert decided.attention == "plain"
    elif changes["ATTENTION"] == "blocked":
        assert decided.attention == "blocked"
    elif changes["ATTENTION"] != "auto":
        assert decided.attention_kernels == (changes["ATTENTION"],)
    if decided.attention == "blocked":
        assert facts.kind == "cpu"
        assert not decided.compile
    if decided.dtype == "bfloat16":
        assert facts.has_bfloat16
    if changes["LOSS_CHUNKS"] > 1:
        assert decided.logit_rows * changes["LOSS_CHUNKS"] >= 12 * 1024


def test_switches_at_their_automatic_values_leave_every_run_what_it_was(configure):
    """Only DTYPE is hashed at any value: there the old values had names of their own."""
    relevant = configure().typed().relevant()
    new = {"ATTENTION", "COMPILE", "LOSS_CHUNKS", "HYPER_PARAM", "TF32_ALLOWED"}
    assert not new & set(relevant)
    assert relevant["DTYPE"] == "float32"
    base = configure().typed().hash
    for name, value in (
        ("ATTENTION", "math"),
        ("COMPILE", "on"),
        ("LOSS_CHUNKS", 2),
        ("HYPER_PARAM", "auto"),
        ("TF32_ALLOWED", "y"),
        ("DTYPE", "auto"),
    ):
        assert configure(**{name: value}).typed().hash != base, name
    for name in ("KEEP_FREED_MEMORY", "GC_FREEZE"):
        assert configure(**{name: "n"}).typed().hash == base, name
