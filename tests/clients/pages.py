"""What the pages in C{docs/clients} tell users to type, as it is carried out here."""

import re
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "docs" / "clients"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

ADDRESS = "127.0.0.1:9999"


def blocks(page: str) -> list[tuple[str, str]]:
    """The code blocks of a page: the language and the text of each."""
    return _BLOCK.findall((PAGES / f"{page}.md").read_text())


def block(page: str, part: str, port: int) -> str:
    """
    The first code block of a page that has this in it, with commands in one line.

    @param port: what stands in it instead of the usual one
    """
    found = next(text for _, text in blocks(page) if part in text)
    return found.replace(ADDRESS, f"127.0.0.1:{port}").replace("\\\n", "")
