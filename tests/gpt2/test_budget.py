import pytest

from gpt2.budget import (
    check_fit,
    extended,
    length_of,
    micro_batch,
    most_steps,
    not_reached,
    settled_warmup,
    shape_key,
    tokens_per_step,
    total_seconds,
    total_steps,
    warmup_steps,
)
from lib.run_length import ByStep, ByTime

CUSTOM_SPAM = {"OPTIMIZER": "adamwspam", "SPAM_PRESET": "custom"}


def test_tokens_of_a_step(one_run):
    settings = one_run(BATCH_SIZE=3, GRADIENT_ACCUMULATION=5, BLOCK_SIZE=16)
    assert tokens_per_step(settings) == 3 * 5 * 16


def test_length_in_steps_and_in_epochs(one_run):
    assert total_steps(one_run(MAX_ITERS=7, WARMUP_STEPS=2), None) == 7
    epochs = one_run(NUM_EPOCHS=2, BATCH_SIZE=2, BLOCK_SIZE=10)
    assert epochs["MAX_ITERS"] is None
    assert total_steps(epochs, 101) == 11
    assert total_steps(epochs, None) is None


def test_length_in_time(one_run):
    settings = one_run(MAX_TIME=60, MAX_ITERS=0)
    assert settings["NUM_EPOCHS"] is None
    assert (total_seconds(settings), most_steps(settings)) == (60.0, None)
    assert total_steps(settings, 10_000) is None
    length = length_of(settings, 10_000, lambda: 0.0)
    assert isinstance(length, ByTime)
    assert (length.seconds, length.warm_up_steps, length.most_steps) == (60.0, 2, None)
    longer = one_run(MAX_TIME=60, MAX_ITERS=100, EXTRA_ITERATIONS_PCT=21)
    assert (total_seconds(longer), most_steps(longer)) == (72.6, 121)
    assert length_of(longer, 10_000, lambda: 0.0).most_steps == 121
    by_step = length_of(one_run(MAX_ITERS=7, WARMUP_STEPS=2), 10_000, lambda: 0.0)
    assert isinstance(by_step, ByStep)
    assert (by_step.total_steps, by_step.warm_up_steps) == (7, 2)
    assert total_seconds(one_run()) is None


def test_of_a_length_in_time_only_a_limit_of_steps_can_be_too_short(one_run):
    wanted = {"MAX_TIME": 1, "MAX_ITERS": 0, "WARMUP_STEPS": 500, "SPIKE_INJECTION": "y"}
    check_fit(one_run(**wanted), None)
    with pytest.raises(ValueError, match="WARMUP_STEPS=500 leaves none of the 20 steps"):
        check_fit(one_run(**wanted | {"MAX_ITERS": 20}), None)


def test_what_a_time_left_no_steps_for_is_told(one_run):
    wanted = {"WARMUP_STEPS": 10, "SPIKE_INJECTION": "y", "SPIKE_FIRST_STEP": 20}
    by_time = one_run(MAX_TIME=3, MAX_ITERS=0, **wanted)
    warm_up, spike = not_reached(by_time, 10)
    assert "warm-up of 10 steps took all the 10 that fitted into 3 s" in warm_up
    assert "the first would be at step 20, and 10 fitted into 3 s" in spike
    assert not_reached(by_time, 11) == [spike.replace("10 fitted", "11 fitted")]
    assert not_reached(by_time, 20) == []
    assert not_reached(one_run(**wanted), 5) == []


@pytest.mark.parametrize(
    ("number", "percent", "more"),
    [(10_000, 21, 12_100), (10_000, 30, 13_000), (12, 14, 14), (7, 0, 7), (1, 50, 2), (3, 14, 3)],
)
def test_an_extended_number_is_rounded_half_up(number, percent, more):
    assert extended(number, percent) == more


def test_extra_steps_lengthen_the_run_and_nothing_else(one_run):
    settings = one_run(EXTRA_ITERATIONS_PCT=30)
    assert total_steps(settings, None) == 26
    assert micro_batch(settings) == settings["BATCH_SIZE"]
    assert tokens_per_step(settings) == tokens_per_step(one_run())


def test_an_extra_batch_enlarges_each_step_and_leaves_their_number(one_run):
    settings = one_run(EXTRA_BATCH_PCT=50, GRADIENT_ACCUMULATION=3)
    assert micro_batch(settings) == 6
    assert tokens_per_step(settings) == 6 * 3 * 32
    assert total_steps(settings, None) == 20
    epochs = {"NUM_EPOCHS": 2, "BATCH_SIZE": 2, "BLOCK_SIZE": 10}
    more = one_run(EXTRA_BATCH_PCT=50, **epochs)
    assert total_steps(more, 101) == total_steps(one_run(**epochs), 101) == 11
    assert total_steps(one_run(EXTRA_ITERATIONS_PCT=100, **epochs), 101) == 22


@pytest.mark.parametrize(
    ("steps", "percent", "warmup"),
    [(10_000, 1, 100), (1000, 10, 100), (12_100, 1, 121), (199, 1, 1), (99, 1, 0), (1, 99, 0)],
)
def test_a_share_of_the_steps_is_rounded_down(one_run, steps, percent, warmup):
    settings = one_run(WARMUP_STEPS=-1, WARMUP_PCT=percent, MAX_ITERS=steps)
    assert warmup_steps(settings, steps) == warmup
    assert settled_warmup(settings) == {"WARMUP_STEPS": str(warmup)}
    # So no share ever leaves a run without its peak.
    check_fit(settings, steps)


