"""C{mnemo model}: the models, what they are for, and whether they are in memory."""

import os
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from mnemo.cli.asking import ask
from mnemo.cli.choice import Choice, choice, names_a_home
from mnemo.config_checks import is_server
from mnemo.config_file import set_key
from mnemo.config_sources import ConfigError, load
from mnemo.inference.catalogue import DEFAULT, SETTING, FetchError, ModelMissing, locate
from mnemo.lock import holder_of
from mnemo.transports.credentials import token_of

RELEASE_SECONDS = 150.0
"""How long a daemon is waited for: what runs on the model ends first."""

_console = Console(highlight=False, markup=False, soft_wrap=True)


@click.group()
def model() -> None:
    """The models: for embedding, and for language."""


@model.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@names_a_home
def list_models(as_json: bool, **options: str | None) -> None:
    """Show the models that are there, and those that could be fetched."""
    from mnemo.inference.models import Model, known

    chosen = choice(**options)
    uses = _chosen_paths(chosen)

    def row(entry: Model) -> dict[str, Any]:
        return {
            "name": entry.name,
            "for": entry.purpose,
            "bytes": entry.size,
            "licence": entry.licence,
            "sha256": entry.sha256,
            "present": entry.present,
            "in_use": chosen.config.models / f"{entry.name}.gguf" in uses,
            "link": entry.link and str(entry.link),
            "problem": entry.problem,
        }

    rows = [row(entry) for entry in known(chosen.config.models)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "for", "size", "licence", "there", "sha256"):
        table.add_column(heading, justify="right" if heading == "size" else "left")
    for told in rows:
        there = told["problem"] or ("in use" if told["in_use"] else "yes")
        table.add_row(
            told["name"],
            told["for"] or "",
            f"{told['bytes'] / 1e6:.0f} MB",
            told["licence"],
            there if told["present"] or told["problem"] else "",
            told["sha256"][:12],
        )
    console = Console(highlight=False, markup=False)
    console.print(table)


@model.command()
@click.argument("name_or_path", default=DEFAULT.name)
@names_a_home
def fetch(name_or_path: str, **options: str | None) -> None:
    """
    Bring a model into the models folder.

    NAME_OR_PATH is a name that mnemo model list shows (all-MiniLM-L6-v2 if you give none), the
    address of a GGUF file, a GGUF file, or the directory of a BERT model as the transformers
    library saves it. An interrupted download goes on where it was. With inference.mirror set,
    names are looked for there and nowhere else.
    """
    # Only this command needs the libraries that convert a model.
    from mnemo.inference import fetch as fetching

    config = choice(**options).config
    try:
        path = fetching.fetch(config.models, name_or_path, _console.print, config.inference.mirror)
    except FetchError as problem:
        raise click.ClickException(str(problem)) from None
    _console.print(f"the model is at {path}")
    if path.stem != DEFAULT.name:
        _console.print(f"to use it: mnemo model use {path.stem}")


@model.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", default="", metavar="NAME", help="What to call it, if not as its file.")
@names_a_home
def add(path: Path, name: str, **options: str | None) -> None:
    """
    Make the GGUF file at PATH known, where it is: the models folder gets a link to it.

    It is tried out first. A change of the file afterwards counts as damage.
    """
    from mnemo.inference import models as folder

    try:
        link = folder.add(choice(**options).config.models, path, name)
    except FetchError as problem:
        raise click.ClickException(str(problem)) from None
    _console.print(f"{link.stem} stands for {link.readlink()}")
    _console.print(f"to use it: mnemo model use {link.stem}")


@model.command()
@click.argument("name")
@names_a_home
def use(name: str, **options: str | None) -> None:
    """
    Choose the model for what it is for: write it into mnemo.toml.

    A model that makes vectors becomes inference.model, one that writes becomes
    inference.language_model.
    """
    from mnemo.inference.models import known

    chosen = choice(**options)
    entry = {there.name: there for there in known(chosen.config.models)}.get(name)
    if entry is None:
        raise click.ClickException(f"there is no model {name}; mnemo model list shows them")
    if not entry.present or entry.purpose is None:
        why = entry.problem or f"is not here yet; fetch it: mnemo model fetch {name}"
        raise click.ClickException(f"{name} {why}")
    key = SETTING[entry.purpose]
    try:
        set_key(chosen.config_file, key, name)
    except ConfigError as problem:
        raise click.ClickException(str(problem)) from None
    _console.print(f"{key} is {name} in {chosen.config_file}")
    _warn_of_what_wins(chosen, key, options)
    if holder_of(chosen.home) is not None:
        _console.print("the daemon takes it when it starts again: mnemo restart")


