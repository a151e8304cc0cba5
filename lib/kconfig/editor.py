"""kconfiglib's full-screen editors, saving through our checks and our atomic writer.

Left alone they rename `.config` away and write in place, and let any text into a string. Here a
save that the strict layer refuses shows its reasons in a dialog, and the editor stays open.
"""

import errno
import locale
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.files import write_atomic
from lib.kconfig import backend
from lib.kconfig.errors import ConfigError
from lib.kconfig.scan import Layer, read_layer, scan_text
from lib.kconfig.store import header_lines, read_config, save_text
from lib.kconfig.text import config_text, file_text, minimal_text
from lib.kconfig.tree import Tree

if TYPE_CHECKING:
    import kconfiglib


# What curses gives instead of a key; a resized window gives a few in a row, no terminal no end.
NO_KEY = -1
MOST_FAILURES = 100

GetKey = Callable[[Any], Any]


def edit(tree: Tree, path: Path, module: str) -> None:
    """Open `path` (it need not exist) in kconfiglib's `menuconfig` or `guiconfig`.

    Raises ConfigError if the present file is refused: the editor would silently drop those lines.
    """
    present: Layer | None = None
    if path.exists():
        present = read_config(path)
        for note in tree.resolve([present]).notes:
            print(f"note: {note}", file=sys.stderr)
    # The editor gets a state of its own; ours checks what it wants to save.
    origin = present.origin if present else None
    raw = backend.parse(tree.root, _our_kconfig(tree, origin, path))
    editor = backend.package(module)
    # The editor's own takes every default for a line that the file lacks.
    editor._needs_save = raw.needs_save
    if module == "menuconfig":
        editor._getch_compat = _until_the_terminal_goes(editor._getch_compat)
    with backend.environment({"KCONFIG_CONFIG": str(path), **_known_locale()}):
        try:
            editor.menuconfig(raw)
        except _drawing_error(module) as error:
            remedy = "use `make config` (line by line), or `make defconfig-NAME`"
            raise ConfigError.single(module, f"cannot draw here: {error}", remedy) from None


def terminal_complaint(environ: Mapping[str, str]) -> str | None:
    """Why nothing can be drawn on this terminal, as the end of a sentence; None where it can.

    Asked first, because curses itself would end the process.
    """
    name = environ.get("TERM", "")
    if name in ("", "dumb"):
        return "cannot draw on a dumb terminal (TERM)"
    import curses

    try:
        curses.setupterm(name)
    except curses.error:
        return f"finds no description of this terminal (TERM={name})"
    return None if curses.tigetstr("cup") else f"cannot move the cursor here (TERM={name})"


def _drawing_error(module: str) -> type[Exception]:
    """What the libraries below an editor raise; imported here, where they are needed anyway."""
    if module == "menuconfig":
        import curses

        return curses.error
    import tkinter

    return tkinter.TclError


def _known_locale() -> dict[str, str | None]:
    """A locale for an environment that names one which is not installed (LANG from elsewhere)."""
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:
        return {"LC_ALL": "C"}
    return {}


def _until_the_terminal_goes(get_key: GetKey) -> GetKey:
    """Read keys as before, but end when there is no terminal left to read from.

    curses then answers "no key" at once, again and again, and kconfiglib asks again at once: a
    process that nobody sees would use a whole core until the machine is switched off.
    """
    failures = 0

    def get(window: Any) -> Any:
        nonlocal failures
        key = get_key(window)
        failures = failures + 1 if key == NO_KEY else 0
        if failures > MOST_FAILURES:
            # As the signal that a closed terminal sends would have: without a terminal, curses
            # can restore nothing and nobody reads a message.
            os._exit(128 + signal.SIGHUP)
        return key

    return get


def _our_kconfig(tree: Tree, origin: str | None, path: Path) -> type["kconfiglib.Kconfig"]:
    """kconfiglib's class with a reader and writers of ours; made here, where the package may be
    imported."""

    class OurKconfig(backend.package().Kconfig):
        loaded = path

        def load_config(self, filename: str | None = None, *_: Any, **__: Any) -> str:
            """Only what was asked for, so that a default moves with what it depends on."""
            source = Path(filename or path)
            if filename is None and not source.exists():
                return f"Using default symbol values (no '{source}')"
            self.unset_values()
            try:
                layer = read_layer(source, str(source), kind="state" if source == path else None)
                Tree(tree.root, self, tree.policy).resolve([layer]).state()
            except ConfigError as error:
                raise OSError(errno.EINVAL, str(error), str(source)) from None
            self.loaded = source
            return f"Loaded configuration '{source}'"

        def needs_save(self) -> bool:
            """Whether saving would change the file that was loaded."""
            return self.loaded.read_text("utf-8") != self._text()

        def _text(self) -> str:
            return file_text(self, header_lines(origin))

        def write_config(self, filename: str | None = None, **_: Any) -> str:
            target = Path(filename or path)
            text = self._text()
            _check(tree, target, text)
            if save_text(target, text):
                return f"Configuration saved to '{target}'"
            return f"No change to configuration in '{target}'"

        def write_min_config(self, filename: str, **_: Any) -> str:
            _check(tree, Path(filename), config_text(self, []))
            write_atomic(Path(filename), minimal_text(self))
            return f"Minimal configuration saved to '{filename}'"

    return OurKconfig


def _check(tree: Tree, path: Path, text: str) -> None:
    """Refuse to save what could not be read back: by OSError, which the editors show."""
    try:
        tree.resolve([scan_text(text, str(path), "state")])
    except ConfigError as error:
        raise OSError(errno.EINVAL, str(error), str(path)) from None
