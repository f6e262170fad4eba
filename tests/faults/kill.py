"""
Rounds of C{remember} under load and C{kill -9}; between rounds, an index is deleted or damaged.
In the end every memory that was acknowledged must be there, word for word, and be found.
"""

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import define, field, frozen

from tests.faults.daemon import Daemon, Gone

WRITERS = 4
SMALL = 300
LONGEST = 0.15
"""For how many seconds a daemon is written to at most, where enough is acknowledged by then."""
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


@frozen
class Kept:
    """A memory that was acknowledged. C{word} stands in no other."""

    id: str
    word: str
    text: str


@define
class Load:
    """Writers that remember as fast as they can, until the daemon is gone."""

    daemon: Daemon
    words: Iterator[str]
    kept: list[Kept] = field(factory=list)
    failures: list[str] = field(factory=list)

    def run(self, seconds: float, least: int) -> None:
        """
        Write for C{seconds}, and until C{least} more are acknowledged; then kill the daemon in
        the middle of it.
        """
        least += len(self.kept)
        writers = [threading.Thread(target=self._write) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(seconds)
        while len(self.kept) < least and any(writer.is_alive() for writer in writers):
            time.sleep(0.001)
        self.daemon.kill()
        for writer in writers:
            writer.join()

    def _write(self) -> None:
        caller = self.daemon.caller()
        try:
            while True:
                word = next(self.words)
                text = f"The code word of this round is {word}, word for word."
                answer = caller.call("remember", text=text)
                self.kept.append(Kept(answer["id"], word, text))
        except Gone:
            return
        except Exception as problem:
            self.failures.append(repr(problem))


def words(pick: random.Random) -> Iterator[str]:
    """Made-up words, none twice. Safe to share between threads, as a generator is not."""
    made = itertools.count()
    while True:
        number, stem = next(made), ""
        while number:
            number, digit = divmod(number, len(SYLLABLES))
            stem += SYLLABLES[digit]
        yield f"{stem}{pick.choice(SYLLABLES)}x"


@define
class Shared:
    """An iterator that several threads may take from."""

    source: Iterator[str]
    lock: threading.Lock = field(factory=threading.Lock)

    def __iter__(self) -> "Shared":
        return self

    def __next__(self) -> str:
        with self.lock:
            return next(self.source)


def delete(folder: Path, pick: random.Random) -> None:
    """The index is gone."""
    shutil.rmtree(folder)


def damage(folder: Path, pick: random.Random) -> None:
    """A file of the index has other bytes in its middle, or its end is missing."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    victim = pick.choice(files)
    content = bytearray(victim.read_bytes())
    middle = len(content) // 2
    if pick.random() < 0.5:
        content[middle : middle + 16] = bytes(byte ^ 0xFF for byte in content[middle : middle + 16])
    else:
        del content[middle:]
    victim.write_bytes(content)


DEEDS = (None, (delete, "text"), (damage, "text"), (delete, "vectors"), (damage, "vectors"))


def with_graph(daemon: Daemon) -> bool:
    """
    Whether a graph of vectors lies on disk: let the daemon make one, if there are enough.
    A daemon that lives for moments never comes to it.
    """
    graph = daemon.home / "index" / "vectors" / "graph.usearch"
    if graph.exists():
        return True
    daemon.start()
    settle(daemon)
    status = daemon.caller().call("status")
    until = time.monotonic() + 60
    while status["memories"]["active"] > 2 * daemon.small and not graph.exists():
        assert time.monotonic() < until, f"no graph was made: {daemon.said()}"
        time.sleep(0.05)
    daemon.kill()
    return graph.exists()


def settle(daemon: Daemon, limit: float = 300) -> None:
    """Wait until every vector is made and both legs find their sentinel."""
    until = time.monotonic() + limit
    report = {}
    while time.monotonic() < until:
        report = daemon.get("/health")[1]
        if report["status"] == "ok" and not report["queues"]["vectors"]:
            return
        time.sleep(0.1)
    raise AssertionError(f"the daemon did not become well: {report}")


def missing(daemon: Daemon, kept: Sequence[Kept]) -> list[str]:
    """What is wrong with the memories that must be there."""
    caller = daemon.caller()
    wrong = []
    for memory in kept:
        found = caller.call("recall", query=memory.word, project="*", explain=True, limit=3)
        hits = {each["id"]: each for each in found["memories"]}
        if memory.id not in hits:
            wrong.append(f"{memory.id} ({memory.word}) is not found")
        elif hits[memory.id]["text"] != memory.text:
            wrong.append(f"{memory.id} has another text: {hits[memory.id]['text']!r}")
        elif any(
            term["raw"] is None
            for term in hits[memory.id]["explanation"]
            if term["name"] in ("text", "meaning")
        ):
            wrong.append(f"{memory.id} is found by one leg alone")
    return wrong


def run(
    rounds: int, seed: int, small: int = SMALL, longest: float = LONGEST, least: int = 0
) -> tuple[int, Counter[str]]:
    """Do it. The number of things that were wrong, and how often each deed was done."""
    pick = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="mnemo-faults-") as scratch:
        daemon = Daemon(Path(scratch, "home"), small)
        load = Load(daemon, Shared(words(pick)))
        done: Counter[str] = Counter()
        try:
            for number in range(rounds):
                deed = DEEDS[number % len(DEEDS)]
                if deed is not None and (deed[1] != "vectors" or with_graph(daemon)):
                    deed[0](daemon.home / "index" / deed[1], pick)
                    done[f"{deed[0].__name__} {deed[1]}"] += 1
                daemon.start()
                load.run(pick.uniform(0.0, longest), least)
                if (number + 1) % 20 == 0:
                    print(f"  round {number + 1}: {len(load.kept)} acknowledged", flush=True)
            daemon.start()
            settle(daemon)
            wrong = load.failures + missing(daemon, load.kept)
        finally:
            daemon.kill()
    for line in wrong[:20]:
        print(f"  {line}")
    print(f"  {', '.join(f'{deed} {times} times' for deed, times in sorted(done.items()))}")
    print(f"{rounds} rounds, {len(load.kept)} acknowledged memories, {len(wrong)} wrong")
    return len(wrong), done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wrong, _ = run(options.rounds, options.seed)
    print(f"{0 if wrong else 1} passed, {1 if wrong else 0} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