@model.command()
@click.argument("name")
@names_a_home
def rm(name: str, **options: str | None) -> None:
    """Remove a model from the models folder. Of one that was added, the file itself stays."""
    from mnemo.inference import models as folder

    chosen = choice(**options)
    path = chosen.config.models / f"{name}.gguf"
    key = _chosen_paths(chosen).get(path)
    if key and (path.exists() or path.is_symlink()):
        raise click.ClickException(
            f"{name} is in use: {key} names it; choose another first: mnemo model use NAME"
        )
    if path.stem in _in_memory(chosen):
        raise click.ClickException(
            f"{name} is in use: the daemon has it; let it take the other one first: mnemo restart"
        )
    try:
        stands_for = folder.remove(chosen.config.models, name)
    except FetchError as problem:
        raise click.ClickException(str(problem)) from None
    rest = f"; {stands_for} stays" if stands_for else ""
    _console.print(f"{name} is removed{rest}")


@model.command()
@names_a_home
def release(**options: str | None) -> None:
    """
    Take the language model out of the daemon's memory, for other work on this machine.

    What runs on it ends first. Calls wait a moment for it, and are then told to come back;
    mnemo model load brings it back.
    """
    _console.print(_told(choice(**options), "release"))


@model.command("load")
@names_a_home
def load_again(**options: str | None) -> None:
    """Bring the language model back into the daemon's memory."""
    _console.print(_told(choice(**options), "load"))


# -- what they need


def _chosen_paths(chosen: Choice) -> dict[Path, str]:
    """The file of each model of this machine that the configuration names, and which key does."""
    inference, models = chosen.config.inference, chosen.config.models
    named = [
        ("inference.model", inference.model),
        ("inference.language_model", inference.language_model),
        *(("inference.fallbacks", name) for name in inference.fallbacks),
    ]
    found = {}
    for key, name in named:
        if name and not is_server(name):
            try:
                found[locate(models, name)] = key
            except ModelMissing as missing:
                found[missing.path] = key
    return found


def _in_memory(chosen: Choice) -> set[str]:
    """The names of the models that the daemon, if there is one, has taken up."""
    holder = holder_of(chosen.home)
    token = token_of(chosen.config.server.tokens)
    answer = ask(holder, "/health", token) if holder is not None and holder.port else None
    if answer is None or answer[0] != 200:
        return set()
    embedding, language = answer[1]["model"], answer[1]["language_model"]
    # The name of an embedding model ends with a part of its checksum.
    return {embedding["name"].rpartition("-")[0], language["name"]}


def _warn_of_what_wins(chosen: Choice, key: str, options: dict[str, str | None]) -> None:
    """Say so where an environment variable keeps the file from being heard."""
    origin = load(os.environ, {"home": options["home"]}, chosen.config_file).origins[key]
    if origin != str(chosen.config_file):
        _console.print(f"but {origin} is set, which wins over the file")


def _told(chosen: Choice, what: str) -> str:
    """What the daemon says to C{release} or C{load}. Raises C{click.ClickException}."""
    holder = holder_of(chosen.home)
    if holder is None or not holder.port:
        raise click.ClickException(f"mnemo is not running for {chosen.home}; mnemo start starts it")
    token = token_of(chosen.config.server.tokens)
    answer = ask(holder, f"/api/v1/models/{what}", token, method="POST", seconds=RELEASE_SECONDS)
    if answer is None:
        raise click.ClickException(f"pid {holder.pid} does not answer on {holder.address}")
    if answer[0] == 401:
        raise click.ClickException(f"pid {holder.pid} asks for a token; set server.tokens to it")
    said = str(answer[1].get("message") or answer[1].get("error") or "it did not say")
    if answer[0] != 200:
        raise click.ClickException(said)
    return said
