"""C{mnemo forget}: forget memories by their ids."""

import click

from mnemo.cli.calling import call_tool
from mnemo.cli.choice import choice, names_a_home


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--hard", is_flag=True, help="Remove for good, after a confirmation.")
@click.option("--restore", is_flag=True, help="Make forgotten memories findable again.")
@names_a_home
def forget(ids: tuple[str, ...], hard: bool, restore: bool, **options: str | None) -> None:
    """Forget memories, or remove them for good."""
    arguments = {"memory_ids": list(ids), "hard": hard, "restore": restore}
    click.echo(call_tool(choice(**options), "forget", arguments))
