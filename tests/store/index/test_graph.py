"""A graph is made by another process, saved, and known for what it is when it is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index import build_graph
from mnemo.store.index.graph import GraphNotBuilt, SavedGraph, fingerprints
from mnemo.store.index.rows import Half, unit

DIMENSIONS = 16
COUNT = 300


def some_rows() -> Half:
    random = np.random.default_rng(1)
    return np.array([unit(row) for row in random.standard_normal((COUNT, DIMENSIONS))])


class GraphTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.saved = SavedGraph(Path(self.mktemp()), "a model", DIMENSIONS)
        self.rows = some_rows()
        self.keys = np.arange(1_000, 1_000 + COUNT)

    def make(self) -> None:
        pieces = [(self.keys[:200], self.rows[:200]), (self.keys[200:], self.rows[200:])]
        making = self.saved.start(pieces)
        making.finish()

    def files(self) -> dict[str, Path]:
        return {path.name: path for path in self.saved.directory.iterdir()}

    def test_where_nothing_was_saved_there_is_none(self) -> None:
        self.assertIsNone(self.saved.load())

    def test_a_saved_graph_knows_its_vectors_and_finds_the_nearest(self) -> None:
        self.make()
        graph = self.saved.load()
        assert graph is not None
        self.assertEqual(graph.keys.tolist(), self.keys.tolist())
        self.assertEqual(graph.fingerprints.tolist(), fingerprints(self.rows).tolist())
        for number in range(0, COUNT, 10):
            self.assertEqual(graph.nearest(self.rows[number], 3)[0], number)
        self.assertEqual(len(graph.nearest(self.rows[0], 10 * COUNT)), COUNT)

    def test_vectors_are_added_to_a_saved_graph(self) -> None:
        self.saved.start([(self.keys[:200], self.rows[:200])]).finish()
        self.saved.start([(self.keys[200:], self.rows[200:])], self.saved.load()).finish()
        graph = self.saved.load()
        assert graph is not None
        self.assertEqual(graph.keys.tolist(), self.keys.tolist())
        self.assertEqual(graph.fingerprints.tolist(), fingerprints(self.rows).tolist())
        for number in range(0, COUNT, 10):
            self.assertEqual(graph.nearest(self.rows[number], 3)[0], number)

    def test_only_the_graph_and_what_it_is_made_of_are_left(self) -> None:
        self.make()
        self.assertEqual(set(self.files()), {"graph.usearch", "graph.npz"})

    def test_another_models_graph_is_not_loaded(self) -> None:
        self.make()
        self.assertIsNone(evolve(self.saved, model="another").load())
        self.assertIsNone(evolve(self.saved, dimensions=8).load())

    def test_a_damaged_graph_is_not_loaded(self) -> None:
        self.make()
        for name, path in self.files().items():
            whole = path.read_bytes()
            for damaged in (
                b"",
                whole[: len(whole) // 2],
                whole[:-1],
                bytes([whole[0] ^ 1]) + whole[1:],
                whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
                b"\0" * len(whole),
            ):
                path.write_bytes(damaged)
                self.assertIsNone(self.saved.load(), name)
            path.write_bytes(whole)
        self.assertIsNotNone(self.saved.load())

    def test_half_a_graph_is_not_loaded(self) -> None:
        self.make()
        for path in self.files().values():
            whole = path.read_bytes()
            path.unlink()
            self.assertIsNone(self.saved.load())
            path.write_bytes(whole)

    def test_a_loaded_graph_is_searched_after_its_files_are_deleted(self) -> None:
        self.make()
        graph = self.saved.load()
        assert graph is not None
        self.saved.delete()
        self.assertEqual(self.files(), {})
        self.assertEqual(graph.nearest(self.rows[7], 1).tolist(), [7])

    def test_one_that_is_stopped_saves_nothing(self) -> None:
        making = self.saved.start([(self.keys, self.rows)])
        making.stop()
        with self.assertRaises(GraphNotBuilt):
            making.finish()
        self.assertEqual(self.files(), {})

    def test_one_that_fails_says_why_in_a_line(self) -> None:
        making = self.saved.start([(self.keys[:1], self.rows[:1, :5])])
        with self.assertRaises(GraphNotBuilt) as raised:
            making.finish()
        self.assertIn("reshape", str(raised.exception))
        self.assertNotIn("\n", str(raised.exception))

    def test_the_process_ends_when_the_one_that_started_it_does(self) -> None:
        vectors = Path(self.mktemp())
        os.mkfifo(vectors)
        process = subprocess.Popen(
            [sys.executable, "-P", build_graph.__file__, vectors, "16", self.mktemp()],
            stdin=subprocess.PIPE,
        )
        # It waits for vectors that nobody writes, until the pipe to its parent is closed.
        assert process.stdin is not None
        process.stdin.close()
        self.assertEqual(process.wait(timeout=30), 1)


class FingerprintTests(SynchronousTestCase):
    def test_a_changed_row_has_another(self) -> None:
        rows = some_rows()
        before = fingerprints(rows)
        self.assertEqual(len(set(before.tolist())), COUNT)
        rows[5, 3] += np.float16(0.01)
        self.assertEqual(np.flatnonzero(fingerprints(rows) != before).tolist(), [5])

    def test_the_order_of_the_elements_counts(self) -> None:
        row = np.array([[1, 0]], dtype=np.float16)
        self.assertNotEqual(fingerprints(row)[0], fingerprints(row[:, ::-1].copy())[0])
