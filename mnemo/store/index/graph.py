"""
An HNSW graph (U{Malkov and Yashunin<https://arxiv.org/abs/1603.09320>}) over saved vectors.

A graph is made by a program of its own, of vectors or of another graph and more vectors, and
then never changed: it is mapped from its file and searched where it lies. Beside it lie the keys
and fingerprints of the vectors it was made of, so that what has changed since is known, and a
checksum, so that a damaged file is noticed.
"""

import json
import subprocess
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from zipfile import BadZipFile

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from usearch.index import Index

from mnemo.store.index import build_graph
from mnemo.store.index.rows import Half

Keys = NDArray[np.int64]
Fingerprints = NDArray[np.uint64]

_FORMAT = 1

_CHUNK = 1 << 20


class GraphNotBuilt(Exception):
    """The graph could not be made. Its text is one line that says why."""


def fingerprints(rows: Half) -> Fingerprints:
    """A number for each row that another row is most unlikely to have."""
    odd = np.arange(1, 2 * rows.shape[1], 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    made: Fingerprints = rows.view(np.uint16).astype(np.uint64) @ odd
    return made


class Graph:
    """
    A graph that is mapped from its file. The file may be deleted meanwhile.

    @ivar keys: of which memory each row is
    @ivar fingerprints: of which vector each row is
    """

    def __init__(self, index: Index, keys: Keys, fingerprints: Fingerprints) -> None:
        self.keys = keys
        self.fingerprints = fingerprints
        self._index = index
        # A search uses working memory of the index that it has once.
        self._lock = Lock()

    def nearest(self, query: Half, count: int) -> NDArray[np.intp]:
        """The numbers of about the nearest C{count} rows."""
        with self._lock:
            matches = self._index.search(query, count, threads=1)
        return np.asarray(matches.keys, dtype=np.intp)


@frozen
class SavedGraph:
    """
    Where a graph is kept, and of what.

    @ivar model: a graph that another model's vectors were put into is not loaded
    """

    directory: Path
    model: str
    dimensions: int

    def load(self) -> Graph | None:
        """The graph, or C{None} where there is none, or a damaged one, or another model's."""
        try:
            with np.load(self._about, allow_pickle=False) as about:
                keys, prints = about["keys"], about["fingerprints"]
                said = json.loads(str(about["said"]))
            if said != self._said(_checksum(self._graph)) or len(keys) != len(prints):
                return None
            # Without look-ups by key, which a search needs not, it opens twice as fast.
            index = Index(
                ndim=self.dimensions,
                metric="cos",
                dtype="f16",
                connectivity=build_graph.CONNECTIVITY,
                expansion_search=build_graph.EXPANSION,
                enable_key_lookups=False,
            )
            index.view(self._graph)
            return Graph(index, keys, prints) if len(index) == len(keys) else None
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, RuntimeError):
            return None

    @property
    def is_there(self) -> bool:
        """Whether there is a graph to be loaded, or added to."""
        return self._graph.exists()

    def delete(self) -> None:
        """Leave no file. A loaded graph can still be searched."""
        for path in (self._about, self._graph, self._vectors, self._unfinished):
            path.unlink(missing_ok=True)

    def start(self, pieces: Iterable[tuple[Keys, Half]], base: Graph | None = None) -> "Making":
        """
        Write out the vectors and start the program that makes a graph of them.

        @param base: the saved graph, if they are to be added to it
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        keys: list[Keys] = [np.empty(0, dtype=np.int64)]
        prints: list[Fingerprints] = [np.empty(0, dtype=np.uint64)]
        if base is not None:
            keys.append(base.keys)
            prints.append(base.fingerprints)
        with self._vectors.open("wb") as out:
            for some, rows in pieces:
                keys.append(some)
                prints.append(fingerprints(rows))
                out.write(rows.data)
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", build_graph.__file__),
                *(self._vectors, str(self.dimensions), self._unfinished),
                *([] if base is None else [self._graph]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        return Making(self, process, np.concatenate(keys), np.concatenate(prints))

    def keep(self, keys: Keys, prints: Fingerprints) -> None:
        """Put what the program has made in the place of what was there."""
        said = json.dumps(self._said(_checksum(self._unfinished)))
        about = self._about.with_suffix(".tmp")
        with about.open("wb") as out:
            np.savez(out, keys=keys, fingerprints=prints, said=np.array(said))
        # Between these two the checksum is wrong, which is noticed.
        self._unfinished.replace(self._graph)
        about.replace(self._about)

    def clean(self) -> None:
        """Drop what making a graph leaves."""
        self._vectors.unlink(missing_ok=True)
        self._unfinished.unlink(missing_ok=True)

    def _said(self, checksum: int) -> dict[str, object]:
        return {
            "format": _FORMAT,
            "model": self.model,
            "dimensions": self.dimensions,
            "checksum": checksum,
        }

    @property
    def _graph(self) -> Path:
        return self.directory / "graph.usearch"

    @property
    def _about(self) -> Path:
        return self.directory / "graph.npz"

    @property
    def _vectors(self) -> Path:
        return self.directory / "graph.vectors.tmp"

    @property
    def _unfinished(self) -> Path:
        return self.directory / "graph.usearch.tmp"


class Making:
    """A graph that is being made by another process."""

    def __init__(
        self,
        saved: SavedGraph,
        process: "subprocess.Popen[bytes]",
        keys: Keys,
        prints: Fingerprints,
    ) -> None:
        self._saved = saved
        self._process = process
        self._keys = keys
        self._prints = prints

    def stop(self) -> None:
        """End it; L{finish} then raises L{GraphNotBuilt}."""
        self._process.kill()

    def finish(self) -> None:
        """Wait for the graph and save it. Raises L{GraphNotBuilt}."""
        try:
            assert self._process.stderr is not None
            # Closes standard input only once the process is gone: that would end it.
            complaint = self._process.stderr.read().decode(errors="replace").strip()
            code = self._process.wait()
            if code:
                reason = complaint.splitlines()[-1] if complaint else f"exit code {code}"
                raise GraphNotBuilt(f"the vector graph could not be built: {reason}")
            self._saved.keep(self._keys, self._prints)
        finally:
            self._process.__exit__(None, None, None)
            self._saved.clean()


def _checksum(path: Path) -> int:
    """The CRC-32 of a file, made without the interpreter lock."""
    checksum = 0
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
