"""Real English about programming that every Python carries: sentences of its own documentation."""

import importlib
import random
import re
from collections.abc import Iterator
from pydoc_data.topics import topics

MODULES = (
    "argparse asyncio.events collections concurrent.futures configparser csv ctypes datetime "
    "decimal difflib email.message functools heapq http.client inspect ipaddress itertools json "
    "logging mailbox multiprocessing.pool optparse os pathlib pickle random re sched shutil "
    "socket sqlite3 statistics string subprocess tarfile tempfile textwrap threading turtle "
    "typing unittest.mock urllib.request uuid xml.dom.minidom zipfile"
)


def sentences() -> list[str]:
    """A few thousand distinct sentences of 40 to 220 characters."""
    texts = list(topics.values())
    for name in MODULES.split():
        module = importlib.import_module(name)
        texts += [
            thing.__doc__
            for thing in [module, *vars(module).values()]
            if isinstance(getattr(thing, "__doc__", None), str)
        ]
    found = {
        " ".join(sentence.split())
        for text in texts
        for sentence in re.split(r"(?<=[.!?])\s+|\n\n", text)
    }
    return sorted(s for s in found if 40 <= len(s) <= 220 and s[0].isalpha())


def memories(count: int, seed: int = 1) -> Iterator[str]:
    """C{count} texts of two or three sentences, no two the same."""
    pick = random.Random(seed)
    known = sentences()
    for number in range(count):
        yield f"{' '.join(pick.sample(known, pick.choice((2, 3))))} (note {number})"


def questions(count: int, seed: int = 2) -> list[str]:
    """Questions as an agent asks them: some words of a sentence, in a sentence."""
    pick = random.Random(seed)
    asked = []
    for sentence in pick.sample(sentences(), count):
        words = sentence.split()
        start = pick.randrange(max(1, len(words) - 7))
        asked.append(f"what do we know about {' '.join(words[start : start + 7])}")
    return asked
