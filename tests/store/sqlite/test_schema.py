"""How a database comes to its newest schema, and which files are refused."""

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite import schema
from mnemo.store.sqlite.schema import STEPS, migrate, open_reader, open_writer


class Opening(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def open(self) -> sqlite3.Connection:
        connection = open_writer(self.path)
        self.addCleanup(connection.close)
        return connection

    def pragma(self, connection: sqlite3.Connection, name: str) -> int:
        value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def test_a_new_file_gets_every_step(self) -> None:
        self.assertEqual(self.pragma(self.open(), "user_version"), len(STEPS))

    def test_the_files_of_the_steps_are_numbered_from_one_on(self) -> None:
        files = sorted(Path(schema.__file__).with_name("steps").glob("*.sql"))
        numbers = [int(file.name.partition("_")[0]) for file in files]
        self.assertEqual(numbers, [*range(1, len(STEPS) + 1)])

    def test_no_statement_of_a_step_is_left_out(self) -> None:
        for number, step in enumerate(STEPS, 1):
            [file] = Path(schema.__file__).with_name("steps").glob(f"{number:02}_*.sql")
            self.assertEqual("".join(step), file.read_text())

    def test_sessions_of_the_first_version_are_told_of_no_resource(self) -> None:
        first = sqlite3.connect(self.path, isolation_level=None)
        migrate(first, self.path, STEPS[:1])
        first.execute(
            "INSERT INTO sessions VALUES ('5e55', 'mcp', '', '', '', '', '', '{}', '', 0, 0,"
            " NULL, '', 0)"
        )
        first.close()
        found = self.open().execute("SELECT id, subscriptions FROM sessions").fetchall()
        self.assertEqual(found, [("5e55", "[]")])

    def test_opening_again_keeps_what_is_there(self) -> None:
        self.open().execute("INSERT INTO removed VALUES (1, 2)")
        again = self.open()
        self.assertEqual(again.execute("SELECT * FROM removed").fetchall(), [(1, 2)])

    def test_a_commit_waits_for_the_disk_and_what_is_deleted_is_overwritten(self) -> None:
        connection = self.open()
        self.assertEqual(self.pragma(connection, "journal_mode"), "wal")
        self.assertEqual(self.pragma(connection, "synchronous"), 2)
        self.assertEqual(self.pragma(connection, "foreign_keys"), 1)
        self.assertEqual(self.pragma(connection, "secure_delete"), 1)

    def test_a_reader_cannot_write(self) -> None:
        self.open()
        reader = open_reader(self.path)
        self.addCleanup(reader.close)
        with self.assertRaises(sqlite3.OperationalError):
            reader.execute("DELETE FROM removed")

    def test_a_listing_query_reads_an_index_and_sorts_nothing(self) -> None:
        connection = self.open()
        for query, index in (
            ("SELECT * FROM memories ORDER BY created DESC, key DESC", "memories_by_time"),
            (
                "SELECT * FROM memories WHERE project = 'p' ORDER BY created DESC, key DESC",
                "memories_of_project",
            ),
            (
                "SELECT * FROM memories WHERE session = 's' ORDER BY created DESC, key DESC",
                "memories_of_session",
            ),
            ("SELECT * FROM memories WHERE embedded = 0 ORDER BY key", "memories_unembedded"),
        ):
            plan = str(connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
            self.assertIn(index, plan)
            self.assertNotIn("TEMP B-TREE", plan)


class Migrating(SynchronousTestCase):
    STEPS = (("CREATE TABLE a (x)",), ("INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)"))

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(self.connection.close)

    def rows(self) -> list[tuple[int]]:
        return self.connection.execute("SELECT x FROM a").fetchall()

    def test_only_the_steps_that_are_new_are_taken(self) -> None:
        migrate(self.connection, self.path, self.STEPS[:1])
        self.assertEqual(self.rows(), [])
        migrate(self.connection, self.path, self.STEPS)
        migrate(self.connection, self.path, self.STEPS)
        self.assertEqual(self.rows(), [(1,), (2,)])

    def test_a_step_that_fails_is_not_taken_in_part(self) -> None:
        broken = (*self.STEPS[:1], ("INSERT INTO a VALUES (1)", "INSERT INTO missing VALUES (2)"))
        with self.assertRaises(sqlite3.OperationalError):
            migrate(self.connection, self.path, broken)
        self.assertEqual(self.rows(), [])
        migrate(self.connection, self.path, self.STEPS)
        self.assertEqual(self.rows(), [(1,), (2,)])

    def test_a_newer_database_is_refused_naming_file_and_versions(self) -> None:
        migrate(self.connection, self.path, self.STEPS)
        with self.assertRaises(StoreError) as raised:
            migrate(self.connection, self.path, self.STEPS[:1])
        for part in (str(self.path), "version 2", "up to 1"):
            self.assertIn(part, str(raised.exception))


class Refusing(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def refused(self) -> str:
        before = self.path.read_bytes()
        with self.assertRaises(StoreError) as raised:
            open_writer(self.path)
        self.assertEqual(self.path.read_bytes(), before)
        self.assertNotIn("\n", str(raised.exception))
        self.assertIn(str(self.path), str(raised.exception))
        return str(raised.exception)

    def test_a_file_that_is_no_database_is_left_as_it_is(self) -> None:
        self.path.write_bytes(b"a letter to a friend\n" * 1_000)
        self.assertIn("not a database", self.refused())

    def test_a_damaged_database_is_left_as_it_is(self) -> None:
        open_writer(self.path).close()
        content = bytearray(self.path.read_bytes())
        content[100:4096] = b"\xff" * (4096 - 100)
        self.path.write_bytes(content)
        self.refused()

    def test_the_database_of_another_program_is_left_as_it_is(self) -> None:
        other = sqlite3.connect(self.path)
        other.execute("CREATE TABLE bookmarks (url)")
        other.close()
        self.assertIn("another program", self.refused())

    def test_a_newer_database_is_left_as_it_is(self) -> None:
        connection = open_writer(self.path)
        connection.execute("PRAGMA user_version = 9999")
        connection.close()
        self.assertIn("newer", self.refused())

    def test_a_directory_in_its_place_is_one_clear_error(self) -> None:
        self.path.mkdir()
        with self.assertRaises(StoreError):
            open_writer(self.path)
