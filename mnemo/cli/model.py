"""C{mnemo model}: the embedding model."""

import os

import click
from rich.console import Console

from mnemo.config import ConfigError, load
from mnemo.inference.catalogue import DEFAULT


@click.group()
def model() -> None:
    """The embedding model."""


@model.command()
@click.argument("name_or_path", default=DEFAULT.name)
def fetch(name_or_path: str) -> None:
    """
    Bring a model into the models folder.

    NAME_OR_PATH is a model's name (all-MiniLM-L6-v2 if you give none), a GGUF file, or the
    directory of a BERT model as the transformers library saves it. A daemon that waits for
    its model takes it within seconds.
    """
    # Only this command needs the libraries that convert a model.
    from mnemo.inference import fetch as fetching

    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        models = load(os.environ).config.models
        path = fetching.fetch(models, name_or_path, console.print)
    except (ConfigError, fetching.FetchError) as problem:
        raise click.ClickException(str(problem)) from None
    console.print(f"the model is at {path}")
    if path.stem != DEFAULT.name:
        console.print(f'to use it, set in mnemo.toml under [inference]: model = "{path.stem}"')