def test_a_warm_up_in_steps_is_what_it_says(one_run):
    settings = one_run(WARMUP_STEPS=7)
    assert settings["WARMUP_PCT"] is None
    assert (warmup_steps(settings, 10), warmup_steps(settings, 10_000)) == (7, 7)
    assert settled_warmup(settings) == {}


def test_the_share_follows_extra_steps_and_waits_for_the_length_of_epochs(one_run):
    share = {"WARMUP_STEPS": -1, "WARMUP_PCT": 10}
    assert settled_warmup(one_run(EXTRA_ITERATIONS_PCT=30, **share)) == {"WARMUP_STEPS": "2"}
    epochs = one_run(NUM_EPOCHS=2, **share)
    assert settled_warmup(epochs) == {}
    assert warmup_steps(epochs, 50) == 5


def test_no_extra_budget_leaves_every_run_what_it_was(configure):
    """0 is not hashed; any other value is."""
    base = configure().typed()
    assert "EXTRA_ITERATIONS_PCT" not in base.relevant()
    assert "SPIKE_INJECTION" not in base.relevant()
    hashes = {
        configure(**overrides).typed().hash
        for overrides in (
            {},
            {"EXTRA_BUDGET": "iterations"},
            {"EXTRA_ITERATIONS_PCT": 1},
            {"EXTRA_BATCH_PCT": 1},
            {"SPIKE_INJECTION": "y"},
            {"SPIKE_INJECTION": "y", "SPIKE_FACTOR": 7},
        )
    }
    assert len(hashes) == 5
    assert base.hash in hashes


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"N_HEAD": 3}, r"N_EMBD=32 is not a multiple of N_HEAD=3; the next width that is: 33"),
        ({"MIN_LR": "1"}, "MIN_LR=1 exceeds LEARNING_RATE=0.0006"),
        ({"WARMUP_STEPS": 20}, "WARMUP_STEPS=20 leaves none of the 20 steps"),
        (
            {"BATCH_SIZE": 3, "EXTRA_BATCH_PCT": 14},
            "EXTRA_BATCH_PCT=14 adds no sequence to BATCH_SIZE=3; set BATCH_SIZE to 4",
        ),
        (
            {"MAX_ITERS": 3, "WARMUP_STEPS": 1, "EXTRA_ITERATIONS_PCT": 10},
            "EXTRA_ITERATIONS_PCT=10 adds no step to MAX_ITERS=3; set MAX_ITERS to 5",
        ),
        (
            {"SPIKE_INJECTION": "y", "SPIKE_FIRST_STEP": 21},
            "SPIKE_FIRST_STEP=21 is after the last of 20 steps",
        ),
        (
            {"PRUNING_METHOD": "magnitude", "PRUNING_BEGIN_PCT": 75},
            "PRUNING_BEGIN_PCT=75 is not before PRUNING_END_PCT=75",
        ),
        (
            {
                "PRUNING_METHOD": "magnitude",
                "PRUNING_SCOPE": "blocks-head",
                "ARCH_PRESET": "llama",
            },
            "WEIGHT_TYING=n has none",
        ),
        (
            {
                "PRUNING_METHOD": "magnitude",
                "PRUNING_PATTERN": "n-m",
                "PRUNING_N": 5,
                "PRUNING_M": 4,
            },
            "PRUNING_N=5 of PRUNING_M=4 weights cannot stay; set PRUNING_N to PRUNING_M or less",
        ),
        (
            CUSTOM_SPAM | {"SPAM_INTERVAL": 100, "SPAM_WARMUP_STEPS": 51},
            "SPAM_WARMUP_STEPS=51 is more than half of SPAM_INTERVAL=100.* 50 or less",
        ),
        (
            CUSTOM_SPAM | {"SPAM_WARMUP": "n", "SPAM_BIAS_RESET": "n"},
            "SPAM_WARMUP=n with SPAM_BIAS_RESET=n",
        ),
    ],
)
def test_options_that_do_not_fit_are_named_with_the_remedy(one_run, overrides, message):
    settings = one_run(**overrides)
    with pytest.raises(ValueError, match=message):
        check_fit(settings, total_steps(settings, None))


def test_every_problem_is_named_at_once(one_run):
    with pytest.raises(ValueError, match=r"N_EMBD(.|\n)*MIN_LR"):
        check_fit(one_run(N_HEAD=3, MIN_LR="1"), 20)


def test_resets_that_fit_are_let_through(one_run):
    for more in (
        {"SPAM_INTERVAL": 100, "SPAM_WARMUP_STEPS": 50},
        {"SPAM_WARMUP": "n"},
        {"SPAM_BIAS_RESET": "n"},
        {"SPAM_PERIODIC_RESET": "n"},
    ):
        check_fit(one_run(**CUSTOM_SPAM | more), 20)


def test_a_schedule_without_a_ramp_may_begin_late(one_run):
    late = {"PRUNING_METHOD": "magnitude", "PRUNING_SCHEDULE": "one-shot", "PRUNING_BEGIN_PCT": 90}
    check_fit(one_run(**late), 20)


def test_the_smallest_configuration_fits(one_run):
    check_fit(one_run(), 20)


def test_shape_sees_cost_and_not_the_arm(one_run):
    base = shape_key(one_run())
    assert shape_key(one_run(LEARNING_RATE="1", SEED=5, PRUNING_METHOD="magnitude")) == base
    assert shape_key(one_run(BATCH_SIZE=5)) != base
    assert shape_key(one_run(EXTRA_BATCH_PCT=25)) == shape_key(one_run(BATCH_SIZE=5))
    assert shape_key(one_run(EXTRA_ITERATIONS_PCT=25)) == base
