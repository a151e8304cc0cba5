"""config.py: the typed values as Python literals, written by Jinja2, read without running it.

`CONFIG_X = literal` for every symbol and group, `CONFIG_HASHED` with the names that may enter the
hash, and `CONFIG_HASH`, which reading verifies: a hand-edited or torn file is refused.
"""

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.kconfig.config import Config
from lib.kconfig.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Template

_PREFIX = "CONFIG_"
_REMEDY = "make it again with `make syncconfig`"


def render_config_py(config: Config, header: Sequence[str]) -> str:
    """The text of config.py; each header line becomes a comment at the top."""
    return _template().render(
        header=header,
        entries=[(name, _literal(value)) for name, value in config.items()],
        hashed=config.relevant_names,
        hash=config.hash,
    )


def read_config_py(path: Path) -> Config:
    """The configuration in a config.py, by literals only; nothing in it is ever run.

    Raises ConfigError, with file and line, for anything but assignments of literals, and if the
    hash does not fit the values.
    """
    label = str(path)
    if not path.is_file():
        raise ConfigError.single(label, "there is no such file", _REMEDY)
    try:
        module = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise ConfigError.single(label, f"is no generated file ({error})", _REMEDY) from None
    values: dict[str, Any] = {}
    for statement in module.body:
        name, value = _assignment(label, statement)
        values[name] = value
    hashed, digest = values.pop("HASHED", None), values.pop("HASH", None)
    if not isinstance(hashed, tuple) or not set(hashed) <= values.keys():
        raise ConfigError.single(label, "is cut short: CONFIG_HASHED does not fit it", _REMEDY)
    config = Config(values, hashed)
    if config.hash != digest:
        what = f"CONFIG_HASH is {digest}, but the values give {config.hash}"
        raise ConfigError.single(label, what, f"it was edited by hand: {_REMEDY}")
    return config


def _assignment(label: str, statement: ast.stmt) -> tuple[str, Any]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name) and target.id.startswith(_PREFIX):
            try:
                return target.id.removeprefix(_PREFIX), ast.literal_eval(statement.value)
            except ValueError:
                pass
    what = "holds something other than CONFIG_X = literal"
    raise ConfigError.single(label, what, _REMEDY, statement.lineno)


def _literal(value: object) -> str:
    # ascii, not repr: the file is read the same under any locale.
    return ascii(value)


@cache
def _template() -> "Template":
    try:
        # Only who renders needs the package: it costs a third of a command's start-up.
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ModuleNotFoundError:
        remedy = "run `make setup`, or `pip install jinja2`"
        what = "the Python package jinja2 is not installed"
        raise ConfigError.single("bitterbench", what, remedy) from None
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    # No autoescape: this is Python, where an escaped quote would be wrong.
    environment = Environment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template("config.py.j2")
