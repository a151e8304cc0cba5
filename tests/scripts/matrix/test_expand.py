"""The expansion of a matrix: which runs, which not, each once."""

import time

import pytest

from gpt2 import described
from scripts.matrix.expand import expand
from scripts.matrix.plan import plan
from scripts.matrix.show import plan_text

FULL = {
    "PRUNING_METHOD": "none,magnitude,state",
    "ADAMWPRUNE_VARIANT": "bitter0,bitter1,bitter7",
}


def arms(expansion):
    return [run.arm for run in expansion.runs]


def test_impossible_pairs_are_left_out_with_their_reason(configure):
    expansion = expand(configure(**FULL))
    assert arms(expansion) == [
        "adamw",
        "adamw+magnitude@50%",
        "adamwprune",
        "adamwprune+bitter0@50%",
        "adamwprune+bitter1@50%",
        "adamwprune+bitter7@50%",
    ]
    assert [(axes["OPTIMIZER"], axes["PRUNING_METHOD"]) for axes, _ in expansion.skipped] == [
        ("adamw", "state"),
        ("adamwprune", "magnitude"),
    ]
    assert all(reason for _, reason in expansion.skipped)


def test_each_run_has_one_member_of_each_axis_and_nothing_left_to_expand(configure):
    for run in expand(configure(SEEDS=2, SWEEP="LEARNING_RATE=1e-3,2e-3", **FULL)).runs:
        config = run.configuration.typed()
        assert all(len(members) == 1 for members in run.configuration.axes().values())
        assert (config.SEEDS, config.SWEEP) == (1, "")
        assert len(expand(run.configuration).runs) == 1
        assert expand(run.configuration).runs[0].hash == run.hash


def test_seeds_count_up_from_the_first(configure):
    expansion = expand(configure(SEED=7, SEEDS=3, OPTIMIZER="adamw", PRUNING_METHOD="none"))
    assert [run.axes["SEED"] for run in expansion.runs] == [7, 8, 9]
    assert len({run.hash for run in expansion.runs}) == 3


def test_a_dense_run_is_not_computed_once_for_each_sparsity(configure):
    expansion = expand(configure(SWEEP="TARGET_SPARSITY=0.5,0.9", OPTIMIZER="adamw"))
    assert arms(expansion) == ["adamw", "adamw+magnitude@50%", "adamw+magnitude@90%"]
    assert [same.run.arm for same in expansion.merged] == ["adamw"]


def test_an_equal_number_written_otherwise_is_the_same_run(configure):
    first = expand(configure(TARGET_SPARSITY="0.50", LEARNING_RATE="1e-1"))
    second = expand(configure(TARGET_SPARSITY="5e-1", LEARNING_RATE="0.1"))
    assert [run.hash for run in first.runs] == [run.hash for run in second.runs]


def test_a_sweep_of_a_choice(configure):
    expansion = expand(
        configure(SWEEP="DTYPE=float32,bfloat16", OPTIMIZER="adamw", PRUNING_METHOD="none")
    )
    assert [run.configuration.typed().DTYPE for run in expansion.runs] == ["float32", "bfloat16"]
    assert arms(expansion) == ["adamw DTYPE=float32", "adamw DTYPE=bfloat16"]


def test_options_that_cannot_change_a_result_do_not_change_a_run(configure, tmp_path):
    one, other = (
        expand(configure(LOG_INTERVAL=log, PARALLEL_JOBS=jobs, MATRIX_NAME=name))
        for log, jobs, name in ((1, 1, "a"), (2, 4, "b"))
    )
    assert [run.hash for run in one.runs] == [run.hash for run in other.runs]


def test_what_can_change_a_result_changes_the_run(configure):
    base = {run.hash for run in expand(configure()).runs}
    for name, value in (
        ("MAX_ITERS", 21),
        ("BETA2", "0.5"),
        ("CPU_THREADS", 2),
        ("ARCH_PRESET", "llama"),
    ):
        assert base.isdisjoint(run.hash for run in expand(configure(**{name: value})).runs), name


def test_no_variant_is_an_error_and_never_a_default(configure):
    with pytest.raises(ValueError, match="ADAMWPRUNE_VARIANT is empty"):
        expand(configure(ADAMWPRUNE_VARIANT_BITTER1="n"))


def test_nothing_possible_is_an_error(configure):
    with pytest.raises(ValueError, match="no run is left"):
        expand(configure(OPTIMIZER="adamwprune", PRUNING_METHOD="magnitude"))


def test_a_sweep_out_of_range_is_refused_before_anything_runs(configure):
    with pytest.raises(ValueError, match="BATCH_SIZE"):
        expand(configure(SWEEP="BATCH_SIZE=1,70000"))


@pytest.mark.slow
def test_a_thousand_runs_are_expanded_in_proportion(configure):
    """Not a timing test: ten times the runs must not cost a hundred times the work."""
    seconds = []
    for seeds in (25, 250):
        start = time.perf_counter()
        runs = expand(configure(SEEDS=seeds)).runs
        seconds.append(time.perf_counter() - start)
        assert len(runs) == 4 * seeds
    assert seconds[1] < 30 * seconds[0]


DENSE = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"}


def test_variations_are_one_thing_each_beside_every_arm(configure):
    wanted = "POSITION_ENCODING=rope;FFN_TYPE=swiglu BIAS=n;ARCH_PRESET=llama;MAX_ITERS=21"
    result = expand(configure(**DENSE | {"ARCH_PRESET": "custom", "VARIATIONS": wanted}))
    assert [run.arm for run in result.runs] == [
        "adamw gpt2",
        "adamw rope",
        "adamw swiglu+nobias",
        "adamw llama",
        "adamw gpt2 MAX_ITERS=21",
    ]
    assert len({run.hash for run in result.runs}) == 5
    assert result.axes["VARIATION"] == ["", *wanted.split(";")]
    assert [run.axes["VARIATION"] for run in result.runs] == result.axes["VARIATION"]


