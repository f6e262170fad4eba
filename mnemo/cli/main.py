"""The C{mnemo} command. Each sub-command's module is imported when it is called, not before."""

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import Final

import click

from mnemo import __version__

COMMANDS: Final[Mapping[str, str]] = {
    "start": "mnemo.cli.daemon",
    "stop": "mnemo.cli.daemon",
    "restart": "mnemo.cli.daemon",
    "status": "mnemo.cli.daemon",
    "health": "mnemo.cli.daemon",
    "top": "mnemo.cli.top",
    "mcp": "mnemo.cli.mcp",
    "shim": "mnemo.cli.shim",
    "ci": "mnemo.cli.ci",
    "gateway": "mnemo.cli.gateway",
    "forget": "mnemo.cli.forget",
    "purge": "mnemo.cli.purge",
    "ingest": "mnemo.cli.transfer",
    "import": "mnemo.cli.transfer",
    "export": "mnemo.cli.transfer",
    "model": "mnemo.cli.model",
    "probe": "mnemo.cli.probe",
    "config": "mnemo.cli.config",
}
"""Where each sub-command is, under its own name; C{import_} for C{import}."""


class Commands(click.Group):
    """
    The sub-commands.

    C{mnemo mcp} runs beside every agent that speaks stdio: it must not pay for the others.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order in which help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """One of them, or C{None}."""
        if name not in COMMANDS:
            return None
        attribute = f"{name}_" if iskeyword(name) else name
        command: click.Command = getattr(import_module(COMMANDS[name]), attribute)
        return command


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="mnemo", message="%(prog)s %(version)s")
def main() -> None:
    """One memory, one model, every coding agent on the machine."""
