"""kconfiglib's full-screen editors, saving through our checks and our atomic writer.

Left alone they rename `.config` away and write in place, and let any text into a string. Here a
save that the strict layer refuses shows its reasons in a dialog, and the editor stays open.
"""

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.files import write_atomic
from lib.kconfig import backend
from lib.kconfig.errors import ConfigError
from lib.kconfig.scan import Layer, scan_text
from lib.kconfig.store import header_lines, read_config, save_text
from lib.kconfig.text import config_text, minimal_text
from lib.kconfig.tree import Tree

if TYPE_CHECKING:
    import kconfiglib


def edit(tree: Tree, path: Path, module: str) -> None:
    """Open `path` (it need not exist) in kconfiglib's `menuconfig` or `guiconfig`.

    Raises ConfigError if the present file is refused: the editor would silently drop those lines.
    """
    present: Layer | None = None
    if path.exists():
        present = read_config(path)
        tree.resolve([present])
    # The editor gets a state of its own; ours checks what it wants to save.
    origin = present.origin if present else None
    raw = backend.parse(tree.root, _saving_kconfig(tree, origin, path))
    with backend.environment({"KCONFIG_CONFIG": str(path)}):
        backend.package(module).menuconfig(raw)


def _saving_kconfig(tree: Tree, origin: str | None, path: Path) -> type["kconfiglib.Kconfig"]:
    """kconfiglib's class with writers of ours; made here, where the package may be imported."""

    class SavingKconfig(backend.package().Kconfig):
        def write_config(self, filename: str | None = None, **_: Any) -> str:
            target = Path(filename or path)
            text = config_text(self, header_lines(origin))
            _check(tree, target, text)
            if save_text(target, text):
                return f"Configuration saved to '{target}'"
            return f"No change to configuration in '{target}'"

        def write_min_config(self, filename: str, **_: Any) -> str:
            _check(tree, Path(filename), config_text(self, []))
            write_atomic(Path(filename), minimal_text(self))
            return f"Minimal configuration saved to '{filename}'"

    return SavingKconfig


def _check(tree: Tree, path: Path, text: str) -> None:
    """Refuse to save what could not be read back: by OSError, which the editors show."""
    try:
        tree.resolve([scan_text(text, str(path), "state")])
    except ConfigError as error:
        raise OSError(errno.EINVAL, str(error), str(path)) from None
