"""Every option of gpt2/train.py reaches its effect in every mode, or is refused by name."""

import pytest

from gpt2 import checkpoints, train
from gpt2.described import find_run
from lib.kconfig.store import save_config

DENSE = ["--optimizer=adamw", "--pruning-method=none"]
STUDY = ["--architecture=unified-ra", "--ra-step=V0,V1", *DENSE]


@pytest.fixture
def begun(configure, tmp_path, monkeypatch):
    """A run of the present configuration that has a checkpoint."""
    save_config(tmp_path / "config", configure(), None)
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)
    run = find_run(None, DENSE, train.Wish())
    run.checkpoints_path.mkdir()
    (run.checkpoints_path / "step-000010.pt").write_bytes(b"")
    return run


@pytest.fixture
def outcome(begun, monkeypatch, capsys):
    """outcome(*arguments): what the line came to, in a word or two."""
    found = []

    def attempt(run, start_from, started, stop):
        found.append(f"{'it' if run.path == begun.path else run.name} from {start_from}")
        return 0

    def make(command):
        found.append(" ".join(["make", *command[5:]]))
        return 0

    def listed(folder, assignments):
        found.append(f"list {folder and folder.name} {' '.join(assignments)}".strip())
        return 0

    monkeypatch.setattr(train, "attempt", attempt)
    monkeypatch.setattr("subprocess.call", make)
    monkeypatch.setattr(checkpoints, "print_checkpoints", listed)

    def call(*arguments):
        found.clear()
        try:
            train.main([text.replace("RUN", str(begun.path)) for text in arguments])
        except ValueError as error:
            return f"refused: {error}"
        return found[0] if found else capsys.readouterr().out.partition(": ")[2].strip()

    return call


MODES = {
    "options": DENSE,
    "--run": ["--run=RUN"],
    "--ablation-mode": ["--ablation-mode", *STUDY],
    "--list-checkpoints": ["--list-checkpoints"],
}
FILE = "RUN/checkpoints/step-000010.pt"
STUDIED = "make ARCHITECTURE=unified-ra RA_STEP=V0,V1 OPTIMIZER=adamw PRUNING_METHOD=none"
REFUSED = "refused: {} has no effect with {}"

# By mode and option: how the outcome begins.
TABLE = {
    "options": {
        (): "it from latest",
        ("--dry-run",): "pending",
        ("--resume=latest",): "it from latest",
        ("--resume=best",): "it from best",
        (f"--resume={FILE}",): "it from /",
        ("--restart",): "it from restart",
        ("--resume=latest", "--dry-run"): "pending, to continue from step-000010.pt",
        ("--restart", "--dry-run"): "pending, to begin at step 0",
        ("--resume=/none", "--dry-run"): "refused: There is no checkpoint /none",
        ("--arm=adamw",): "it from latest",
        ("--max-iters=19",): "custom-pystdlib-adamw-s1337",
    },
    "--run": {
        (): "it from latest",
        ("--dry-run",): "pending",
        ("--resume=best",): "it from best",
        ("--restart",): "it from restart",
        ("--resume=latest", "--dry-run"): "pending, to continue from step-000010.pt",
        ("--arm=adamw",): REFUSED.format("--arm", "--run"),
        ("--max-iters=19",): "refused: --run takes a frozen run as it is, without --max-iters=19",
    },
    "--ablation-mode": {
        (): f"{STUDIED} all",
        ("--dry-run",): f"{STUDIED} dry-run",
        ("--resume=latest",): f"{STUDIED} all",
        ("--resume=best",): REFUSED.format("--resume", "--ablation-mode"),
        ("--restart",): REFUSED.format("--restart", "--ablation-mode"),
        ("--arm=adamw",): REFUSED.format("--arm", "--ablation-mode"),
        ("--run=RUN",): REFUSED.format("--run", "--ablation-mode"),
        ("--max-iters=19",): f"{STUDIED} MAX_ITERS=19 all",
    },
    "--list-checkpoints": {
        (): "list None",
        ("--run=RUN",): "list custom-pystdlib-adamw-s1337",
        ("--dry-run",): REFUSED.format("--dry-run", "--list-checkpoints"),
        ("--ablation-mode",): REFUSED.format("--ablation-mode", "--list-checkpoints"),
        ("--resume=latest",): REFUSED.format("--resume", "--list-checkpoints"),
        ("--restart",): REFUSED.format("--restart", "--list-checkpoints"),
        ("--arm=adamw",): REFUSED.format("--arm", "--list-checkpoints"),
        ("--results-dir=x",): "list None --results-dir=x",
    },
}


@pytest.mark.parametrize(
    ("mode", "options"), [(mode, options) for mode in TABLE for options in TABLE[mode]], ids=str
)
def test_an_option_acts_or_is_refused(outcome, mode, options):
    assert outcome(*MODES[mode], *options).startswith(TABLE[mode][options])


def test_the_table_has_every_option_in_every_mode():
    own = {action.option_strings[0] for action in train.command_line()._actions} - {"-h"}
    for mode, rows in TABLE.items():
        tried = {word.partition("=")[0] for options in rows for word in options}
        # A mode that stands in the first place is tried there.
        assert own - set(TABLE) - tried == set(), mode
        assert any(not word.startswith(tuple(own)) for options in rows for word in options), mode


def test_only_the_folder_of_results_concerns_a_list():
    for arguments in (["--max-iters=3"], ["--use-tensorboard"]):
        with pytest.raises(ValueError, match="has no effect with --list-checkpoints"):
            checkpoints.print_checkpoints(None, arguments)
