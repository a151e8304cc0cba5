import errno
import os

import pytest

from gpt2.datasets.errors import IO, writing_failed


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "No space left to write {path}: 1,000 bytes needed"),
        (errno.EDQUOT, "No space left"),
        (errno.EFBIG, "No space left"),
        (errno.EACCES, "Permission denied. Run `chmod -R u+w {folder}`"),
        (errno.EROFS, "set DATA_DIR to a folder of your own"),
        (errno.ENOTDIR, "{folder} is in the way"),
        (errno.EIO, "Cannot write {path}: Input/output error"),
    ],
)
def test_each_cause_has_its_remedy(tmp_path, number, sentence):
    path = tmp_path / "new" / "file"
    error = writing_failed(OSError(number, os.strerror(number)), path, 1000)
    assert sentence.format(path=path, folder=tmp_path) in str(error)
    assert error.exit_status == IO
    assert "\n" not in str(error)
