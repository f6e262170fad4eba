"""Options that several commands have."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mnemo.config_sources import from_here

_HERE = "mnemo.project_from_cwd"

F = TypeVar("F", bound=Callable[..., Any])


def names_a_project(help: str) -> Callable[[F], F]:
    """The option that names a project, under the names that people know it by."""

    def decorated(command: F) -> F:
        named = click.option(
            "--project",
            "--project-root",
            "--project-file",
            "project",
            metavar="DIR",
            callback=_chosen,
            help=help,
        )
        here = click.option(
            "--project-from-cwd",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_remember,
            help="The same, for the current folder.",
        )
        return named(here(command))

    return decorated


def _remember(context: click.Context, option: click.Parameter, given: bool) -> None:
    context.meta[_HERE] = given


def _chosen(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    return os.getcwd() if given is None and context.meta[_HERE] else from_here(given)
