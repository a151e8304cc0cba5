"""The loader's figures at their smallest."""

import numpy as np

from scripts.bench import loader
from scripts.bench.data import make_dataset
from scripts.bench.loops import train_file
from scripts.bench.plain_loop import open_tokens


def test_every_line_is_there_and_the_bytes_are_counted(context):
    section = loader.measure(context(CPU_THREADS=1))
    by_name = {finding.what: finding for finding in section.findings}
    moved = by_name["bytes to the device"]
    # 12 rows of 1025 x 2 bytes; x and y of 12 x 1024 x 8 bytes.
    assert (moved.ours, moved.plain) == ("24,600", "196,608")
    assert {"ms, as int64 on the device", "ms, as uint16"} <= by_name.keys()
    goal = by_name["ms, as int64 on the device"].goal
    assert str(goal) == "<= 0.06 ms"


def test_both_read_the_same_file(tmp_path):
    dataset = make_dataset(tmp_path / "data", 300, 3000, 200, seed=1)
    assert np.array_equal(open_tokens(train_file(dataset)), dataset.train.window(0, 3000))
