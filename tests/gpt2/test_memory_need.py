"""What a run is said to need, and when it is refused."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpt2.architectures import model_of
from gpt2.execution import attention_in_use, find_facts, prepare_model
from gpt2.footprint import step_bytes
from gpt2.memory_need import (
    GPU,
    HOST,
    PROCESS_BYTES,
    TooLittleMemory,
    check_memory,
    demands,
    expected_kernel,
    likely_facts,
)
from gpt2.sizes import checkpoint_bytes, parameter_count
from gpt2.speed import resolve
from lib.cpu import has_bfloat16_products
from lib.device import has_bfloat16, processor
from lib.host_memory import Memory
from tests.gpt2.test_execution import FLOAT32

BIG = {"N_LAYER": 4, "N_HEAD": 4, "N_EMBD": 128, "BLOCK_SIZE": 128, "BATCH_SIZE": 16}
VOCABULARY = 512


def needed(config, speed, micro, is_gpu=False):
    return demands(config, speed, VOCABULARY, micro, is_gpu)


def test_this_processor_is_what_pytorch_says():
    assert has_bfloat16_products() == has_bfloat16(processor())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"DROPOUT": "0.1"},
        {"ARCH_PRESET": "llama"},
        {"ARCH_PRESET": "custom", "ATTENTION_BACKEND": "manual"},
        {"ARCHITECTURE": "unified-ra", "RA_STEP": "V14"},
        {"ARCHITECTURE": "unified-ra", "RA_STEP": "V1"},
        {"ATTENTION": "math"},
    ],
    ids=str,
)
def test_the_kernel_and_the_speed_are_those_that_the_run_finds(one_run, options, dtype):
    if dtype == "bfloat16" and not has_bfloat16(processor()):
        pytest.skip("this processor has no bfloat16")
    config = one_run(DTYPE=dtype, **options)
    expected = resolve(config, likely_facts(is_gpu=False), 64, 4)
    found = resolve(config, find_facts(processor(), {}), 64, 4)
    same = ("dtype", "attention", "attention_kernels", "compile", "logit_rows")
    assert [getattr(expected, n) for n in same] == [getattr(found, n) for n in same]
    model = model_of(config, 64, 0).train()
    prepare_model(model, found)
    assert expected_kernel(config, expected, False) == attention_in_use(model, found, "cpu")


def test_on_a_processor_all_of_it_is_the_machine_s(one_run):
    config = one_run(**BIG, PRUNING_METHOD="movement", SAVE_CHECKPOINT="y")
    (demand,) = needed(config, FLOAT32, 16)
    step = step_bytes(config, FLOAT32, "flash", VOCABULARY, 16)
    prunable = 4 * 12 * 128 * 128
    copy = checkpoint_bytes(config, VOCABULARY)
    assert demand.needed == demand.certain == step + 5 * prunable + copy + PROCESS_BYTES
    (without,) = needed(one_run(**BIG, SAVE_CHECKPOINT="n"), FLOAT32, 16)
    assert without.needed == step + PROCESS_BYTES


def test_on_a_gpu_the_host_has_what_it_draws_and_saves(one_run):
    config = one_run(**BIG, SAVE_CHECKPOINT="n")
    gpu, host = needed(config, FLOAT32, 16, is_gpu=True)
    assert (gpu.place, host.place) == (GPU, HOST)
    assert gpu.needed == step_bytes(config, FLOAT32, "efficient", VOCABULARY, 16)
    weights = 4 * parameter_count(config, VOCABULARY)
    saving = needed(one_run(**BIG, SAVE_CHECKPOINT="y"), FLOAT32, 16, is_gpu=True)[1]
    assert saving.needed - host.needed == checkpoint_bytes(config, VOCABULARY)
    assert host.needed > weights


def test_a_compiler_may_save_activations_and_nothing_else(one_run):
    config = one_run(**BIG)
    eager, _ = needed(config, FLOAT32, 16, is_gpu=True)
    compiled, _ = needed(config, replace(FLOAT32, compile=True), 16, is_gpu=True)
    assert compiled.needed == eager.needed == eager.certain
    assert 16 * parameter_count(config, VOCABULARY) < compiled.certain < compiled.needed


def test_what_exceeds_all_there_is_is_refused_with_the_remedy(one_run):
    config = one_run(**BIG, GRADIENT_ACCUMULATION=3)
    (whole,), (half,) = needed(config, FLOAT32, 16), needed(config, FLOAT32, 8)
    memories = {HOST: Memory(half.needed, half.needed)}
    with pytest.raises(TooLittleMemory) as refused:
        check_memory(config, FLOAT32, VOCABULARY, memories)
    text = str(refused.value)
    assert text.startswith("This run cannot fit: about ")
    assert "this machine has" in text
    assert "BATCH_SIZE=8 GRADIENT_ACCUMULATION=6 makes the same steps with about" in text
    assert text.endswith("CHECK_MEMORY=n.")
    assert refused.value.exit_status == 69
    told = one_run(**BIG, GRADIENT_ACCUMULATION=3, CHECK_MEMORY="n")
    (note,) = check_memory(told, FLOAT32, VOCABULARY, memories)
    assert note.startswith("memory may not be enough: about ")
    assert whole.needed > half.needed


def test_what_exceeds_what_is_free_is_said(one_run):
    config = one_run(**BIG)
    (whole,) = needed(config, FLOAT32, 16)
    free = whole.needed - 1
    (note,) = check_memory(config, FLOAT32, VOCABULARY, {HOST: Memory(2 * free, free)})
    assert "of this machine's memory are free" in note
    enough = {HOST: Memory(whole.needed, whole.needed)}
    assert check_memory(config, FLOAT32, VOCABULARY, enough) == []
    assert check_memory(config, FLOAT32, VOCABULARY, {HOST: None}) == []


def test_a_compiled_step_is_refused_only_for_what_it_must_hold(one_run):
    config = one_run(**BIG)
    compiled = replace(FLOAT32, compile=True)
    gpu, host = needed(config, compiled, 16, is_gpu=True)
    assert gpu.certain < gpu.needed
    ample = Memory(host.needed, host.needed)
    memories = {HOST: ample, GPU: Memory(gpu.certain, gpu.certain)}
    (note,) = check_memory(config, compiled, VOCABULARY, memories)
    assert "the GPU has" in note
    memories[GPU] = Memory(gpu.certain - 1, gpu.certain - 1)
    with pytest.raises(TooLittleMemory, match="the GPU has"):
        check_memory(config, compiled, VOCABULARY, memories)
    with pytest.raises(TooLittleMemory, match="this machine has"):
        check_memory(config, compiled, VOCABULARY, {HOST: Memory(1 << 30, 1 << 30), GPU: None})


def test_where_the_run_searches_only_one_sequence_must_fit(one_run):
    config = one_run(**BIG, HYPER_PARAM="auto")
    (one,) = needed(config, FLOAT32, 1)
    there = {HOST: Memory(one.needed, one.needed)}
    assert check_memory(config, FLOAT32, VOCABULARY, there) == []
    there = {HOST: Memory(one.needed - 1, one.needed - 1)}
    with pytest.raises(TooLittleMemory, match="take a smaller BATCH_SIZE, BLOCK_SIZE or MODEL"):
        check_memory(config, FLOAT32, VOCABULARY, there)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(micro=st.integers(2, 48), accumulation=st.integers(1, 9), share=st.floats(0.05, 0.99))
def test_what_is_advised_makes_the_same_steps_and_fits(one_run, micro, accumulation, share):
    config = one_run(**BIG | {"BATCH_SIZE": micro}, GRADIENT_ACCUMULATION=accumulation)
    (whole,) = needed(config, FLOAT32, micro)
    limit = int(share * whole.needed)
    with pytest.raises(TooLittleMemory) as refused:
        check_memory(config, FLOAT32, VOCABULARY, {HOST: Memory(limit, limit)})
    words = [w.split("=") for w in str(refused.value).split() if "=" in w and w[0] in "BG"]
    fitting = [
        n
        for n in range(1, micro)
        if micro % n == 0 and needed(config, FLOAT32, n)[0].needed <= limit
    ]
    if not fitting:
        assert words == []
        return
    advised = {name: int(value) for name, value in words}
    assert advised["BATCH_SIZE"] == max(fitting)
    assert advised["BATCH_SIZE"] * advised["GRADIENT_ACCUMULATION"] == micro * accumulation
