import pytest

from gpt2 import train
from gpt2.trainers.ablation import AblationCoordinator
from lib.cli import ROOT


@pytest.fixture
def smoke(monkeypatch):
    """The present configuration is the defconfig smoke."""
    monkeypatch.setenv("KCONFIG_CONFIG", str(ROOT / "defconfigs" / "smoke"))
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)


STUDY = ["--architecture", "unified-ra", "--ablation-steps", "V0,V1"]


def test_it_hands_the_steps_to_make(smoke, monkeypatch):
    for name in ("MAKE", "BITTERBENCH_MAKE"):
        monkeypatch.delenv(name, raising=False)
    command = AblationCoordinator([*STUDY, "--seeds=3", "--matrix-name=a"]).command()
    assert command[:3] == ["make", "-C", str(ROOT)]
    wanted = ["ARCHITECTURE=unified-ra", "ABLATION_STEPS=V0,V1", "SEEDS=3", "MATRIX_NAME=a", "all"]
    assert command[5:] == wanted


def test_a_value_goes_there_as_it_is(smoke, tmp_path, monkeypatch):
    """The Makefile expands nothing in it."""
    monkeypatch.delenv("BITTERBENCH_MAKE", raising=False)
    monkeypatch.setenv("MAKE", "gmake")
    made = AblationCoordinator([*STUDY, f"--results-dir={tmp_path}/a$b"]).command()
    assert f"RESULTS_DIR={tmp_path}/a$b" in made
    assert made[0] == "gmake"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "this is vanilla, which has none"),
        (["--architecture", "vanilla"], "this is vanilla, which has none"),
        (
            ["--architecture", "unified-ra", "--ablation-steps", "V0,V77"],
            "is no value of this axis",
        ),
        (["--ablation-steps", "V0"], "wants ARCHITECTURE_UNIFIED_RA"),
    ],
)
def test_what_is_no_study_is_a_sentence(smoke, arguments, said):
    with pytest.raises(ValueError, match=said):
        AblationCoordinator(arguments)


def test_the_command_line_goes_there(smoke, monkeypatch):
    called = []
    monkeypatch.setattr("subprocess.call", lambda command: called.append(command) or 7)
    assert train.main(["--ablation-mode", *STUDY]) == 7
    assert "ABLATION_STEPS=V0,V1" in called[0]
    assert called[0][-1] == "all"
    train.main(["--ablation-mode", "--dry-run", *STUDY])
    assert called[1] == [*called[0][:-1], "dry-run"]
    with pytest.raises(ValueError, match="--run has no effect with --ablation-mode"):
        train.main(["--ablation-mode", "--run", "x"])
