"""The protocol stands alone: no Twisted, no I/O, no clock."""

import ast
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import mnemo.mcp

ROOM = Path(mnemo.mcp.__file__).parent
MODULES = sorted(ROOM.glob("*.py"))

FORBIDDEN = {
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "select",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "twisted",
    "urllib",
    "zope",
}

ROOMS = {
    "mnemo.mcp",
    "mnemo.sessions.interfaces",
    "mnemo.store.tasks",
    "mnemo.tools.interfaces",
}


def imported(module: Path) -> set[str]:
    """The full names of what a module imports."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or ".")
    return names


class PurityTests(SynchronousTestCase):
    def test_there_is_something_to_look_at(self) -> None:
        self.assertIn(ROOM / "streamable.py", MODULES)

    def test_no_module_imports_twisted_or_anything_that_does_io_or_tells_time(self) -> None:
        for module in MODULES:
            roots = {name.partition(".")[0] for name in imported(module)}
            self.assertEqual(roots & FORBIDDEN, set(), module)

    def test_of_mnemo_only_contracts_are_imported(self) -> None:
        for module in MODULES:
            for name in imported(module):
                if name.startswith("mnemo"):
                    self.assertTrue(
                        name in ROOMS or name.startswith("mnemo.mcp."), f"{module}: {name}"
                    )

    def test_nothing_opens_a_file(self) -> None:
        for module in MODULES:
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    self.assertNotIn(node.func.id, ("open", "input", "print"), module)

    def test_importing_all_of_it_does_not_load_twisted(self) -> None:
        names = ", ".join(f"mnemo.mcp.{module.stem}" for module in MODULES[1:])
        program = f"import sys, {names}; sys.exit('twisted' in sys.modules)"
        ended = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOM.parent.parent,
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(ended.returncode, 0, ended.stderr)
