"""Mutants of the trackers: what keeps them from a run, and their copies equal to metrics.jsonl."""

from tests.mutants.mutant import Mutant

LANE = "lib/trackers/lane.py"
SENDER = "lib/trackers/sender.py"
TENSORBOARD = "lib/trackers/tensorboard.py"
TRACKIO = "lib/trackers/trackio.py"
WANDB = "lib/trackers/wandb.py"
RUNS = "lib/runs.py"
TESTS = "tests/lib/trackers"

TRACKERS = (
    Mutant(
        mechanism="trackers: a process group of their own",
        defect="Ctrl+C ends them before the run has",
        file=LANE,
        original="process_group=0,",
        replacement="process_group=None,",
        test=f"{TESTS}/test_feed.py::test_ctrl_c_in_the_terminal_is_for_the_trainer_alone",
    ),
    Mutant(
        mechanism="trackers: deaf to signals of the whole job",
        defect="SIGTERM ends them before the run has",
        file=SENDER,
        original="signal.signal(number, signal.SIG_IGN)",
        replacement="pass",
        test=f"{TESTS}/test_feed.py::test_signals_that_the_whole_job_gets_are_the_trainers",
    ),
    Mutant(
        mechanism="trackers: the lowest priority",
        defect="they take the processor from the training",
        file=SENDER,
        original="os.nice(int(niceness))",
        replacement="os.nice(1)",
        test=f"{TESTS}/test_feed.py::test_its_process_has_the_lowest_priority",
    ),
    Mutant(
        mechanism="trackers: one that hangs is noticed",
        defect="silence means nothing",
        file=LANE,
        original="elif time.monotonic() - self._heard_s > SILENCE_S:",
        replacement="elif False:",
        test=f"{TESTS}/test_feed.py::test_a_tracker_that_hangs_is_noticed_while_the_run_goes_on",
    ),
    Mutant(
        mechanism="trackers: what is missing at the end is said",
        defect="a slow tracker is cut off in silence",
        file=LANE,
        original="            if not self._is_closed:\n                rows =",
        replacement="            if False:\n                rows =",
        test=f"{TESTS}/test_feed.py::"
        "test_a_slow_tracker_holds_nobody_up_and_what_is_missing_is_counted",
    ),
    Mutant(
        mechanism="trackers: they end soon after a trainer that was killed",
        defect="one that hangs at its end stays for ever",
        file=SENDER,
        original="signal.alarm(AFTERLIFE_S)",
        replacement="signal.alarm(0)",
        test=f"{TESTS}/test_feed.py::test_a_trainer_that_is_killed_leaves_no_process_behind",
    ),
    Mutant(
        mechanism="trackers: one that hangs ends by itself",
        defect="where the trainer was killed it stays for ever",
        file=SENDER,
        original="signal.alarm(LONGEST_CALL_S)",
        replacement="pass",
        test=f"{TESTS}/test_feed.py::test_a_trainer_that_is_killed_leaves_no_process_behind",
    ),
    Mutant(
        mechanism="trackers: one process a tracker and run",
        defect="one that outlived a killed trainer writes beside the next",
        file=SENDER,
        original="        with claim(job.scratch / name, wait=True):\n            sent =",
        replacement="        if True:\n            sent =",
        test=f"{TESTS}/test_feed.py::"
        "test_a_new_start_waits_for_a_process_that_outlived_a_killed_trainer",
    ),
    Mutant(
        mechanism="trackers: their prints stay out of the run's output",
        defect="banners are on the terminal, or break the messages",
        file=SENDER,
        original="os.dup2(sys.stderr.fileno(), sys.stdout.fileno())",
        replacement="pass",
        test=f"{TESTS}/test_feed.py::test_what_it_prints_goes_to_its_own_file",
    ),
    Mutant(
        mechanism="trackers: half a line waits for its end",
        defect="it is read as a row",
        file=SENDER,
        original='if self._torn.endswith(b"\\n"):',
        replacement="if True:",
        test=f"{TESTS}/test_feed.py::test_a_row_that_is_half_written_waits_for_its_other_half",
    ),
    Mutant(
        mechanism="trackers: NaN is a gap",
        defect="it goes to the curves",
        file="lib/trackers/names.py",
        original=" and math.isfinite(value)",
        replacement="",
        test=f"{TESTS}/test_names.py::test_what_is_not_finite_is_a_gap",
    ),
    Mutant(
        mechanism="tensorboard: a page that is open starts anew",
        defect="steps of the former start stay on it",
        file=TENSORBOARD,
        original="SessionLog(status=SessionLog.START)",
        replacement="SessionLog(status=SessionLog.CHECKPOINT)",
        test=f"{TESTS}/test_tensorboard.py::"
        "test_a_page_that_is_open_forgets_what_the_former_start_wrote",
    ),
    Mutant(
        mechanism="tensorboard: one event file a run",
        defect="each start leaves its own",
        file=TENSORBOARD,
        original="former.unlink()",
        replacement="pass",
        test=f"{TESTS}/test_tensorboard.py::test_a_resumed_run_has_every_step_once",
    ),
    Mutant(
        mechanism="wandb: one offline folder a run",
        defect="each start leaves its own",
        file=WANDB,
        original="shutil.rmtree(former)",
        replacement="pass",
        test=f"{TESTS}/test_wandb.py::test_a_resumed_run_is_one_folder_with_every_step_once",
    ),
    Mutant(
        mechanism="wandb: a run on the server is continued",
        defect="each start begins it anew",
        file=WANDB,
        original='wandb.init(resume="allow", **arguments)',
        replacement="wandb.init(**arguments)",
        test=f"{TESTS}/test_wandb.py::test_a_resumed_run_goes_on_where_the_server_is",
    ),
    Mutant(
        mechanism="wandb: a run that is computed again is another",
        defect="the server keeps the first computation's rows",
        file="lib/trackers/feed.py",
        original='id=f"{run.name}.{1 + former}" if former else run.name,',
        replacement="id=run.name,",
        test=f"{TESTS}/test_registry.py::"
        "test_a_run_that_is_computed_again_is_another_one_on_a_server",
    ),
    Mutant(
        mechanism="wandb: what the server has is not sent again",
        defect="every row of the file is",
        file=WANDB,
        original="if values.step < self._first_step:",
        replacement="if False:",
        test=f"{TESTS}/test_wandb.py::test_a_resumed_run_goes_on_where_the_server_is",
    ),
    Mutant(
        mechanism="wandb: offline where it is told to be",
        defect="a login decides alone",
        file=WANDB,
        original="if not job.is_offline and _is_logged_in():",
        replacement="if _is_logged_in():",
        test=f"{TESTS}/test_wandb.py::test_logged_in_and_told_to_stay_offline_nobody_is_called",
    ),
    Mutant(
        mechanism="wandb: nothing outside the run's folder",
        defect="logs in the home folder",
        file=WANDB,
        original='os.environ["WANDB_CACHE_DIR"] = ',
        replacement="",
        test=f"{TESTS}/test_wandb.py::test_without_a_login_the_whole_run_is_kept_here",
    ),
    Mutant(
        mechanism="trackio: a run is there once",
        defect="each start adds another of its name",
        file=TRACKIO,
        original='if former["name"] == job.run:',
        replacement="if False:",
        test=f"{TESTS}/test_trackio.py::test_a_resumed_run_has_every_step_once",
    ),
    Mutant(
        mechanism="trackio: what it keeps is counted",
        defect="it warns, and the rows are gone in silence",
        file=TRACKIO,
        original="if kept != self._sent:",
        replacement="if False:",
        test=f"{TESTS}/test_trackio.py::test_rows_that_it_could_not_keep_are_no_secret",
    ),
    Mutant(
        mechanism="trackio: the Hub is not asked",
        defect="it looks up who is logged in",
        file=TRACKIO,
        original='os.environ["HF_HUB_OFFLINE"] = "1"',
        replacement="pass",
        test=f"{TESTS}/test_purity.py::test_nobody_is_called",
    ),
    Mutant(
        mechanism="runs: planned again, trackers act on what is pending",
        defect="a planned run keeps its options for ever",
        file=RUNS,
        original="if is_frozen and (self.summary() is not None or self.is_running()):",
        replacement="if is_frozen:",
        test="tests/lib/test_runs.py::test_a_pending_run_takes_over_options_that_change_no_result",
    ),
    Mutant(
        mechanism="runs: what has ended keeps its options",
        defect="they become those of the last plan",
        file=RUNS,
        original="if is_frozen and (self.summary() is not None or self.is_running()):",
        replacement="if is_frozen and self.is_running():",
        test="tests/lib/test_runs.py::test_a_run_that_has_ended_keeps_what_it_was_computed_with",
    ),
)
