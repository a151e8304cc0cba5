"""Mutants of speed: what must stay the same function, leave nothing behind, or be refused."""

from tests.mutants.mutant import Mutant

BLOCKED = "gpt2/components/blocked_attention.py"
BLOCKED_TESTS = "tests/gpt2/components/test_blocked_attention.py"
EXECUTION = "gpt2/execution.py"
EXECUTION_TESTS = "tests/gpt2/test_execution.py"
RESOLVE = "gpt2/speed.py"
RESOLVE_TESTS = "tests/gpt2/test_speed.py"

SPEED = (
    Mutant(
        mechanism="blocked attention: the future is hidden inside a block too",
        defect="a token sees the others of its block",
        file=BLOCKED,
        original="            scores_NRE[:, :, start:] += _future(end - start, scores_NRE)\n",
        replacement="",
        test=f"{BLOCKED_TESTS}::test_a_token_never_changes_what_came_before_it",
    ),
    Mutant(
        mechanism="blocked attention: keys gather the gradients of all blocks",
        defect="of the last block only",
        file=BLOCKED,
        original="                dk_NTD[:, :end] += of_keys_NED\n",
        replacement="",
        test=f"{BLOCKED_TESTS}::test_it_is_causal_attention_in_blocks_of_any_size",
    ),
    Mutant(
        mechanism="blocked attention: dropout acts on the gradients as on the weights",
        defect="what was dropped gets a gradient",
        file=BLOCKED,
        original="                dp_NRE *= factor\n",
        replacement="",
        test=f"{BLOCKED_TESTS}::test_with_dropout_the_gradient_is_that_of_what_was_kept",
    ),
    Mutant(
        mechanism="loss in parts: the gradient of the loss, not of the logarithms",
        defect="the target's own probability is left in",
        file="gpt2/loss.py",
        original="new_full((len(targets_R), 1), -1.0)",
        replacement="new_full((len(targets_R), 1), 0.0)",
        test="tests/gpt2/test_loss.py::"
        "test_parts_of_any_size_give_the_loss_and_the_gradients_of_the_whole",
    ),
    Mutant(
        mechanism="loss in parts: the factor of a micro-batch reaches both gradients",
        defect="not that of the head",
        file="gpt2/loss.py",
        original="of_weight_VC * factor",
        replacement="of_weight_VC",
        test="tests/gpt2/test_loss.py::"
        "test_parts_of_any_size_give_the_loss_and_the_gradients_of_the_whole",
    ),
    Mutant(
        mechanism="loss: summed in float32",
        defect="in the dtype of the logits",
        file="gpt2/loss.py",
        original="F.cross_entropy(logits_NV.float(), targets_N, reduction=reduction)",
        replacement="F.cross_entropy(logits_NV, targets_N, reduction=reduction)",
        test="tests/gpt2/test_loss.py::test_logits_of_bfloat16_are_summed_in_float32",
    ),
    Mutant(
        mechanism="step: one cast of each weight for all micro-batches",
        defect="one for each micro-batch",
        file=EXECUTION,
        original="contexts.append(lambda: torch.autocast(device, enabled=False))",
        replacement="pass",
        test=f"{EXECUTION_TESTS}::test_micro_batches_of_a_step_share_one_cast_of_each_weight",
    ),
    Mutant(
        mechanism="rehearsal: no random number is drawn",
        defect="dropout goes on from where the rehearsal left it",
        file=EXECUTION,
        original="with untouched_random_streams(device), step_scope(speed, device):",
        replacement="with step_scope(speed, device):",
        test=f"{EXECUTION_TESTS}::test_a_rehearsal_leaves_nothing_behind",
    ),
    Mutant(
        mechanism="rehearsal: no gradient is left",
        defect="the first step adds to made-up gradients",
        file=EXECUTION,
        original="        model.zero_grad(set_to_none=True)\n",
        replacement="        pass\n",
        test=f"{EXECUTION_TESTS}::test_a_rehearsal_leaves_nothing_behind",
    ),
    Mutant(
        mechanism="speed: bfloat16 only where the device has it",
        defect="automatic is always bfloat16",
        file=RESOLVE,
        original='return "bfloat16" if facts.has_bfloat16 else "float32"',
        replacement='return "bfloat16"',
        test=f"{RESOLVE_TESTS}::test_what_each_device_does_by_itself",
    ),
    Mutant(
        mechanism="speed: float32 on a processor keeps its bits",
        defect="blocks in float32 too",
        file=RESOLVE,
        original='if dtype == "bfloat16" and is_short',
        replacement="if is_short",
        test=f"{RESOLVE_TESTS}::test_float32_on_a_processor_is_left_to_torch",
    ),
    Mutant(
        mechanism="start-up: a run that compiles nothing imports no compiler",
        defect="torch imports it for its optimizers",
        file=EXECUTION,
        original="        do_without_compiler()\n",
        replacement="        pass\n",
        test="tests/gpt2/test_train.py::test_a_run_that_compiles_nothing_imports_no_compiler",
    ),
    Mutant(
        mechanism="start-up: optimizers without the compiler compute no gradients",
        defect="their updates are recorded for a backward pass",
        file="lib/optimizers/eager.py",
        original='torch.set_grad_enabled(self.defaults["differentiable"])',
        replacement="torch.enable_grad()",
        test="tests/lib/optimizers/test_eager.py::"
        "test_every_optimizer_does_the_same_without_the_compiler",
    ),
    Mutant(
        mechanism="speed: what is asked for is done or refused",
        defect="a compiler that is missing is passed over",
        file=RESOLVE,
        original='    if wanted == "auto":\n        notes.append(f"COMPILE=auto',
        replacement='    if wanted:\n        notes.append(f"COMPILE=auto',
        test=f"{RESOLVE_TESTS}::test_what_is_asked_for_is_done_or_refused",
    ),
    Mutant(
        mechanism="micro-batch: trials go on upwards",
        defect="the first that fits is taken",
        file="gpt2/footprint.py",
        original="while place + 1 < len(sizes) and",
        replacement="while False and",
        test="tests/gpt2/test_footprint.py::"
        "test_the_largest_that_fits_is_found_however_wrong_the_formula",
    ),
    Mutant(
        mechanism="micro-batch: a trial sees the optimizer's state",
        defect="the state comes on top, after the trial",
        file="gpt2/micro_batch.py",
        original="return torch.cuda.max_memory_allocated() + state_bytes",
        replacement="return torch.cuda.max_memory_allocated()",
        test="tests/gpt2/test_micro_batch.py::test_a_gpu_is_tried",
    ),
    Mutant(
        mechanism="memory that is freed is kept",
        defect="large blocks go back to the system",
        file="lib/allocator.py",
        original="((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER))",
        replacement="((M_TRIM_THRESHOLD, NEVER),)",
        test="tests/lib/test_allocator.py::"
        "test_freed_memory_is_used_again_without_asking_the_system",
    ),
    Mutant(
        mechanism="threads: physical cores",
        defect="hardware threads",
        file="lib/cpu.py",
        original="return len({_core(number, root) for number in processors})",
        replacement="return len(set(processors))",
        test="tests/lib/test_cpu.py::test_hardware_threads_of_one_core_count_once",
    ),
    Mutant(
        mechanism="threads: no more than a container's quota",
        defect="the quota is not read",
        file="lib/cpu.py",
        original="    return cores if quota is None else max(1, min(cores, int(quota)))",
        replacement="    return cores",
        test="tests/lib/test_cpu.py::test_a_quota_of_time_is_not_exceeded",
    ),
    Mutant(
        mechanism="garbage: collected when told and only then",
        defect="Python's own collections go on",
        file="lib/garbage.py",
        original="            gc.disable()\n",
        replacement="",
        test="tests/lib/test_garbage.py::test_held_it_collects_when_told_and_only_then",
    ),
)
