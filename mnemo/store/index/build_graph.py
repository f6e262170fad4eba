"""
Builds an HNSW graph of vectors in a file: a program of its own, run by L{mnemo.store.index.graph}.

Building takes minutes of processor time, and saving holds the interpreter lock as long as the
disk takes. So neither is done in the daemon. It imports nothing of mnemo, and ends when the
process that started it does.

Arguments: the file of vectors (half precision, row after row), their length, the file to write;
and where there is one, the file of a graph to which they are added.
"""

import os
import sys
import threading

import numpy as np
from usearch.index import Index

CONNECTIVITY = 16
EXPANSION = 64

_PIECE = 1024


def main(vectors: str, dimensions: int, graph: str, base: str = "") -> None:
    """Read the vectors, write the graph; the key of each is its row, behind those of C{base}."""
    os.nice(10)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    rows = np.memmap(vectors, dtype=np.float16, mode="r").reshape(-1, dimensions)
    index = Index(
        ndim=dimensions,
        metric="cos",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION,
        expansion_search=EXPANSION,
    )
    if base:
        index.load(base)
    first = len(index)
    threads = max(1, (os.cpu_count() or 1) // 2)
    for start in range(0, len(rows), _PIECE):
        piece = np.array(rows[start : start + _PIECE])
        keys = np.arange(first + start, first + start + len(piece), dtype=np.uint64)
        index.add(keys, piece, threads=threads)
    index.save(graph)


def _end_with_parent() -> None:
    """The parent holds the other end of standard input, and never writes."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
