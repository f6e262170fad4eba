"""The documentation says what the code does."""

import re
from pathlib import Path
from runpy import run_path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[1]


class GeneratedPagesTests(SynchronousTestCase):
    """The pages that are made from the classes."""

    def test_they_are_as_the_classes_are_now(self) -> None:
        for name, text in run_path(str(ROOT / "contrib" / "build" / "docs.py"))["pages"]().items():
            self.assertEqual((ROOT / "docs" / name).read_text(), text, f"run make docs: {name}")


class LinkTests(SynchronousTestCase):
    """The pages that are written by hand."""

    def test_what_they_link_to_is_there(self) -> None:
        for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")

    def test_the_modules_they_name_are_there(self) -> None:
        text = (ROOT / "docs" / "architecture.md").read_text()
        for name in re.findall(r"`(\w+/[\w/]+\.py)`", text):
            self.assertTrue((ROOT / "mnemo" / name).exists(), name)
