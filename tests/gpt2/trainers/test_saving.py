"""Checkpoints take no more of the disk than the plan and the banner say."""

import pytest

from gpt2.sizes import checkpoint_bytes, disk_need
from lib.pruning import METHODS

TRAIN_TOKENS = 50_000


@pytest.mark.parametrize("method", ["none", *METHODS])
def test_a_checkpoint_is_no_larger_than_was_said(train, one_run, method):
    options = {"PRUNING_METHOD": method, "CHECKPOINT_AFTER_RUN": "all", "CHECKPOINT_INTERVAL": 5}
    # In a smaller model what is beside the tensors would hide a forgotten tensor.
    options["N_EMBD"] = 64
    if method == "state":
        options["OPTIMIZER"] = "adamwprune"
    outcome, run = train(**options)
    assert outcome.status == "done"
    settings = one_run(**options)
    files = list(run.checkpoints_path.glob("step-*.pt"))
    assert len(files) > 1
    assert max(file.stat().st_size for file in files) <= checkpoint_bytes(settings, 256)
    together = sum(file.stat().st_size for file in files)
    assert together <= disk_need(settings, 256, 20, TRAIN_TOKENS).running
