"""What holds for every architecture: `make check-arch`."""

import hashlib
import subprocess
import sys

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from gpt2.architectures import model_of
from gpt2.components.cache import KeyValueCache
from gpt2.cost import model_flops
from gpt2.ra import ReciprocalGPT
from gpt2.reciprocal.gates import DORMANT
from gpt2.reciprocal.steps import STEPS
from gpt2.sizes import block_matrices, parameter_count
from lib.cli import ROOT
from lib.flops import EXACT
from lib.optimizers import build_optimizer
from tests.architectures.cases import CASES, STEP_CASES, VOCABULARY, all_pairs, covering_rows
from tests.architectures.cases import pairs_of as pairs_in

every_case = pytest.mark.parametrize("case", CASES)
every_step = pytest.mark.parametrize("case", STEP_CASES)


def test_every_pair_of_components_is_looked_at():
    rows = covering_rows()
    assert set().union(*map(pairs_in, rows)) == all_pairs()
    assert len(rows) < 40


@every_case
def test_it_builds_without_memory_and_its_parameters_are_counted(settings_of_case, case):
    settings = settings_of_case(case)
    with torch.device("meta"):
        model = model_of(settings, VOCABULARY, None)
    assert parameter_count(settings, VOCABULARY) == sum(p.numel() for p in model.parameters())
    matrices = sum(p.numel() for p in model.blocks.parameters() if p.dim() >= 2)
    assert block_matrices(settings, model.shape) == matrices


def counted_flops(model) -> float:
    """Per token, forward and backward, by torch's own counter."""
    length = model.shape.block_size
    rows = torch.zeros(2, length + 1, dtype=torch.int64)
    counter = FlopCounterMode(display=False)
    # The counter sees nothing inside of the processor's flash kernel.
    with sdpa_kernel(SDPBackend.MATH), counter:
        model.loss(rows).backward()
    return counter.get_total_flops() / (2 * length)


@every_case
def test_its_work_is_what_pytorch_counts(build, case):
    model = build(case).train()
    flops = model_flops(model, model.shape.block_size).training(EXACT)
    assert flops == counted_flops(model)


@torch.no_grad()
def assert_causal(function, tokens_T) -> None:
    """Changing every token from position t on changes no logits before t, for every t at once.

    Row t of a batch has its changes from t on; the batch beside it has none, in the same shape, so
    that both take the same way through every kernel and the bits can be compared.
    """
    length = len(tokens_T)
    before_TT = tokens_T.expand(length, length).contiguous()
    after_TT = torch.where(
        torch.ones(length, length, dtype=torch.bool).triu(), (before_TT + 7) % VOCABULARY, before_TT
    )
    before_TTV, after_TTV = function(before_TT), function(after_TT)
    for position in range(length):
        before, after = before_TTV[position], after_TTV[position]
        assert torch.equal(after[:position], before[:position]), position
        assert not (after[position:] == before[position:]).all(dim=-1).any(), position


@every_case
@pytest.mark.parametrize("is_training", [False, True])
def test_a_token_never_changes_what_came_before_it(build, text, case, is_training):
    model = build(case, DROPOUT="0.0").double().train(is_training)
    assert_causal(model, text[0])


@every_case
def test_any_pieces_through_a_cache_give_the_logits_of_one_pass(build, text, case):
    model = build(case).double().eval()
    cache = KeyValueCache(2, 16)
    with torch.no_grad():
        pieces = [model.hidden(piece, cache) for piece in text.split([5, 1, 1, 9], dim=1)]
        torch.testing.assert_close(
            torch.cat(pieces, dim=1), model.hidden(text), atol=1e-12, rtol=1e-9
        )


@every_case
def test_gradients_reach_every_parameter_and_move_it(build, settings_of_case, text, case):
    """Asleep and awake."""
    for awake in (DORMANT, 1.0):
        model = build(case, DROPOUT="0.0").train()
        if isinstance(model, ReciprocalGPT):
            model.wake(awake)
        optimizer = build_optimizer("adamw", model.named_parameters(), settings_of_case(case))
        start = {name: p.detach().clone() for name, p in model.named_parameters()}
        for _ in range(3):
            model.loss(text).backward()
            for name, parameter in model.named_parameters():
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all(), name
                assert parameter.grad.count_nonzero() > 0, name
            optimizer.step()
            optimizer.zero_grad()
        for name, parameter in model.named_parameters():
            assert not torch.equal(parameter, start[name]), name


def digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.detach().contiguous().numpy().tobytes()).hexdigest()[:16]


def forward_digest(model, text) -> str:
    with torch.no_grad():
        return digest(model.eval()(text))


IN_A_FRESH_PROCESS = """
import sys, torch
from gpt2.architectures import model_of
from tests.architectures.test_architectures import forward_digest
saved = torch.load(sys.argv[1], weights_only=True)
for case, (settings, weights) in saved["cases"].items():
    model = model_of(settings, saved["vocabulary"], None)
    model.load_state_dict(weights)
    print(case, forward_digest(model, saved["text"]), sep="=")
"""


def test_saved_and_loaded_in_a_fresh_process_it_is_the_same_function(
    build, settings_of_case, text, tmp_path
):
    wanted, cases = {}, {}
    for case in CASES:
        model = build(case)
        settings = settings_of_case(case)
        # Not only as it began: a little trained, and half awake.
        optimizer = build_optimizer("adamw", model.named_parameters(), settings)
        model.train().loss(text).backward()
        optimizer.step()
        if isinstance(model, ReciprocalGPT):
            model.wake(0.4)
        wanted[case] = forward_digest(model, text)
        cases[case] = (settings, model.state_dict())
    path = tmp_path / "models.pt"
    torch.save({"cases": cases, "text": text, "vocabulary": VOCABULARY}, path)
    command = [sys.executable, "-c", IN_A_FRESH_PROCESS, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert dict(line.split("=") for line in done.stdout.splitlines()) == wanted


def trained_digest(model, settings, text) -> str:
    """Of the initial weights, three losses and the weights after three steps."""
    parts = [digest(p) for p in model.parameters()]
    optimizer = build_optimizer("adamw", model.named_parameters(), settings)
    model.train()
    for _ in range(3):
        loss = model.loss(text)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        parts.append(digest(loss))
    parts += [digest(p) for p in model.parameters()]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def test_no_step_depends_on_the_steps_before_it(build, settings_of_case, text):
    """Forward, every step has all earlier ones of the table before it; backward all later ones."""

    def one(case: str) -> str:
        settings = settings_of_case(case, DROPOUT="0.0")
        return trained_digest(build(case, DROPOUT="0.0"), settings, text)

    forward = {case: one(case) for case in STEP_CASES}
    backward = {case: one(case) for case in reversed(STEP_CASES)}
    assert forward == backward
    # And they are different things, but for those that differ only later in a run or not at all
    # before training.
    assert len(set(forward.values())) >= len(STEPS) - 10


@every_step
def test_only_matrices_decay(build, settings_of_case, case):
    model = build(case)
    optimizer = build_optimizer("adamw", model.named_parameters(), settings_of_case(case))
    for group in optimizer.param_groups:
        if group["weight_decay"]:
            assert all(parameter.dim() >= 2 for parameter in group["params"])
