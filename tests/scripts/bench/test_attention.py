import pytest
import torch

from scripts.bench import attention
from scripts.bench.attention import FORMS, main


def test_it_runs_and_says_where(capsys):
    threads = torch.get_num_threads()
    try:
        assert main(["--quick", "--device", "cpu"]) == 0
    finally:
        torch.set_num_threads(threads)
    text = capsys.readouterr().out
    assert "Measured on" in text
    for form in FORMS:
        assert text.count(f"| bfloat16 | {form} |") == 1


def test_a_kernel_that_cannot_has_no_row(monkeypatch):
    step = attention.attention_step

    def broken(shape, dtype, device, form):
        if form == "math":
            raise RuntimeError("No available kernel.")
        return step(shape, dtype, device, form)

    monkeypatch.setattr(attention, "attention_step", broken)
    found = list(attention.rows(torch.device("cpu"), attention.QUICK, [(1, 1, 4, 8)]))
    assert {row[2] for row in found} == {"control", "blocked", "plain"}


@pytest.fixture(autouse=True)
def no_allocator(monkeypatch):
    """The setting would stay for all tests of this process."""
    monkeypatch.setattr(attention, "keep_freed_memory", lambda: None)
