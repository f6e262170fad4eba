"""What is installed."""

from configparser import ConfigParser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[1]


class PackagesTests(SynchronousTestCase):
    def test_every_package_is_installed(self) -> None:
        setup = ConfigParser(interpolation=None)
        setup.read(ROOT / "setup.cfg", encoding="utf-8")
        listed = setup["options"]["packages"].split()
        there = {
            ".".join(each.parent.relative_to(ROOT).parts)
            for each in (ROOT / "mnemo").rglob("__init__.py")
        }
        self.assertEqual(set(listed), there | {"twisted.plugins"})
        self.assertEqual(listed, sorted(listed))
