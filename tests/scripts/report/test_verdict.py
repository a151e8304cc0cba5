import pytest

from lib.arms import BITTER2_ALONE
from scripts.report.load import load_matrix
from scripts.report.scoreboard import Scoreboard
from scripts.report.verdict import cautions, verdict


def verdict_of(results, specs, **plan):
    return verdict(Scoreboard(load_matrix(results.matrix(specs, **plan))))


def arms(spec, seeds, losses):
    """Arms with the same losses on every seed but for a small noise that pairs do not share."""
    return [
        spec(arm, seed, loss + (0.0004 if (seed + k) % 2 else 0.0))
        for k, (arm, loss) in enumerate(losses.items())
        for seed in range(seeds)
    ]


def everything(found):
    return " ".join([found.headline, *found.paragraphs, *found.cautions])


def test_one_seed_makes_no_claim(results, spec):
    found = verdict_of(results, arms(spec, 1, {"adamw": 1.65, "adamwprune": 1.60}))
    assert found.headline == (
        "adamwprune ends lowest, at perplexity 4.955; the baseline adamw at 5.207. "
        "One seed, no claim."
    )
    assert "0.252 (4.8 %) lower than that of adamw" in found.paragraphs[0]
    assert "one seed, no claim" in found.paragraphs[0]
    assert "95 %" not in everything(found)


def test_two_seeds_make_no_claim(results, spec):
    found = verdict_of(results, arms(spec, 2, {"adamw": 1.65, "adamwprune": 1.60}))
    assert "Two seeds, no claim." in found.headline
    assert "95 %" not in everything(found)


def test_three_seeds_give_an_interval(results, spec):
    found = verdict_of(results, arms(spec, 3, {"adamw": 1.65, "adamwprune": 1.60}))
    assert "no claim" not in everything(found)
    assert (
        "95 % interval over 3 pairs of equal seed, not corrected for 1 comparison"
        in (found.paragraphs[0])
    )


def test_a_difference_within_the_noise_is_not_claimed(results, spec):
    losses = {"adamw": (1.60, 1.64, 1.62), "adamwprune": (1.61, 1.62, 1.625)}
    specs = [spec(arm, k, loss) for arm, three in losses.items() for k, loss in enumerate(three)]
    found = verdict_of(results, specs)
    assert "With 3 seeds no difference is shown." in found.headline
    assert "includes zero: no difference is shown" in found.paragraphs[0]


def test_the_best_pruned_arm_is_named_with_its_measured_sparsity(results, spec):
    losses = {"adamw": 1.65, "adamwprune": 1.66, "adamw+magnitude@50%": 1.8}
    losses["adamwprune+bitter7@50%"] = 1.7
    found = verdict_of(results, arms(spec, 1, losses))
    assert found.headline.startswith("No arm ends below the baseline adamw at perplexity 5.207")
    pruned = found.paragraphs[1]
    assert pruned.startswith("Of the pruned arms adamwprune+bitter7@50% ends lowest")
    assert "measured sparsity, of the prunable weights, is 50.0 %" in pruned
    assert "masked-dense: its zeros save nothing" in pruned


def test_equal_is_not_called_higher(results, spec):
    found = verdict_of(results, [spec(), spec("adamwprune")])
    assert "adamwprune and adamw end at exactly the same perplexity" in found.paragraphs[0]
    assert "higher than" not in everything(found)


def test_a_control_equal_to_the_baseline_is_not_the_headline(results, spec):
    losses = {"adamw": 1.65, "adamwprune": 1.65, "adamw+magnitude@50%": 1.8}
    found = verdict_of(
        results, [spec(arm, s, loss) for arm, loss in losses.items() for s in (0, 1)]
    )
    assert "adamw+magnitude@50% comes closest" in found.headline
    assert any("adamwprune and adamw end at exactly the same" in p for p in found.paragraphs)


