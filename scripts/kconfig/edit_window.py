"""xconfig, gconfig, guiconfig: the editor in a window."""

import os
import sys

from lib.kconfig.editor import edit
from lib.kconfig.errors import ConfigError
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        remedy = "use `make menuconfig`"
        raise ConfigError.single("guiconfig", "needs a display, and DISPLAY is not set", remedy)
    edit(cli.tree_here(), cli.config_here(), "guiconfig")


if __name__ == "__main__":
    cli.run(main)
