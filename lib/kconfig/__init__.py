"""The configuration plane: load a Kconfig tree, read layers strictly, resolve, type, explain.

    tree = load_tree(root)
    layers = [read_layer(root / ".config", ".config"), overrides_from_environment(os.environ)]
    configuration = tree.resolve(layers)        # ConfigError names every problem at once
    config = configuration.typed()              # config.MAX_ITERS, config.hash

No torch here, and kconfiglib nowhere else.
"""

from lib.kconfig.config import Config
from lib.kconfig.configuration import Configuration
from lib.kconfig.errors import ConfigError, NoConfig, Problem
from lib.kconfig.groups import Group
from lib.kconfig.interpret import Request
from lib.kconfig.overrides import (
    override_layer,
    overrides_from_arguments,
    overrides_from_environment,
)
from lib.kconfig.render import read_config_py, render_config_py
from lib.kconfig.scan import GENERATED_HEADER, Assignment, Layer, read_layer
from lib.kconfig.symbols import Symbol
from lib.kconfig.tree import Policy, Tree, load_tree

__all__ = [
    "GENERATED_HEADER",
    "Assignment",
    "Config",
    "ConfigError",
    "Configuration",
    "Group",
    "Layer",
    "NoConfig",
    "Policy",
    "Problem",
    "Request",
    "Symbol",
    "Tree",
    "load_tree",
    "override_layer",
    "overrides_from_arguments",
    "overrides_from_environment",
    "read_config_py",
    "read_layer",
    "render_config_py",
]
