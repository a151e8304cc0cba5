"""Our own reading of `.config`, defconfigs and fragments, stricter than kconfiglib's.

kconfiglib drops a line it cannot use and says little or nothing: `CONFIG_X = y` becomes a symbol
named "X ", a byte-order mark kills line 1, the second of two assignments wins. Here each line is an
assignment, a comment or a problem. What the lines mean for the tree is not decided here
(interpret.py).

The syntax: `CONFIG_X=value`, strings in double quotes with `\\"` and `\\\\` (an unknown escape
`\\z` is `z`), and the exact comment `# CONFIG_X is not set`, which is data (n). CRLF is read as LF.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lib.kconfig.errors import ConfigError, Problem, no_config, shown

# No configuration of ours comes near; a larger file was given by mistake.
LARGEST_FILE_BYTES = 1 << 20

GENERATED_HEADER = "bitterbench configuration, generated; edit with `make menuconfig`"
ORIGIN_PREFIX = "# from: "

# A whole `.config` has a line for everything. These comments at its top tell which of the lines
# somebody asked for, and what the lines were when it was written (text.py writes them).
ASKED_PREFIX = "# asked for: "
WRITTEN_PREFIX = "# as written: "

# state: a whole `.config`, in which every active symbol has a line, asked for or not;
# request: a defconfig or a fragment, which states only what its writer wants;
# override: the command line, or one member of a matrix.
Kind = Literal["state", "request", "override"]

_UNSET = re.compile(r"# CONFIG_([A-Za-z0-9_]+) is not set")
_ALMOST_UNSET = re.compile(r"\s*#*\s*CONFIG_([A-Za-z0-9_]+)\s+is\s+not\s+set\W*", re.IGNORECASE)
_SET = re.compile(r"CONFIG_([A-Za-z0-9_]+)=(.*)")
_ASKED = re.compile(r"([A-Za-z0-9_]+) (.*)")
_ALMOST_SET = re.compile(r"\s*(?:export\s+)?(?:CONFIG_)?([A-Za-z0-9_]+)\s*=\s*(.*?)\s*")
_COMMENTED = re.compile(r'(CONFIG_\w+=(?:"(?:[^"\\]|\\.)*"|[^"#\s]*))\s+#.*')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Assignment:
    """One wish: symbol `name` shall have `value` (y, n, digits, or the text of a string).

    `is_quoted` is None where quotes do not exist (command line), else how the file had it.
    """

    name: str
    value: str
    file: str
    line: int
    is_quoted: bool | None = None

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def problem(self, what: str, remedy: str) -> Problem:
        """A problem at this assignment."""
        return Problem(self.file, self.line, what, remedy)


@dataclass(frozen=True)
class Layer:
    """Assignments of one source, in order, and what was wrong with its lines.

    `origin` is what the file's own header says it was made from ("NAME+fragment"), or None;
    `asked` what it says was asked for when it was written, None where it does not say;
    `is_as_written` whether its lines are still those that were written then;
    `is_generated` whether it has the header of a `.config` that we write.
    """

    label: str
    kind: Kind
    assignments: tuple[Assignment, ...]
    problems: tuple[Problem, ...] = ()
    origin: str | None = None
    asked: tuple[Assignment, ...] | None = None
    is_as_written: bool = False
    is_generated: bool = False


def read_layer(path: Path, label: str, *, kind: Kind | None = None) -> Layer:
    """Read one file; problems with single lines are kept for `Tree.resolve` to raise together.

    `label` names the file in messages. Unless `kind` says otherwise, a file named `.config` or one
    with our generated header is a state, every other file a request. Raises NoConfig if a state
    is missing, ConfigError for what is no configuration file at all.
    """
    text = _read_text(path, label, is_state=kind == "state" or path.name == ".config")
    if kind is None:
        kind = "state" if path.name == ".config" or _is_generated(text) else "request"
    return scan_text(text, label, kind)


def scan_text(text: str, label: str, kind: Kind) -> Layer:
    """As `read_layer`, of a text that is at hand already."""
    lines = text.split("\n")
    assignments: list[Assignment] = []
    problems: list[Problem] = []
    for found in _scan(lines, label, takes_comments=kind == "request"):
        (assignments if isinstance(found, Assignment) else problems).append(found)
    asked, digest = _record(lines, label)
    return Layer(
        label,
        kind,
        tuple(assignments),
        tuple(problems),
        _origin(lines),
        asked,
        digest == digest_of_lines(lines),
        _is_generated(text),
    )


def digest_of_lines(lines: Iterable[str]) -> str:
    """Equal for files with the same data, whatever their comments, line ends and order."""
    data = sorted(line.rstrip() for line in lines if _UNSET.match(line) or _SET.match(line))
    return hashlib.sha256("\n".join(data).encode()).hexdigest()[:16]


def leading_comments(text: str) -> list[str]:
    """The comment lines that a file begins with, up to its first data; without line ends."""
    comments = []
    for line in map(str.rstrip, text.split("\n")):
        if (line and not line.startswith("#")) or _UNSET.fullmatch(line):
            break
        comments.append(line)
    while comments and not comments[-1]:
        comments.pop()
    return comments


def has_control_characters(value: str) -> bool:
    """Whether a string cannot stand on one line of `.config` (a newline would split it)."""
    return _CONTROL.search(value) is not None


def _read_text(path: Path, label: str, is_state: bool) -> str:
    if path.is_dir():
        raise ConfigError.single(label, "is a folder", "name a configuration file")
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        if is_state:
            raise no_config(label) from None
        raise ConfigError.single(label, "there is no such file", "check its name") from None
    if len(data) > LARGEST_FILE_BYTES:
        what = f"is larger than {LARGEST_FILE_BYTES >> 20} MiB"
        raise ConfigError.single(label, what, "name a configuration file")
    if not data.strip():
        remedy = "a write was cut short: remove it, and make it again"
        raise ConfigError.single(label, "is empty", remedy)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"is not a text file (byte 0x{data[error.start]:02x} is no UTF-8)"
        raise ConfigError.single(label, what, "name a configuration file", line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        remedy = "name a configuration file"
        raise ConfigError.single(label, "is not a text file (zero byte)", remedy, line)
    return text


def _is_generated(text: str) -> bool:
    return f"# {GENERATED_HEADER}" in map(str.rstrip, text.split("\n", 5))


def _record(lines: list[str], label: str) -> tuple[tuple[Assignment, ...] | None, str | None]:
    """What the comments of a file say was asked for, and the digest of the lines of then."""
    asked: list[Assignment] = []
    digest: str | None = None
    for number, line in enumerate(map(str.rstrip, lines), 1):
        if line.startswith(WRITTEN_PREFIX):
            digest = line.removeprefix(WRITTEN_PREFIX)
        elif line.startswith(ASKED_PREFIX) and (
            match := _ASKED.fullmatch(line.removeprefix(ASKED_PREFIX))
        ):
            found = _value(match[1], match[2], label, number)
            if isinstance(found, Assignment):
                asked.append(found)
    return (tuple(asked) if digest is not None else None), digest


def _origin(lines: list[str]) -> str | None:
    for line in lines:
        if line.startswith(ORIGIN_PREFIX):
            return line.removeprefix(ORIGIN_PREFIX).strip() or None
        if line.strip() and not line.startswith("#"):
            break
    return None


def _scan(lines: list[str], label: str, takes_comments: bool) -> Iterator[Assignment | Problem]:
    """takes_comments: whether an assignment may be followed by a comment, as people write them in
    fragments. In a `.config`, which other programs read too, it would end in the value."""
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip()
        if takes_comments and (match := _COMMENTED.fullmatch(line)):
            line = match[1]
        if number == 1 and line.startswith("\ufeff"):
            line = line.removeprefix("\ufeff")
            remedy = "save the file as UTF-8 without it"
            yield Problem(label, 1, "the file begins with a byte-order mark", remedy)
        if match := _UNSET.fullmatch(line):
            yield Assignment(match[1], "n", label, number, is_quoted=False)
        elif match := _SET.fullmatch(line):
            yield _value(match[1], match[2], label, number)
        elif match := _ALMOST_UNSET.fullmatch(line):
            remedy = f"write exactly `# CONFIG_{match[1]} is not set`"
            yield Problem(label, number, f"`{shown(line)}` would be ignored", remedy)
        elif line.strip() and not line.lstrip().startswith("#"):
            yield _malformed(line, label, number)


def _value(name: str, text: str, label: str, number: int) -> Assignment | Problem:
    if match := _STRING.fullmatch(text):
        value = re.sub(r"\\(.)", r"\1", match[1])
        if has_control_characters(value):
            what = f"CONFIG_{name} holds a control character"
            return Problem(label, number, what, "write printable characters only")
        return Assignment(name, value, label, number, is_quoted=True)
    what = f"`CONFIG_{name}={shown(text)}` cannot be read"
    if text.startswith('"'):
        if (match := _STRING.match(text)) and text[match.end() :].lstrip().startswith("#"):
            what = f"CONFIG_{name} is followed by a comment on its line"
            return Problem(label, number, what, f"put the comment above CONFIG_{name}")
        remedy = f'write CONFIG_{name}="..." with \\" for a quote inside'
        return Problem(label, number, what, remedy)
    if "#" in text and text.split("#")[0].rstrip() != text:
        what = f"CONFIG_{name} is followed by a comment on its line"
        return Problem(label, number, what, f"put the comment above CONFIG_{name}")
    if text != text.strip():
        remedy = f"write CONFIG_{name}={text.strip()} without spaces round `=`"
        return Problem(label, number, what, remedy)
    return Assignment(name, text, label, number, is_quoted=False)


def _malformed(line: str, label: str, number: int) -> Problem:
    what = f"`{shown(line)}` is no assignment"
    if match := _ALMOST_SET.fullmatch(line):
        proper = f"CONFIG_{match[1]}={match[2]}"
        return Problem(label, number, what, f"write `{shown(proper)}`, no spaces before or in it")
    return Problem(label, number, what, "write CONFIG_NAME=value, or begin a comment with #")
