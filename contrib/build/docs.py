"""Write the pages of docs/ that are made from the classes."""

from pathlib import Path

from mnemo import config_reference
from mnemo.prompts import catalogue as prompts
from mnemo.resources import catalogue as resources
from mnemo.tools import catalogue as tools

DOCS = Path(__file__).resolve().parents[2] / "docs"


def pages() -> dict[str, str]:
    """Each generated page by its name."""
    return {
        "configuration.md": config_reference.render_reference(),
        "prompts.md": prompts.render_reference(),
        "resources.md": resources.render_reference(),
        "tools.md": tools.render_reference(),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text)
