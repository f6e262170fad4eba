"""
Make a labelled set of code: C{code_set.py FILE}.

Memories are functions of Python's standard library without their docstrings; the questions are
the first paragraphs of these. Talk and long messages have labels that people made. Code has
them of itself, and without it nothing would tell a fit of the ranking how short texts are to be
found that nobody said to anybody.
"""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import msgspec
from labelled import Labelled, LabelledSet, Question, Said

STORES = 3
MEMORIES = 500
"""In each store."""

QUESTIONS = 170
"""Of each store: the functions whose docstrings are asked for."""

_ASKED = range(25, 160)
"""Characters of a docstring that is asked."""

_KEPT = range(60, 3_000)
"""Characters of a function that is kept."""

_LEFT_OUT = frozenset(("test", "tests", "site-packages", "idlelib", "lib2to3"))


def functions(folder: Path) -> Iterator[tuple[str, str]]:
    """The first paragraph of the docstring of each function, and the rest of it."""
    for path in sorted(folder.rglob("*.py")):
        if _LEFT_OUT.isdisjoint(path.relative_to(folder).parts):
            source = path.read_text(errors="replace")
            try:
                tree = ast.parse(source)
            except SyntaxError:
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.body[1:]:
                    about = (ast.get_docstring(node) or "").split("\n\n")[0]
                    yield " ".join(about.split()), _without_docstring(source, node)


def _without_docstring(source: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    lines = source.splitlines()
    first = node.body[0]
    head = lines[node.lineno - 1 : first.lineno - 1]
    return "\n".join(head + lines[first.end_lineno : node.end_lineno])


def made() -> LabelledSet:
    """The set: of what is long enough and not too long, some picked by chance, always the same."""
    found = {
        about: text
        for about, text in functions(Path(sysconfig.get_paths()["stdlib"]))
        if len(about) in _ASKED and len(text) in _KEPT
    }
    picked = sorted(found, key=lambda about: hashlib.sha256(about.encode()).digest())
    stores = (picked[at : at + MEMORIES] for at in range(0, STORES * MEMORIES, MEMORIES))
    return LabelledSet(
        "code",
        tuple(
            Labelled(
                f"code-{number}",
                tuple(
                    Said(f"{number}-{at}", found[about], "", "", "")
                    for at, about in enumerate(store)
                ),
                tuple(
                    Question(about, "function", (f"{number}-{at}",))
                    for at, about in enumerate(store[:QUESTIONS])
                ),
            )
            for number, store in enumerate(stores, 1)
        ),
    )


if __name__ == "__main__":
    given = made()
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(given))
    count = sum(len(store.memories) for store in given.stores)
    print(f"code_set: {count} functions in {len(given.stores)} stores, written to {sys.argv[1]}")
