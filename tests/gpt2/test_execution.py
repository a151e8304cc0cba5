import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gpt2 import execution
from gpt2.execution import (
    Scope,
    attention_in_use,
    compile_obstacle,
    evaluation_scope,
    find_facts,
    forward_scope,
    loss_function,
    prepare_model,
    rehearse,
    set_up,
    step_scope,
)
from gpt2.model import GPT
from gpt2.speed import Speed, SpeedError
from lib.device import Device, processor
from tests.gpt2.shapes import sized

SHAPE = sized(
    n_layer=2,
    n_head=2,
    n_embd=16,
    block_size=12,
    vocab_size=31,
    weight_tying=False,
    dropout=0.0,
)
FLOAT32 = Speed(
    dtype="float32",
    tf32=False,
    attention="fused",
    attention_kernels=(),
    compile=False,
    compile_mode=None,
    logit_rows=None,
    threads=1,
    keep_freed_memory=False,
    freeze_garbage=True,
    fit_micro_batch=False,
    notes=(),
)
BFLOAT16 = replace(FLOAT32, dtype="bfloat16", attention="blocked")
GPU = Device("cuda", "NVIDIA H100", 80 << 30, 1)


def model_of(**changes):
    return GPT(replace(SHAPE, **changes), 0).train()


def rows(seed=0, batch=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(31, (batch, 13), generator=generator)


class Casts(TorchDispatchMode):
    """Counts the conversions of tensors of one shape."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.count = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        if function is torch.ops.aten._to_copy.default and arguments[0].shape == self.shape:
            self.count += 1
        return function(*arguments, **(keywords or {}))


def accumulate(model, speed, seeds, outer):
    """The gradients of several micro-batches."""
    with outer:
        for seed in seeds:
            with forward_scope(speed, "cpu"):
                loss = model.loss(rows(seed)) / len(seeds)
            loss.backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad(set_to_none=True)
    return gradients


def test_micro_batches_of_a_step_share_one_cast_of_each_weight():
    model = model_of()
    prepare_model(model, BFLOAT16)
    head = model.head.weight.shape
    with Casts(head) as shared:
        together = accumulate(model, BFLOAT16, range(3), step_scope(BFLOAT16, "cpu"))
    with Casts(head) as alone:
        one_by_one = accumulate(model, BFLOAT16, range(3), Scope())
    # The cast forward, and back that of each gradient.
    assert (shared.count, alone.count) == (1 + 3, 3 + 3)
    assert all(torch.equal(a, b) for a, b in zip(together, one_by_one, strict=True))


def test_the_next_step_sees_the_weights_that_this_one_made():
    model = model_of()
    prepare_model(model, BFLOAT16)
    scope = step_scope(BFLOAT16, "cpu")

    def loss():
        with scope, forward_scope(BFLOAT16, "cpu"):
            return model.loss(rows()).item()

    before = loss()
    with torch.no_grad():
        model.head.weight.mul_(3)
    assert loss() != before


def test_float32_computes_as_without_any_scope():
    model = model_of()
    prepare_model(model, FLOAT32)
    with step_scope(FLOAT32, "cpu"), forward_scope(FLOAT32, "cpu"):
        inside = model.loss(rows())
    assert inside.dtype == torch.float32
    assert torch.equal(inside, model_of().loss(rows()))
    with evaluation_scope(FLOAT32, "cpu"):
        assert torch.equal(model.loss(rows()), inside)


def test_a_scope_opens_again_and_closes_after_an_error():
    scope = evaluation_scope(
        replace(BFLOAT16, attention="fused", attention_kernels=("math",)), "cpu"
    )
    for _ in range(2):
        with scope:
            assert torch.is_autocast_enabled("cpu")
            assert not torch.backends.cuda.flash_sdp_enabled()
        assert not torch.is_autocast_enabled("cpu")
        assert torch.backends.cuda.flash_sdp_enabled()
    with pytest.raises(ZeroDivisionError), scope:
        _ = 1 / 0
    assert not torch.is_autocast_enabled("cpu")
    assert torch.backends.cuda.flash_sdp_enabled()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_form_trains_the_same_model(dtype):
    losses = {}
    for form in ("fused", "blocked", "plain"):
        speed = replace(FLOAT32, dtype=dtype, attention=form)
        model = model_of()
        prepare_model(model, speed)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        for seed in range(8):
            with step_scope(speed, "cpu"):
                with forward_scope(speed, "cpu"):
                    loss = model.loss(rows(seed % 2))
                loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        losses[form] = loss.item()
    tolerance = 1e-5 if dtype == "float32" else 2e-2
    assert losses["fused"] < 3.35  # from log 31 = 3.43
    assert losses["blocked"] == pytest.approx(losses["fused"], abs=tolerance)
    assert losses["plain"] == pytest.approx(losses["fused"], abs=tolerance)


def test_logits_in_parts_are_the_model_s_loss_too():
    whole, parts = model_of(), model_of()
    prepare_model(parts, replace(FLOAT32, logit_rows=7))
    assert parts.logit_rows == 7
    for reduction in ("mean", "sum"):
        torch.testing.assert_close(parts.loss(rows(), reduction), whole.loss(rows(), reduction))
    whole.loss(rows()).backward()
    parts.loss(rows()).backward()
    for (name, a), b in zip(whole.named_parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(b.grad, a.grad, msg=name)


def test_what_computes_the_attention_is_asked_of_torch():
    model, with_dropout = model_of(), model_of(dropout=0.1)
    state = torch.random.get_rng_state()
    assert attention_in_use(model, FLOAT32, "cpu") == "flash"
    # What resolve notes of dropout on a processor is true.
    assert attention_in_use(with_dropout, FLOAT32, "cpu") == "math"
    math = replace(FLOAT32, attention_kernels=("math",))
    assert attention_in_use(model, math, "cpu") == "math"
    assert attention_in_use(model, BFLOAT16, "cpu") == "blocked"
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_kernel_that_cannot_is_told_with_its_reason():
    wanted = replace(FLOAT32, attention_kernels=("cudnn",))
    with pytest.raises(SpeedError, match=r"ATTENTION=cudnn cannot work here.*ATTENTION=auto"):
        attention_in_use(model_of(), wanted, "cpu")


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_rehearsal_leaves_nothing_behind(dropout):
    model = model_of(dropout=dropout)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    seconds = rehearse(model.loss, model, 2, FLOAT32, "cpu")
    assert seconds > 0
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_rehearsal_that_fails_leaves_nothing_either():
    model = model_of()

    class Trap(torch.autograd.Function):
        @staticmethod
        def forward(ctx, loss):
            return loss.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise torch.OutOfMemoryError("full")

    # The second loss's gradient is there when the first fails.
    def loss(rows):
        value = model.loss(rows)
        value.backward(retain_graph=True)
        return Trap.apply(value)

    with pytest.raises(torch.OutOfMemoryError):
        rehearse(loss, model, 2, FLOAT32, "cpu")
    assert all(parameter.grad is None for parameter in model.parameters())


def test_not_compiled_it_is_the_model_s_own_loss():
    model = model_of()
    assert loss_function(model, FLOAT32) == model.loss


@pytest.mark.slow
@pytest.mark.parametrize("logit_rows", [None, 7], ids=["whole", "parts"])
@pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler for torch.compile"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_it_is_the_same_function_of_the_same_parameters(tmp_path, monkeypatch, logit_rows):
    import torch._dynamo

    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    model, eager = model_of(n_layer=1), model_of(n_layer=1)
    speed = replace(FLOAT32, compile=True, logit_rows=logit_rows)
    set_up(speed, tmp_path / "cache")
    prepare_model(model, speed)
    loss_of = loss_function(model, speed)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    first_s = rehearse(loss_of, model, 2, speed, "cpu")
    # One graph: nothing of the step is left to Python.
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert not torch._dynamo.utils.counters["graph_break"]
    assert list(model.state_dict()) == list(eager.state_dict())
    torch._dynamo.utils.counters.clear()
    for seed in range(3):
        model.zero_grad()
        eager.zero_grad()
        # An evaluation between the steps, its last window shorter, compiles nothing.
        with torch.no_grad():
            model.eval().loss(rows(seed)[:, :5], reduction="sum")
        model.train()
        compiled, expected = loss_of(rows(seed)), eager.loss(rows(seed))
        compiled.backward()
        expected.backward()
        torch.testing.assert_close(compiled, expected)
        for a, b in zip(model.parameters(), eager.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-4)
    # All that was compiled was compiled in the rehearsal.
    assert torch._dynamo.utils.counters["stats"].get("unique_graphs", 0) == 0
    model.zero_grad(set_to_none=True)
    assert rehearse(loss_of, model, 2, speed, "cpu") < first_s
    assert any((tmp_path / "cache").iterdir())
    torch._dynamo.reset()


def test_a_failed_compilation_is_a_sentence():
    from torch._dynamo.exc import Unsupported

    def loss(rows):
        raise Unsupported("no such operator\nand a page of advice")

    with pytest.raises(SpeedError, match=r"^torch.compile failed: .*COMPILE=off trains without it"):
        rehearse(loss, model_of(), 2, replace(FLOAT32, compile=True), "cpu")


def test_facts_of_this_processor():
    facts = find_facts(processor(), {"OMP_NUM_THREADS": "3", "PATH": os.environ["PATH"]})
    assert (facts.kind, facts.capability, facts.cudnn) == ("cpu", None, None)
    assert facts.omp_num_threads == "3"
    assert facts.cores >= 1


def test_facts_of_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91900)
    monkeypatch.setattr(execution.importlib.util, "find_spec", lambda name: SimpleNamespace())
    facts = find_facts(GPU, {})
    assert (facts.capability, facts.cudnn, facts.compile_obstacle) == ((9, 0), 91900, None)
    # Of an AMD GPU the same function of torch tells another number, which is no capability.
    amd = find_facts(replace(GPU, kind="rocm", name="AMD Instinct"), {})
    assert (amd.capability, amd.cudnn, amd.compile_obstacle) == (None, None, None)


def test_what_keeps_torch_from_compiling(monkeypatch, tmp_path):
    assert "no g++" in compile_obstacle(processor(), {"PATH": str(tmp_path)})
    assert "no icpx" in compile_obstacle(processor(), {"PATH": str(tmp_path), "CXX": "icpx"})
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (6, 1))
    monkeypatch.setattr(execution.importlib.util, "find_spec", lambda name: SimpleNamespace())
    assert "this GPU has 6.1" in compile_obstacle(GPU, {})
    monkeypatch.setattr(execution.importlib.util, "find_spec", lambda name: None)
    assert "triton" in compile_obstacle(GPU, {})


def test_setting_up_sets_what_was_decided(monkeypatch, tmp_path):
    kept = []
    matmul = torch.backends.cuda.matmul
    before = torch.get_num_threads(), matmul.fp32_precision
    monkeypatch.setattr(execution, "keep_freed_memory", lambda: kept.append(True))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    try:
        set_up(replace(FLOAT32, threads=2), tmp_path)
        assert (torch.get_num_threads(), matmul.fp32_precision) == (2, "ieee")
        assert kept == []
        assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ
        set_up(replace(FLOAT32, tf32=True, keep_freed_memory=True, compile=True), tmp_path)
        assert matmul.fp32_precision == "tf32"
        assert kept == [True]
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path)
        set_up(replace(FLOAT32, compile=True), tmp_path / "other")
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path)
    finally:
        torch.set_num_threads(before[0])
        matmul.fp32_precision = before[1]
        os.environ.pop("TORCHINDUCTOR_CACHE_DIR", None)
