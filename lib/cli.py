"""What every command of the project does the same way: turn an error into a sentence and a code.

Exit codes (docs/results.md): 2 usage or configuration, 65, 66, 69 data or device, 70 a
run that ended badly, 74 input and output, 75 held by another process, 130 and 143 signals.
"""

import errno
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lib.output import standard_streams

ROOT = Path(__file__).resolve().parent.parent

USAGE = 2
RUN_ENDED_BADLY = 70
INPUT_OUTPUT = 74
INTERRUPTED = 128 + signal.SIGINT


def guarded(main: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run `main`; its errors become one message on stderr and an exit code, never a traceback.

    A ValueError is what the project raises for users, with an `exit_status` where 2 is not right.
    Anything else that escapes is a defect of ours and keeps its traceback. Output that cannot be
    written is no defect either (lib/output.py).
    """
    with standard_streams() as output:
        try:
            status = main(arguments)
            # Here, so that a reader who has gone is noticed while it can be handled.
            sys.stdout.flush()
            return status
        except ModuleNotFoundError as error:
            return complain(missing_package(error), USAGE)
        except ValueError as error:
            return complain(str(error), getattr(error, "exit_status", USAGE))
        except OSError as error:
            if error is not output.failure:
                return complain(io_sentence(error), INPUT_OUTPUT)
            # A reader who goes away has what it wanted (`make help | head`).
            return 0 if isinstance(error, BrokenPipeError) else INPUT_OUTPUT
        except KeyboardInterrupt:
            return complain("Interrupted.", INTERRUPTED)


def complain(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status


def missing_package(error: ModuleNotFoundError) -> str:
    """The sentence for a package that is not installed. Re-raises if the module is our own."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "lib", "gpt2", "scripts"):
        raise error
    return (
        f"The Python package {package} is missing from {sys.executable}. `make setup` installs "
        "it into .venv; with an interpreter of your own: "
        "`python3 -m pip install -r requirements.txt`."
    )


def io_sentence(error: OSError) -> str:
    """What went wrong with which file, and what to do."""
    remedies = {
        errno.ENOSPC: "Free some space on that disk and give the command again",
        errno.EDQUOT: "Your quota is used up: free some space and give the command again",
        errno.EROFS: "The file system is read-only: choose another folder",
        errno.EACCES: "Give yourself permission to write there, or choose another folder",
    }
    where = f"{error.filename}: " if error.filename else ""
    what = error.strerror or str(error)
    remedy = remedies.get(error.errno or 0, "Mend that and give the command again")
    return f"{where}{what}. {remedy}."
