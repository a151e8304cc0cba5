"""menuconfig: the full-screen editor in this terminal."""

import os
import sys

from lib.kconfig.editor import edit, terminal_complaint
from lib.kconfig.errors import ConfigError
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    remedy = "use `make config` (line by line), or `make defconfig-NAME`"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError.single("menuconfig", "needs a terminal, and this is none", remedy)
    if complaint := terminal_complaint(os.environ):
        remedy = f"try `TERM=xterm-256color make menuconfig`, or {remedy}"
        raise ConfigError.single("menuconfig", complaint, remedy)
    edit(cli.tree_here(), cli.config_here(), "menuconfig")


if __name__ == "__main__":
    cli.run(main)
