"""
How often ordinary text is taken for a secret, and how long looking for secrets takes.

    python contrib/benchmarks/false_alarms.py SET.json … FOLDER …

Takes labelled sets, and folders of which every .py file is cut into texts of 2,000 characters.
Prints for each the share of texts in which something was found, and what: whether it was a
secret is for the reader to judge.
"""

import sys
from pathlib import Path
from time import perf_counter

from labelled import read

from mnemo.memory.secrets import find_secrets

PIECE = 2_000


def texts_of(source: Path) -> list[str]:
    """The texts of a set, or of the code in a folder."""
    if source.is_file():
        return [said.text for store in read(source).stores for said in store.memories]
    codes = (path.read_text(errors="replace") for path in sorted(source.rglob("*.py")))
    return [code[at : at + PIECE] for code in codes for at in range(0, len(code), PIECE)]


def main(sources: list[Path]) -> None:
    """Look through each source."""
    for source in sources:
        texts = texts_of(source)
        began = perf_counter()
        found = [(text, secrets) for text in texts if (secrets := find_secrets(text))]
        seconds = perf_counter() - began
        size = sum(map(len, texts))
        print(
            f"{source.name}: something in {len(found)} of {len(texts)} texts "
            f"({len(found) / max(1, len(texts)):.2%}), "
            f"{seconds / max(1, size) * 2048 * 1000:.2f} ms for 2 KiB"
        )
        for text, secrets in found:
            for secret in secrets:
                around = text[max(0, secret.start - 30) : secret.start + 20]
                print(f"  {secret.kind}: {around!r}")


if __name__ == "__main__":
    main([Path(each) for each in sys.argv[1:]])
