"""The plan says what memory its runs need, and `make` computes nothing that cannot fit."""

import pytest

from gpt2.memory_need import TooLittleMemory
from lib.host_memory import Memory
from scripts.matrix import __main__ as command
from scripts.matrix import memory
from scripts.matrix.memory import memory_lines, needed, require_memory
from scripts.matrix.plan import plan
from scripts.matrix.show import plan_text

GIB = 1 << 30
XL = {"MODEL": "gpt2-xl", "DATASET": "shakespeare", "BLOCK_SIZE": 1024, "BATCH_SIZE": 8}
ONE = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"}


@pytest.fixture
def machine(monkeypatch):
    """machine(total, free, gpu): what there is, in GiB."""

    def make(total, free, gpu=None):
        memory._memories_of.cache_clear()
        monkeypatch.setattr(
            memory, "host_memory", lambda: Memory(int(total * GIB), int(free * GIB))
        )
        found = gpu and Memory(int(gpu * GIB), int(gpu * GIB))
        monkeypatch.setattr(memory, "gpu_memory", lambda kind: found)

    yield make
    memory._memories_of.cache_clear()


def test_it_is_said_before_the_data_is_prepared(configure, machine, tmp_path):
    machine(64, 60)
    a_plan = plan(configure(**ONE, DATASET="shakespeare", DATA_DIR=tmp_path / "none"))
    (line,) = memory_lines(a_plan, 1)
    assert line.startswith("Memory: at most about 3")
    assert line.endswith("; this machine has 64 GiB, 60 GiB of it free.")
    assert line in plan_text(a_plan).splitlines()
    of_text = plan(configure(**ONE, DATASET="custom", CUSTOM_TOKENIZER="char", CUSTOM_PATH="x"))
    assert needed(of_text.runs[0]) is None
    assert memory_lines(of_text, 1) == []


def test_a_model_that_cannot_fit_is_warned_of_and_refused(configure, machine):
    machine(23.5, 22)
    a_plan = plan(configure(**ONE, **XL))
    _, refused = memory_lines(a_plan, 1)
    assert refused.startswith("adamw: REFUSED: This run cannot fit: about 83.6 GiB")
    with pytest.raises(TooLittleMemory, match="this machine has 23.5 GiB"):
        require_memory(a_plan)
    told = plan(configure(**ONE, **XL, CHECK_MEMORY="n"))
    _, said = memory_lines(told, 1)
    assert said.startswith("adamw: memory may not be enough")
    require_memory(told)


def test_make_computes_nothing_of_a_plan_with_such_a_run(configure, machine, monkeypatch, capsys):
    machine(23.5, 22)
    monkeypatch.setattr(command, "record", lambda the_plan: None)
    monkeypatch.setattr(command, "_make", lambda *arguments: pytest.fail("it was computed"))
    with pytest.raises(TooLittleMemory):
        command.run(plan(configure(**ONE, **XL)))
    assert "REFUSED" in capsys.readouterr().out


def test_runs_at_the_same_time_need_it_together(configure, machine):
    a_plan = plan(configure(DATASET="pystdlib"))
    machine(64, 60)
    one = needed(a_plan.runs[0])[0].needed
    machine(64, 1.5 * one / GIB)
    assert len(memory_lines(a_plan, 1)) == 1
    _, together = memory_lines(a_plan, 2)
    assert together.startswith("2 RUNS AT A TIME TAKE ABOUT ")


def test_the_gpu_that_is_here_or_else_the_one_that_is_asked_for(configure, machine):
    gpu = ONE | XL | {"DEVICE": "cuda", "DTYPE": "bfloat16"}
    machine(256, 250, gpu=141)
    assert "the GPU has 141 GiB" in memory_lines(plan(configure(**gpu)), 1)[0]
    machine(256, 250)
    (unknown,) = memory_lines(plan(configure(**gpu)), 1)
    assert unknown.endswith("by formula.")
    _, refused = memory_lines(plan(configure(**gpu, DEVICE_MEMORY_GIB=22)), 1)
    assert "REFUSED" in refused
    assert "the GPU has 22 GiB" in refused
    automatic = plan(configure(**ONE, **XL, DEVICE="auto", CHECK_MEMORY="n"))
    assert "this machine has 256 GiB" in memory_lines(automatic, 1)[0]


def test_options_that_rule_each_other_out_are_the_run_s_to_refuse(configure, machine):
    machine(64, 60)
    a_plan = plan(configure(**ONE, ATTENTION="cudnn"))
    assert needed(a_plan.runs[0]) is None
