"""The tables, how they came to be step by step, and how a connection is opened."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite.duplicates import digest

_APPLICATION = 0x6D6E656D
"""What marks the file as ours: C{mnem}."""

_BUSY_SECONDS = 10.0

Step = Sequence[str]
"""The statements that lead from one version of the schema to the next."""

STEPS: tuple[Step, ...] = (
    (
        # The text comes last: reading the short columns before it touches no overflow page.
        """
        CREATE TABLE memories (
            key INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            version INTEGER NOT NULL,
            type TEXT NOT NULL,
            source TEXT NOT NULL,
            project TEXT NOT NULL,
            session TEXT NOT NULL,
            salience REAL NOT NULL,
            fades REAL NOT NULL,
            created REAL NOT NULL,
            updated REAL NOT NULL,
            archived REAL,
            embedded INTEGER NOT NULL DEFAULT 0,
            concepts TEXT NOT NULL,
            change INTEGER NOT NULL,
            text TEXT NOT NULL
        )
        """,
        "CREATE INDEX memories_by_time ON memories (created)",
        "CREATE INDEX memories_of_project ON memories (project, created)",
        "CREATE INDEX memories_of_session ON memories (session, created)",
        "CREATE INDEX memories_by_change ON memories (change)",
        "CREATE INDEX memories_unembedded ON memories (key) WHERE embedded = 0",
        """
        CREATE TABLE versions (
            memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            version INTEGER NOT NULL,
            since REAL NOT NULL,
            until REAL NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (memory, version)
        )
        """,
        """
        CREATE TABLE links (
            source INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            target INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            relation TEXT NOT NULL,
            PRIMARY KEY (source, target, relation)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX links_to ON links (target)",
        """
        CREATE TABLE vectors (
            memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
            version INTEGER NOT NULL,
            model TEXT NOT NULL,
            vector BLOB NOT NULL
        )
        """,
        # Tombstones: what an index that was not told of a removal needs to catch up.
        "CREATE TABLE removed (change INTEGER PRIMARY KEY, key INTEGER NOT NULL)",
        """
        CREATE TABLE queries (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL,
            session TEXT NOT NULL,
            project TEXT NOT NULL,
            returned TEXT NOT NULL,
            at REAL NOT NULL
        )
        """,
        """
        CREATE TABLE feedback (
            query TEXT NOT NULL,
            memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            quality TEXT NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (query, memory)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX feedback_on ON feedback (memory)",
        """
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            version TEXT NOT NULL,
            client TEXT NOT NULL,
            client_version TEXT NOT NULL,
            principal TEXT NOT NULL,
            project TEXT NOT NULL,
            capabilities TEXT NOT NULL,
            lookup TEXT NOT NULL,
            created REAL NOT NULL,
            active REAL NOT NULL,
            ended REAL,
            reason TEXT NOT NULL,
            memories INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX sessions_by_activity ON sessions (active)",
        "CREATE INDEX sessions_live ON sessions (id) WHERE ended IS NULL",
        "CREATE TABLE state (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
        "INSERT INTO state VALUES ('model', ''), ('dimensions', 0), ('scrubbed', 0)",
        # Changes are counted from anywhere: so the number up to which an index is complete
        # also tells whether it is of this database.
        "INSERT INTO state VALUES ('origin', abs(random() % 4503599627370496))",
        "INSERT INTO state SELECT 'change', value FROM state WHERE name = 'origin'",
    ),
    (
        "ALTER TABLE sessions ADD COLUMN subscriptions TEXT NOT NULL DEFAULT '[]'",
        """
        CREATE TABLE tasks (
            id TEXT PRIMARY KEY,
            principal TEXT NOT NULL,
            tool TEXT NOT NULL,
            status TEXT NOT NULL,
            message TEXT NOT NULL,
            created REAL NOT NULL,
            updated REAL NOT NULL,
            expires REAL NOT NULL,
            outcome TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX tasks_by_expiry ON tasks (expires)",
        "CREATE INDEX tasks_of_principal ON tasks (principal)",
    ),
    (
        "ALTER TABLE sessions ADD COLUMN chosen INTEGER NOT NULL DEFAULT 0",
        # To count what each project holds takes a fifteenth of the time with it.
        "CREATE INDEX memories_known ON memories (project, created) WHERE archived IS NULL",
    ),
    (
        """
        CREATE TABLE files (
            key INTEGER PRIMARY KEY,
            project TEXT NOT NULL,
            path TEXT NOT NULL,
            hash TEXT NOT NULL,
            taken REAL NOT NULL,
            UNIQUE (project, path)
        )
        """,
        """
        CREATE TABLE chunks (
            memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
            file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
            position INTEGER NOT NULL,
            hash TEXT NOT NULL
        )
        """,
        "CREATE INDEX chunks_of ON chunks (file, position)",
        # Of what was removed for good no trace stays, and no word that it has been read.
        """
        CREATE TRIGGER file_without_chunks AFTER DELETE ON chunks
        WHEN NOT EXISTS (SELECT 1 FROM chunks WHERE file = OLD.file)
        BEGIN
            DELETE FROM files WHERE key = OLD.file;
        END
        """,
        """
        CREATE TABLE imports (
            key TEXT PRIMARY KEY,
            memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE
        ) WITHOUT ROWID
        """,
        "CREATE INDEX imports_of ON imports (memory)",
        """
        CREATE TABLE exclusions (
            pattern TEXT PRIMARY KEY,
            added REAL NOT NULL
        ) WITHOUT ROWID
        """,
    ),
    (
        # The text as it counts for "the same": see mnemo.store.sqlite.duplicates.
        "ALTER TABLE memories ADD COLUMN digest BLOB NOT NULL DEFAULT x''",
        "UPDATE memories SET digest = digest(text)",
        "CREATE INDEX memories_twins ON memories (project, digest) WHERE archived IS NULL",
        "ALTER TABLE memories ADD COLUMN compared INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX memories_uncompared ON memories (key) WHERE compared = 0 AND embedded = 1",
        # What was found by comparing, and is found again: never a word of the agent's.
        """
        CREATE TABLE likenesses (
            source INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            target INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            relation TEXT NOT NULL,
            PRIMARY KEY (source, target, relation)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX likenesses_to ON likenesses (target)",
        # The spans in which a memory was forgotten.
        """
        CREATE TABLE absences (
            memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            since REAL NOT NULL,
            until REAL
        )
        """,
        "CREATE INDEX absences_of ON absences (memory)",
        "INSERT INTO absences SELECT key, archived, NULL FROM memories WHERE archived IS NOT NULL",
        """
        CREATE TRIGGER memory_forgotten AFTER UPDATE OF archived ON memories
        WHEN OLD.archived IS NULL AND NEW.archived IS NOT NULL
        BEGIN
            INSERT INTO absences VALUES (NEW.key, NEW.archived, NULL);
        END
        """,
        "CREATE INDEX versions_by_end ON versions (until)",
    ),
    (
        """
        CREATE TABLE jobs (
            memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
            version INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT 'waiting',
            recipe TEXT NOT NULL DEFAULT '',
            due REAL NOT NULL,
            tries INTEGER NOT NULL DEFAULT 0,
            lease TEXT NOT NULL DEFAULT '',
            problem TEXT NOT NULL DEFAULT ''
        )
        """,
        "CREATE INDEX jobs_due ON jobs (due) WHERE state = 'waiting'",
        "CREATE INDEX jobs_fresh ON jobs (due) WHERE state = 'waiting' AND recipe = ''",
        "CREATE INDEX jobs_parked ON jobs (memory) WHERE state = 'parked'",
        """
        CREATE TABLE derived (
            memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            field TEXT NOT NULL,
            version INTEGER NOT NULL,
            model TEXT NOT NULL,
            prompt TEXT NOT NULL,
            made REAL NOT NULL,
            scores TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (memory, field)
        ) WITHOUT ROWID
        """,
        # Whatever keeps a text, the same transaction lets it wait.
        """
        CREATE TRIGGER memory_waits AFTER INSERT ON memories
        BEGIN
            INSERT INTO jobs (memory, version, due) VALUES (NEW.key, NEW.version, 0);
        END
        """,
        # Who works on the earlier text has lost his lease.
        """
        CREATE TRIGGER memory_waits_again AFTER UPDATE OF version ON memories
        BEGIN
            DELETE FROM derived WHERE memory = NEW.key;
            DELETE FROM jobs WHERE memory = NEW.key;
            INSERT INTO jobs (memory, version, due) VALUES (NEW.key, NEW.version, 0);
        END
        """,
        "INSERT INTO state VALUES ('recipe', '')",
    ),
    (
        "ALTER TABLE queries ADD COLUMN kind TEXT NOT NULL DEFAULT 'recall'",
        "CREATE INDEX queries_of_session ON queries (session)",
        "CREATE INDEX queries_by_time ON queries (at)",
        # The handoffs that sessions did not leave: see mnemo.store.sqlite.drafts.
        """
        CREATE TABLE drafts (
            session TEXT NOT NULL,
            project TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'waiting',
            due REAL NOT NULL DEFAULT 0,
            tries INTEGER NOT NULL DEFAULT 0,
            lease TEXT NOT NULL DEFAULT '',
            at REAL NOT NULL DEFAULT 0,
            made REAL NOT NULL DEFAULT 0,
            model TEXT NOT NULL DEFAULT '',
            prompt TEXT NOT NULL DEFAULT '',
            sources TEXT NOT NULL DEFAULT '[]',
            text TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (session, project)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX drafts_due ON drafts (due) WHERE state = 'waiting'",
        "CREATE INDEX drafts_of ON drafts (project, at) WHERE text != ''",
        # A call may end after its session, and so does what is carried in.
        """
        CREATE TRIGGER memory_for_draft AFTER INSERT ON memories WHEN NEW.session != ''
        BEGIN
            INSERT OR IGNORE INTO drafts (session, project)
                SELECT NEW.session, NEW.project FROM sessions
                WHERE id = NEW.session AND ended IS NOT NULL;
            UPDATE drafts SET state = 'waiting', due = 0, tries = 0, lease = '', text = '',
                sources = '[]' WHERE session = NEW.session AND project = NEW.project;
        END
        """,
        """
        CREATE TRIGGER memory_changed_for_draft AFTER UPDATE OF version, archived ON memories
        WHEN NEW.session != ''
        BEGIN
            UPDATE drafts SET state = 'waiting', due = 0, tries = 0, lease = '', text = '',
                sources = '[]' WHERE session = NEW.session AND project = NEW.project;
        END
        """,
        """
        CREATE TRIGGER memory_gone_for_draft AFTER DELETE ON memories WHEN OLD.session != ''
        BEGIN
            UPDATE drafts SET state = 'waiting', due = 0, tries = 0, lease = '', text = '',
                sources = '[]' WHERE session = OLD.session AND project = OLD.project;
            DELETE FROM drafts WHERE session = OLD.session AND project = OLD.project
                AND NOT EXISTS (
                    SELECT 1 FROM memories WHERE session = OLD.session AND project = OLD.project
                );
        END
        """,
    ),
    (
        # What is understood of many memories together: see mnemo.store.sqlite.studies.
        """
        CREATE TABLE cursors (
            work TEXT PRIMARY KEY,
            recipe TEXT NOT NULL,
            cursor INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE studies (
            work TEXT NOT NULL,
            subject INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT 'waiting',
            due REAL NOT NULL DEFAULT 0,
            tries INTEGER NOT NULL DEFAULT 0,
            lease TEXT NOT NULL DEFAULT '',
            problem TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (work, subject)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE patterns (
            key INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            project TEXT NOT NULL,
            kind TEXT NOT NULL,
            title TEXT NOT NULL,
            said TEXT NOT NULL,
            source INTEGER NOT NULL,
            model TEXT NOT NULL,
            centroid BLOB,
            made REAL NOT NULL,
            dismissed REAL
        )
        """,
        "CREATE INDEX patterns_of ON patterns (project)",
        """
        CREATE TABLE evidence (
            memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
            pattern INTEGER NOT NULL REFERENCES patterns ON DELETE CASCADE
        )
        """,
        "CREATE INDEX evidence_of ON evidence (pattern)",
        """
        CREATE TABLE abstractions (
            key INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            project TEXT NOT NULL,
            level INTEGER NOT NULL,
            title TEXT NOT NULL,
            statement TEXT NOT NULL,
            model TEXT NOT NULL,
            prompt TEXT NOT NULL,
            scores TEXT NOT NULL,
            basis TEXT NOT NULL,
            made REAL NOT NULL,
            dismissed REAL
        )
        """,
        """
        CREATE TABLE abstracted (
            pattern INTEGER PRIMARY KEY REFERENCES patterns ON DELETE CASCADE,
            abstraction INTEGER NOT NULL REFERENCES abstractions ON DELETE CASCADE
        )
        """,
        "CREATE INDEX abstracted_into ON abstracted (abstraction)",
        """
        CREATE TABLE gists (
            memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            gist INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
            dropped INTEGER NOT NULL,
            PRIMARY KEY (memory, gist)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX gists_of ON gists (gist)",
        # Who amends or removes a memory takes its words from what was made of them. What is
        # left is looked at again.
        """
        CREATE TRIGGER evidence_amended AFTER UPDATE OF version ON memories
        BEGIN
            DELETE FROM evidence WHERE memory = NEW.key;
        END
        """,
        """
        CREATE TRIGGER evidence_gone AFTER DELETE ON evidence
        BEGIN
            DELETE FROM patterns WHERE key = OLD.pattern
                AND NOT EXISTS (SELECT 1 FROM evidence WHERE pattern = OLD.pattern);
            UPDATE patterns SET title = '', said = '', centroid = NULL WHERE key = OLD.pattern;
            INSERT OR REPLACE INTO studies (work, subject)
                SELECT 'patterns', memory FROM evidence WHERE pattern = OLD.pattern;
        END
        """,
        """
        CREATE TRIGGER pattern_blank AFTER UPDATE OF title ON patterns WHEN NEW.title = ''
        BEGIN
            UPDATE abstractions SET title = '', statement = '', scores = '{}', basis = ''
                WHERE key = (SELECT abstraction FROM abstracted WHERE pattern = NEW.key);
        END
        """,
        """
        CREATE TRIGGER pattern_gone AFTER DELETE ON abstracted
        BEGIN
            DELETE FROM abstractions WHERE key = OLD.abstraction
                AND NOT EXISTS (SELECT 1 FROM abstracted WHERE abstraction = OLD.abstraction);
            UPDATE abstractions SET title = '', statement = '', scores = '{}', basis = ''
                WHERE key = OLD.abstraction;
            INSERT OR REPLACE INTO studies (work, subject)
                SELECT 'insights', pattern FROM abstracted WHERE abstraction = OLD.abstraction;
        END
        """,
    ),
    (
        # As vectors: what the model makes that is to be used next.
        """
        CREATE TABLE next_vectors (
            memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
            version INTEGER NOT NULL,
            model TEXT NOT NULL,
            vector BLOB NOT NULL
        )
        """,
    ),
)
"""Step I{n} leads to C{PRAGMA user_version} I{n}. A step that was released never changes."""


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