def test_memory_is_compared_on_one_machine_only(results, spec):
    other = spec("adamwprune", summary={"memory.optimizer_bytes": 480_000})
    found = verdict_of(results, [spec(), other])
    assert "50.0 % less optimizer state" in found.paragraphs[0]
    other.provenance = {"hardware.fingerprint": "another"}
    found = verdict_of(results, [spec(), other])
    assert "optimizer state" not in found.paragraphs[0]
    assert "2 hardware fingerprints" in everything(found)


def test_budgets_that_differ_are_not_compared(results, spec):
    found = verdict_of(results, [spec(), spec("adamwprune", steps=600)])
    assert found.headline == "The runs differ in budget or data, so the arms are not compared."
    assert "lowest" not in everything(found)


def test_the_budget_is_said(results, spec):
    found = verdict_of(results, [spec(), spec("adamwprune")])
    assert found.paragraphs[-1] == (
        "Every finished run saw 614,400 tokens in 300 steps, 0.61 epochs of the training data."
    )


@pytest.mark.parametrize(
    ("statuses", "baseline", "expected"),
    [
        ([], "adamw", "plans no runs"),
        (["failed", "diverged"], "adamw", "No run has a result yet"),
        (["done", "failed"], "adamw", "nothing to compare it with"),
        (["done", "done"], None, "no finished baseline"),
    ],
)
def test_there_is_always_a_headline(results, spec, statuses, baseline, expected):
    names = ("adamw", "adamwprune")
    specs = [spec(arm, status=s) for arm, s in zip(names, statuses, strict=False)]
    assert expected in verdict_of(results, specs, baseline=baseline).headline


def test_cautions(results, spec):
    specs = [
        spec(summary={"epochs": 14.6}),
        spec(seed=2, status="failed"),
        spec(seed=3, status=None),
        spec("adam+magnitude@50%", summary={"pruning.achieved_sparsity": 0.4}),
    ]
    text = " ".join(verdict_of(results, specs).cautions)
    assert "Of 4 runs, 1 failed and 1 pending" in text
    assert "14.6 epochs" in text
    assert "memorisation" in text
    assert "No dense run with the same optimizer stands beside adam+magnitude@50%" in text
    assert "asked sparsity was missed by adam+magnitude@50%" in text


def test_a_clean_matrix_has_no_cautions(results, grid):
    assert verdict_of(results, grid(3)).cautions == []


def test_measured_time_and_memory_are_no_news_from_fewer_than_three_runs(results, spec):
    """A second run of the very same arm differs by 10 % on a shared machine."""
    losses = {"adamw": 1.65, "adamw+magnitude@50%": 1.7}
    for seeds in (1, 2):
        text = everything(verdict_of(results, arms(spec, seeds, losses)))
        assert "optimizer state" in text
        assert "time per step" not in text
        assert "peak memory" not in text
    text = everything(verdict_of(results, arms(spec, 3, losses)))
    assert "8.2 % more time per step" in text


@pytest.mark.parametrize(
    ("dense", "pruned", "is_lonely"),
    [
        ("adamw", "adamwprune+bitter7@50%", False),
        ("adamwprune", "adamw+magnitude@50%", False),
        ("adam", "adamwprune+bitter7@50%", True),
        ("adamwspam-seed", "adamwprune-adamwspam-seed+bitter7@50%", False),
        ("adamwspam-paper", "adamwprune-adamwspam-seed+bitter7@50%", True),
    ],
)
def test_a_pruned_arm_wants_the_dense_arm_of_its_base(results, spec, dense, pruned, is_lonely):
    board = Scoreboard(load_matrix(results.matrix([spec(dense), spec(pruned)], baseline=dense)))
    found = any("No dense run with the same optimizer" in text for text in cautions(board))
    assert found == is_lonely


@pytest.mark.parametrize(
    ("arm", "is_said"),
    [
        ("adamwprune+bitter2@50%", True),
        ("adamwprune+bitter2@50%+21%steps", False),
        ("adamwprune+bitter1@50%", False),
    ],
)
def test_bitter2_without_extra_training_is_called_bitter1(results, spec, arm, is_said):
    found = verdict_of(results, [spec("adamw", 1, 1.6), spec(arm, 1, 1.7)])
    assert (BITTER2_ALONE in found.cautions) is is_said
