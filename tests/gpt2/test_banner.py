"""Golden texts: what a person reads before a run."""

from dataclasses import replace

import pytest

from gpt2.banner import (
    ExpectedFacts,
    HardwareFacts,
    ModelFacts,
    RunFacts,
    TrainingFacts,
    banner,
    brief,
)

MIB = 1 << 20

ON_H200 = RunFacts(
    run="gpt2-finewebedu-adamw-s1337-1a2b3c4d",
    model=ModelFacts(
        "gpt2",
        "12L-12H-768D-AbsPos-LN-GELUtanh-Pre",
        124_475_904,
        85_054_464,
        12,
        12,
        768,
        1024,
        50304,
        50257,
    ),
    training=TrainingFacts(
        micro_batch=12,
        accumulation=40,
        tokens_per_step=491_520,
        steps=10_000,
        by_time="",
        first_step=0,
        epochs=4.923,
        train_tokens=998_400_000,
        optimizer="adamw",
        schedule="0.0006, 100 steps of warm-up, cosine to 6e-05",
        pruning="none",
    ),
    hardware=HardwareFacts(
        device="NVIDIA H200 (cuda)",
        memory_bytes=150_000_000_000,
        bandwidth_tb_s=4.8,
        processor="AMD EPYC 9654 96-Core Processor",
        threads=16,
        arithmetic="bfloat16",
        choices=(("Attention", "cuDNN"), ("Compiled", "yes")),
    ),
    expected=ExpectedFacts(
        flops_per_token=854_654_976,
        causal_flops_per_token=798_031_872,
        palm_flops_per_token=855_383_040,
        attention_to_feed_forward=0.8333,
        peak_tflops=989.0,
        peak_note="H200 SXM, dense bf16, NVIDIA data sheet; 1979 is 2:4 sparse",
        matmul_tflops=790.12,
        matmul_size=8192,
        tokens_per_s_at_half_peak=578_596.0,
        weights_bytes=475 * MIB,
        gradients_bytes=475 * MIB,
        optimizer_bytes=950 * MIB,
        mask_bytes=0,
        checkpoint_bytes=13_500 * MIB,
    ),
)

GOLDEN = """\
================================================================================
gpt2-finewebedu-adamw-s1337-1a2b3c4d
================================================================================
MODEL
  Model                  gpt2
  Architecture           12L-12H-768D-AbsPos-LN-GELUtanh-Pre
  Parameters             124,475,904 (124M)
    in the blocks        85,054,464 (85.1M)
    embeddings and rest  39,421,440 (39.4M)
  Layers                 12
  Heads                  12 of 64 channels
  Width                  768
  Context                1,024 tokens
  Vocabulary             50,304 (50,257 and 47 of padding)

TRAINING
  Micro-batch            12 sequences
  Accumulation           40 micro-batches a step
  Effective batch        480 sequences
  Tokens per step        491,520
  Steps                  10,000
  Tokens                 4,915,200,000 (4.92G)
  Epochs                 4.92 over 998,400,000 tokens
  Optimizer              adamw
  Learning rate          0.0006, 100 steps of warm-up, cosine to 6e-05
  Pruning                none

HARDWARE
  Device                 NVIDIA H200 (cuda)
  Memory                 140 GiB, 4.8 TB/s by its data sheet
  Arithmetic             bfloat16
  Processor              AMD EPYC 9654 96-Core Processor, 16 threads
  Attention              cuDNN
  Compiled               yes

EXPECTED
  FLOPs per token        0.8547 GFLOP, what the kernels multiply
    other conventions    0.8554 GFLOP (PaLM), 0.7980 GFLOP with the causal half
  Attention/FFN ratio    0.83
  Peak                   989.0 TFLOP/s (H200 SXM, dense bf16, NVIDIA data sheet;
                         1979 is 2:4 sparse)
  Matrix product here    790.1 TFLOP/s (8192 x 8192 x 8192)
  At 50 % MFU            578,596 tokens/s
  Memory                 1.86 GiB (weights 475 MiB, gradients 475 MiB, optimizer
                         state 950 MiB), and activations
  Disk for checkpoints   up to 13.2 GiB
--------------------------------------------------------------------------------
"""

