"""A run asks for its memory before it makes anything of that size."""

import re

from gpt2 import instruments
from gpt2.memory_need import GPU, HOST, TooLittleMemory
from gpt2.trainers import run as run_module
from lib.device import Device, processor
from lib.host_memory import Memory


def test_a_run_that_cannot_fit_ends_before_there_is_a_model(train, empty_run, monkeypatch):
    monkeypatch.setattr(instruments, "host_memory", lambda: Memory(100 << 20, 90 << 20))
    made = []
    monkeypatch.setattr(run_module, "initial_weights", lambda *arguments: made.append("weights"))
    run = empty_run()
    said = ""
    try:
        train(run=run)
    except TooLittleMemory as error:
        said = str(error)
    assert made == []
    assert re.match("This run cannot fit: about 2.. MiB of memory are needed", said)
    # It may be mended, so the run has not ended.
    assert run.summary() is None


def test_told_so_it_runs_and_the_log_has_the_doubt(train, monkeypatch):
    monkeypatch.setattr(instruments, "host_memory", lambda: Memory(100 << 20, 90 << 20))
    outcome, run = train(CHECK_MEMORY="n", MAX_ITERS=3)
    assert outcome.status == "done"
    assert "note: memory may not be enough: about 2" in run.log_path.read_text()


def test_the_gpu_is_asked_by_pytorch(monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (30, 80))
    assert instruments.memories_of(Device("cuda", "a GPU", 80, 1))[GPU] == Memory(80, 30)
    here = instruments.memories_of(processor())
    assert GPU not in here
    assert here[HOST].total_bytes > here[HOST].free_bytes > 0
