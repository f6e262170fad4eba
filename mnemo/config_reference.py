"""The reference of the configuration, written from its classes."""

import inspect
import json
from pathlib import Path
from typing import Final

from attrs import fields

from mnemo.config_sources import KEYS, OTHER_VARIABLES, sections, variable_of

_PREFACE: Final = """\
# Configuration

mnemo reads `mnemo.toml` in its home (`~/.mnemo`), or the file that `--config` or
`MNEMO_CONFIG` names. An environment variable wins over the file, a flag over both.
`mnemo config show` prints every value in force and where it came from.

In the file, the key `server.port` is `port` under `[server]`. In a variable, a list has
commas between its items. A key or `MNEMO_` variable that is not below, a wrong type or an
impossible value stops the start with one line that says what is accepted.
"""


def render_reference() -> str:
    """Every key and variable, in Markdown."""
    lines = [_PREFACE, *_table([name for name in KEYS if "." not in name])]
    for name, section in sections():
        lines += [f"## [{name}]", "", _plain(section.__doc__ or ""), ""]
        lines += _table([f"{name}.{key.name}" for key in fields(section)])
    lines += ["## Other variables", "", "| variable | what it does |", "| --- | --- |"]
    lines += [f"| `{name}` | {what} |" for name, what in OTHER_VARIABLES.items()]
    return "\n".join(lines) + "\n"


def shown(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(shown, value))}]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _plain(docstring: str) -> str:
    return inspect.cleandoc(docstring).replace("C{", "`").replace("}", "`")


def _table(names: list[str]) -> list[str]:
    rows = ["| key | variable | default | accepted | what it does |", "| --- " * 5 + "|"]
    for name in names:
        meta = KEYS[name].metadata
        default = meta.get("default") or shown(KEYS[name].default)
        cells = [
            f"`{name}`",
            f"`{variable_of(name)}`",
            f"`{default}`",
            meta["accepts"],
            meta["help"],
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return [*rows, ""]