ON_A_PROCESSOR = replace(
    ON_H200,
    training=replace(ON_H200.training, first_step=2_500),
    hardware=HardwareFacts("AMD EPYC (cpu)", None, None, "AMD EPYC", 1, "float32", ()),
    expected=replace(
        ON_H200.expected,
        peak_tflops=None,
        peak_note="no peak is known for AMD EPYC",
        matmul_tflops=0.1987,
        matmul_size=1024,
        tokens_per_s_at_half_peak=None,
        optimizer_bytes=0,
        mask_bytes=11 * MIB,
        checkpoint_bytes=0,
    ),
)


def test_the_whole_screen():
    assert "\n".join(banner(ON_H200)) + "\n" == GOLDEN


def test_what_is_not_known_is_said_and_nothing_is_invented():
    lines = banner(ON_A_PROCESSOR)
    assert lines[lines.index("HARDWARE") + 1 : lines.index("EXPECTED") - 1] == [
        "  Device                 AMD EPYC (cpu)",
        "  Arithmetic             float32",
        "  Processor              AMD EPYC, 1 thread",
    ]
    assert lines[lines.index("EXPECTED") + 4 : -1] == [
        "  Peak                   unknown: no peak is known for AMD EPYC",
        "  Matrix product here    0.1987 TFLOP/s (1024 x 1024 x 1024)",
        "  At 50 % of the product 116 tokens/s",
        "  Memory                 961 MiB (weights 475 MiB, gradients 475 MiB, masks 11",
        "                         MiB), and activations",
    ]
    assert "  Steps                  10,000, of which 2,500 are done" in lines


def test_without_a_peak_and_without_a_product_there_is_no_expected_speed():
    expected = replace(ON_A_PROCESSOR.expected, matmul_tflops=None, matmul_size=None)
    text = "\n".join(banner(replace(ON_A_PROCESSOR, expected=expected)))
    assert "tokens/s" not in text
    assert "product" not in text


def test_of_a_run_by_time_no_steps_tokens_or_epochs_are_made_up():
    training = replace(
        ON_A_PROCESSOR.training, steps=None, epochs=None, by_time="60 s of training or 500 steps"
    )
    facts = replace(ON_A_PROCESSOR, training=training)
    lines = banner(facts)
    assert lines[lines.index("TRAINING") + 5 : lines.index("TRAINING") + 8] == [
        "  Steps                  as many as fit into 60 s of training or 500 steps, of",
        "                         which 2,500 are done",
        "  An epoch               998,400,000 tokens",
    ]
    assert brief(facts)[0] == (
        "gpt2 (124M), 60 s of training or 500 steps, 491,520 tokens a step from step 2,500, on "
        "AMD EPYC (cpu), float32"
    )


def test_two_lines_for_several_runs_on_one_terminal():
    assert brief(ON_H200) == [
        "gpt2 (124M), 10,000 steps of 491,520 tokens, 4.92 epochs, on NVIDIA H200 (cuda), bfloat16",
        "0.8547 GFLOP a token, 579k tok/s at 50 % of 989.0 TFLOP/s, 1.86 GiB of training state, "
        "at most 13.2 GiB of checkpoints",
    ]
    assert brief(ON_A_PROCESSOR) == [
        "gpt2 (124M), 10,000 steps of 491,520 tokens from step 2,500, 4.92 epochs, on "
        "AMD EPYC (cpu), float32",
        "0.8547 GFLOP a token, no known peak, a matrix product runs at 0.1987 TFLOP/s, "
        "961 MiB of training state",
    ]


def test_a_small_share_of_an_epoch_is_not_zero():
    training = replace(ON_H200.training, epochs=0.000407, accumulation=1)
    facts = replace(ON_H200, training=training)
    assert ", 0.00041 epochs, on " in brief(facts)[0]
    lines = banner(facts)
    assert "  Epochs                 0.00041 over 998,400,000 tokens" in lines
    assert "  Accumulation           1 micro-batch a step" in lines


@pytest.mark.parametrize("facts", [ON_H200, ON_A_PROCESSOR])
def test_it_is_ascii_without_escape_codes_and_fits(facts):
    long = replace(facts, run="x" * 200, hardware=replace(facts.hardware, processor="word " * 40))
    for lines in (banner(facts), banner(long), brief(facts)):
        for line in lines:
            assert line.isascii()
            assert line.isprintable()
    assert all(len(line) <= 80 for line in banner(facts) + banner(long))
