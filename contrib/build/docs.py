"""Write the pages of docs/ that are made from the classes: tools.md and configuration.md."""

from pathlib import Path

from mnemo import config_reference
from mnemo.tools import catalogue

DOCS = Path(__file__).resolve().parents[2] / "docs"


def pages() -> dict[str, str]:
    """Each generated page by its name."""
    return {
        "configuration.md": config_reference.render_reference(),
        "tools.md": catalogue.render_reference(),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text)
