"""The all*config family: every visible bool at n, y or its default, everything else default.

There are no modules, so allmodconfig is allyesconfig. $KCONFIG_ALLCONFIG names a file whose
settings stay as they are; `1` or an empty value means all{no,yes,mod,def,random}.config, then
all.config, in the working directory.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lib.files import user_path
from lib.kconfig.errors import ConfigError
from lib.kconfig.scan import Layer, read_layer

if TYPE_CHECKING:
    from lib.kconfig.configuration import Configuration
    from lib.kconfig.tree import Tree

# What a flavour gives to bools that nothing else decides; None leaves the defaults.
FLAVOURS = {"def": None, "no": "n", "yes": "y", "mod": "y"}


def preset_layers(flavour: str, environ: Mapping[str, str], folder: Path) -> list[Layer]:
    """The layer of $KCONFIG_ALLCONFIG, if it is set; raises ConfigError if it names no file."""
    named = environ.get("KCONFIG_ALLCONFIG")
    if named is None:
        return []
    names = [named] if named not in ("", "1") else [f"all{flavour}.config", "all.config"]
    for name in names:
        path = folder / user_path(name)
        if path.exists():
            return [read_layer(path, name, kind="request")]
    remedy = "make that file, or unset KCONFIG_ALLCONFIG"
    raise ConfigError.single("KCONFIG_ALLCONFIG", f"there is no {' or '.join(names)}", remedy)


def set_all(tree: "Tree", flavour: str, preset: list[Layer]) -> "Configuration":
    """The configuration of one flavour. Raises ConfigError if the preset file is not honoured.

    Symbols are set one after another in menu order, since one may hide or show the next; one
    whose value would be refused beside those before it keeps its default.
    """
    configuration = tree.resolve(preset)
    value = FLAVOURS[flavour]
    fixed = set(configuration.requested())
    tried: set[str] = set()
    while value is not None:
        symbols = tree.symbols.values()
        waiting = [
            symbol.name
            for symbol in symbols
            if symbol.kind == "bool"
            and symbol.raw.choice is None
            and symbol.name not in fixed | tried
            and configuration.value(symbol.name).is_visible
        ]
        if not waiting:
            break
        name = waiting[0]
        tried.add(name)
        try:
            varied = configuration.derive({name: value}, f"all{flavour}config")
        except ConfigError:
            continue
        # What the preset file fixes must not be hidden by what is set around it.
        if not {problem.file for problem in varied.dropped} & {layer.label for layer in preset}:
            configuration = varied
    return configuration
