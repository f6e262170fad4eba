"""What an export has of each table."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.sqlite.schema import open_writer

CARRIED = {
    "absences": {"memory", "since", "until"},
    "chunks": {"memory", "file", "position", "hash"},
    "exclusions": {"pattern", "added"},
    "feedback": {"query", "memory", "quality", "at"},
    "files": {"project", "path", "hash", "taken"},
    "gists": {"memory", "gist", "dropped"},
    "imports": {"key", "memory"},
    "links": {"source", "target", "relation"},
    "memories": {
        "id", "version", "type", "source", "project", "session", "salience", "fades", "created",
        "updated", "archived", "concepts", "text",
    },
    "queries": {"id", "text", "session", "project", "returned", "at", "kind"},
    "sessions": {
        "id", "kind", "version", "client", "client_version", "principal", "project",
        "capabilities", "lookup", "created", "active", "ended", "reason", "memories",
        "subscriptions", "chosen",
    },
    "versions": {"memory", "version", "since", "until", "text"},
}  # fmt: skip
"""What a line of an export has, or tells by its place."""

MADE_AGAIN = {
    "abstracted": None,
    "abstractions": None,
    "cursors": None,
    "derived": None,
    "drafts": None,
    "evidence": None,
    "files": {"key"},
    "jobs": None,
    "likenesses": None,
    "memories": {"key", "change", "compared", "digest", "embedded"},
    "next_vectors": None,
    "patterns": None,
    "queries": {"number"},
    "removed": None,
    "state": None,  # but for the coaching
    "studies": None,
    "tasks": None,
    "vectors": None,
}
"""What is worked out of the rest, or is of this one store; C{None} for the whole table."""


class Completeness(SynchronousTestCase):
    def test_every_column_is_carried_or_can_be_made_again(self) -> None:
        db = open_writer(Path(self.mktemp()))
        self.addCleanup(db.close)
        tables = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        for (table,) in tables.fetchall():
            again = MADE_AGAIN.get(table, set())
            if again is not None:
                columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
                self.assertEqual(columns, CARRIED.get(table, set()) | again, table)
