"""How a connection is opened, and a database brought to the newest schema step by step."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite.digest import digest

_APPLICATION = 0x6D6E656D
"""What marks the file as ours: C{mnem}."""

_BUSY_SECONDS = 10.0

Step = Sequence[str]
"""The statements that lead from one version of the schema to the next."""


def _read_steps() -> Iterator[Step]:
    folder = resources.files("mnemo.store.sqlite") / "steps"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            yield tuple(_statements(file.read_text("utf-8")))


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


STEPS: tuple[Step, ...] = tuple(_read_steps())
"""
The tables, and how they came to be: step I{n}, the file C{steps/I{n}_*.sql}, leads to
C{PRAGMA user_version} I{n}. A step that was released never changes.
"""


def open_writer(path: Path) -> sqlite3.Connection:
    """
    The connection that writes, with the schema at its newest version.

    @raise StoreError: where the file cannot be opened, is not ours, is damaged or is newer.
        It is left as it was.
    """
    try:
        connection = _connect(path)
        try:
            _refuse_foreign(connection, path)
            _prepare(connection)
            migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} cannot be used as a memory database ({error}). It was left as it is:"
            " move it away, or put a sound copy in its place"
        ) from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, to a database that L{open_writer} has opened before."""
    connection = _connect(path)
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA query_only = ON")
    return connection


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Step] = STEPS) -> None:
    """
    Take the steps that the database has not taken yet, each in a transaction.

    @raise StoreError: where the database has taken more steps than there are
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise StoreError(
            f"{path} is of version {version}, made by a newer mnemo;"
            f" this one knows versions up to {len(steps)}"
        )
    for number in range(version + 1, len(steps) + 1):
        with transaction(connection):
            for statement in steps[number - 1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside, or undo it where an exception comes out."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors, a full disk among them, SQLite has undone it already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect(path: Path) -> sqlite3.Connection:
    # One thread at a time uses a connection, though not always the same one: see Database.
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    # SQLite's own lower() knows ASCII alone.
    connection.create_function("casefold", 1, str.casefold, deterministic=True)
    connection.create_function("digest", 1, digest, deterministic=True)
    return connection


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != _APPLICATION:
        raise StoreError(f"{path} is the database of another program; it was left as it is")


def _prepare(connection: sqlite3.Connection) -> None:
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")
