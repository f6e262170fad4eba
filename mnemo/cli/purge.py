"""C{mnemo purge}: remove all that is remembered of a project."""

import click

from mnemo.cli.calling import call_tool
from mnemo.cli.choice import choice, names_a_home


@click.command()
@click.argument("project")
@names_a_home
def purge(project: str, **options: str | None) -> None:
    """Remove all that is remembered of PROJECT for good, after a confirmation."""
    click.echo(call_tool(choice(**options), "purge_project", {"project": project}))