def test_a_variation_that_changes_nothing_is_the_same_run(configure):
    result = expand(configure(**DENSE | {"ARCH_PRESET": "custom", "VARIATIONS": "BIAS=y"}))
    assert len(result.runs) == len(result.merged) == 1


def test_a_variation_that_cannot_be_is_refused(configure):
    with pytest.raises(ValueError, match="N_LAYER=3 wants MODEL_CUSTOM"):
        expand(configure(**DENSE | {"MODEL": "gpt2", "VARIATIONS": "N_LAYER=3"}))


def test_presets_that_fix_the_same_are_one_run(configure):
    result = expand(configure(**DENSE | {"SWEEP": "ARCH_PRESET=gpt2,llama,team,custom"}))
    assert [run.arm for run in result.runs] == ["adamw gpt2", "adamw llama"]
    custom = {"ARCH_PRESET": "custom", "ARCH_BASE": "llama", "VARIATIONS": "ARCH_PRESET=llama"}
    assert len(expand(configure(**DENSE | custom)).runs) == 1


def test_a_swept_base_frees_the_preset(configure):
    """It was left out as an option that no arm has, and every arm was the one before."""
    result = expand(configure(**DENSE | {"SWEEP": "ARCH_BASE=llama,hybrid"}))
    assert [run.configuration.typed().POSITION_ENCODING for run in result.runs] == ["rope"] * 2
    assert [run.configuration.typed().FFN_TYPE for run in result.runs] == ["swiglu", "standard"]
    # What it belongs to is not there: nothing to free.
    llama = DENSE | {"ARCH_PRESET": "llama", "SWEEP": "ACTIVATION=relu,gelu"}
    configuration = configure(**llama)
    assert len(expand(configuration).runs) == 1
    assert "SWEEP has ACTIVATION, which no arm of this plan has" in plan_text(plan(configuration))


@pytest.mark.parametrize("option", ["SWEEP", "VARIATIONS"])
@pytest.mark.parametrize("change", ["SEED=3", "SEEDS=3", "EXTRA_BUDGET=batch"])
def test_what_says_which_runs_there_are_is_not_varied(configure, option, change):
    """SWEEP="SEED=1,2" computed seed 1337, and called it SEED=1."""
    with pytest.raises(ValueError, match="says which runs there are"):
        expand(configure(**DENSE | {option: change}))


@pytest.mark.parametrize("option", ["SWEEP", "VARIATIONS"])
def test_a_change_that_brings_in_an_axis_is_refused(configure, option):
    with pytest.raises(ValueError, match="brings in the axis RA_STEP"):
        expand(configure(**DENSE | {option: "ARCHITECTURE=unified-ra"}))


RA = DENSE | {"ARCHITECTURE": "unified-ra"}


def test_every_step_brings_its_control(configure):
    result = expand(configure(**RA | {"RA_STEP": "V0,V2,V14,RT"}))
    assert [run.arm for run in result.runs] == [
        *("adamw V0", "adamw V2", "adamw V14", "adamw RT", "adamw V0c", "adamw V0c-V11"),
    ]
    alone = expand(configure(**RA | {"RA_STEP": "V2"}), has_controls=False)
    assert [run.arm for run in alone.runs] == ["adamw V2"]


def test_steps_are_arms_like_others(configure):
    options = RA | {"RA_STEP": "V1", "PRUNING_METHOD": "none,magnitude"}
    arms = [run.arm for run in expand(configure(**options)).runs]
    assert arms == [f"adamw{method} {step}" for method in ("", "+magnitude@50%") for step in
                    ("V1", "V0c")]  # fmt: skip


def test_no_step_is_an_error(configure):
    with pytest.raises(ValueError, match="RA_STEP is empty"):
        expand(configure(**RA))


# The warm-up by a share of the steps (-1)
SHARE = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none", "WARMUP_STEPS": -1, "WARMUP_PCT": 10}


def test_a_share_of_a_known_length_is_the_run_with_so_many_steps(configure):
    (run,) = expand(configure(**SHARE, MAX_ITERS=50)).runs
    (explicit,) = expand(configure(**DENSE | {"MAX_ITERS": 50, "WARMUP_STEPS": 5})).runs
    config = run.configuration.typed()
    assert (config.WARMUP_STEPS, config.WARMUP_PCT) == (5, None)
    assert run.hash == explicit.hash


def test_a_warm_up_that_follows_the_length_is_no_disparity(configure):
    the_plan = plan(configure(**SHARE, SWEEP="MAX_ITERS=50,100"))
    warmups = [planned.settings["WARMUP_STEPS"] for planned in the_plan.runs]
    assert warmups == [5, 10]
    assert the_plan.parity() == {}


def test_epochs_keep_the_share_for_their_data_give_the_length(configure):
    (run,) = expand(configure(**SHARE, NUM_EPOCHS=2)).runs
    config = run.configuration.typed()
    assert (config.WARMUP_STEPS, config.WARMUP_PCT) == (-1, 10)


def test_a_single_run_is_the_same_as_of_the_plan(configure, monkeypatch):
    configuration = configure(**SHARE, MAX_ITERS=50)
    monkeypatch.setenv("KCONFIG_CONFIG", "a configuration")
    monkeypatch.setattr(described, "load_configuration", lambda layer, path=None: configuration)
    (planned,) = plan(configuration).runs
    assert described.find_run(None, [], described.Wish()).path == planned.directory.path
