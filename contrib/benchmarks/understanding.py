"""
What understanding many memories together is worth to a recall: C{understanding.py SET…}.

Each store of a labelled set is asked through the recall tool before and after it was studied.
Two gains are measured. Gists: recall with them against without, once a day and once a year after
the last memory, when most of them fade; a gist counts for nothing, or for its originals in its
place. Patterns: how much more of what answers is in the evidence of the patterns that a recall
shows beside its first ten memories than in as many more memories. Nothing may be lost by either.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import labelled
from attrs import define, field, frozen
from house import CachedEmbedder, House, asked, embedder
from labelled import Labelled, LabelledSet, mean, measured
from twisted.internet import task
from twisted.internet.defer import Deferred, maybeDeferred

from mnemo.config import UnderstandingConfig
from mnemo.inference.none import NoGenerator
from mnemo.memory.ids import random_id
from mnemo.memory.weights import WEIGHTS
from mnemo.store.records import Memory
from mnemo.tools.interfaces import ITool
from mnemo.tools.patterns import BESIDE_MEMORIES, EVIDENCE_SHOWN
from mnemo.understanding.strength import strongest
from mnemo.understanding.studying import LOOK, REST, Studying

WORTH: Final = 0.001
"""How much more nDCG, or recall, something must bring on every set to be on by default."""

SHOWN: Final = 10
YEAR: Final = 366 * 86400.0
AGES: Final = {"a day later": 0.0, "a year later": YEAR}

_QUICK = 5
_PAUSE = 0.002


@define
class Figures:
    """
    What one set came to.

    @ivar rows: the measures of each question, by age and way
    @ivar more: the recall of the first ten with what patterns add, and with as many memories more
    @ivar gists: how many were made, by age
    @ivar seconds: of studying, without the embedding of gists
    """

    name: str
    rows: dict[str, dict[str, list[tuple[float, ...]]]] = field(factory=dict)
    more: list[tuple[float, float, float]] = field(factory=list)
    gists: dict[str, int] = field(factory=dict)
    patterns: int = 0
    memories: int = 0
    lost: int = 0
    seconds: float = 0.0


@frozen(eq=False)
class Answered:
    """The answer to a question of a store, as ids, and what answers it."""

    ids: Sequence[str]
    relevant: frozenset[str]


class StudiedHouse(House):
    """A store that can be studied."""

    def grow_older(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.advance(seconds)

    async def originals(self) -> list[Memory]:
        """All that was remembered, as it is kept."""
        found: list[Memory] = await self._store.get([m.id for m in self.labelled.memories])
        return found

    async def study(self, wanted: UnderstandingConfig) -> float:
        """Look until nothing is due. Answers the seconds that took."""
        studying = Studying(
            self._store,
            self._embedder,
            NoGenerator(),
            self._clock,
            maybeDeferred,
            random_id,
            wanted,
            self._memories.written,
        )
        studying.start()
        began = time.perf_counter()
        self._clock.advance(LOOK)
        while (await self._waiting(studying)) or studying.problem:
            if studying.problem:
                raise SystemExit(studying.problem)
            self._clock.advance(REST)
            await task.deferLater(self._reactor, _PAUSE)
            if studying._running is None:
                self._clock.advance(LOOK)
        taken = time.perf_counter() - began
        await studying.stop()
        while await self._unsettled():
            await task.deferLater(self._reactor, 0.05)
        return taken

    async def _unsettled(self) -> bool:
        """Whether vectors wait, or an index is behind."""
        now = self._clock.seconds()
        waiting = (await self._store.statistics(now)).unembedded
        return bool(waiting) or any((await self._store.self_test(now)).values())

    async def _waiting(self, studying: Studying) -> int:
        counts = [await self._store.studies.counts(work) for work in studying.works]
        return sum(each.waiting for each in counts)

    async def members(self) -> dict[str, list[str]]:
        """The originals of each gist, oldest first."""
        found: dict[str, list[str]] = {}
        ids = [memory.id for memory in self.labelled.memories]
        for one, links in (await self._store.links(ids)).items():
            for link in links:
                if link.relation == "part_of" and link.outgoing:
                    found.setdefault(link.id, []).append(one)
        return found

    async def patterns(self) -> int:
        """How many there are."""
        return len(await self._store.understanding.patterns())

    async def beside(self, ids: Sequence[str]) -> list[str]:
        """The evidence that patterns show beside these memories."""
        found = await self._store.understanding.about(ids)
        shown = strongest(found, self._clock.seconds())[:BESIDE_MEMORIES]
        evidence = [one for each in shown for one in each.evidence[:EVIDENCE_SHOWN]]
        return [one for one in dict.fromkeys(evidence) if one not in ids]


async def answers(house: StudiedHouse, tool: ITool, step: int) -> list[Answered]:
    """What is found for the questions that have an answer."""
    ids = frozenset(memory.id for memory in house.labelled.memories)
    asked_for = [(q, ids.intersection(q.relevant)) for q in house.labelled.queries[::step]]
    return [Answered(await asked(tool, q.text), relevant) for q, relevant in asked_for if relevant]


async def run(reactor: Any, given: LabelledSet, embed: CachedEmbedder, quick: bool) -> Figures:
    """Everything of a set."""
    figures = Figures(given.name)
    for store in given.stores[: 2 if quick else None]:
        for age, seconds in AGES.items():
            with tempfile.TemporaryDirectory(prefix="mnemo-understanding-") as scratch:
                house = StudiedHouse(reactor, Path(scratch), embed, store)
                await house.start()
                house.grow_older(seconds)
                await _measure(house, store, figures, age, _QUICK if quick else 1)
                await house.stop()
        print(f"  {given.name}: {store.name} done", flush=True)
    return figures


async def _measure(
    house: StudiedHouse, store: Labelled, figures: Figures, age: str, step: int
) -> None:
    tool = house.tool(WEIGHTS)
    before = await house.originals()
    rows = figures.rows.setdefault(age, {"off": [], "gists": [], "for their originals": []})
    plain = await answers(house, tool, step)
    rows["off"] += [measured(each.ids, each.relevant) for each in plain]
    figures.seconds += await house.study(UnderstandingConfig(patterns=True))
    if not AGES[age]:
        figures.memories += len(store.memories)
        figures.patterns += await house.patterns()
        for each in plain:
            extra = (await house.beside(each.ids[:SHOWN]))[:SHOWN]
            more = each.ids[SHOWN : SHOWN + len(extra)]
            figures.more.append(
                tuple(
                    len(each.relevant.intersection((*each.ids[:SHOWN], *added)))
                    / len(each.relevant)
                    for added in ((), extra, more)
                )  # type: ignore[arg-type]
            )
    figures.seconds += await house.study(UnderstandingConfig(gists=True))
    members = await house.members()
    figures.gists[age] = figures.gists.get(age, 0) + len(members)
    for each in await answers(house, tool, step):
        rows["gists"].append(measured(each.ids, each.relevant))
        spread = [one for found in each.ids for one in members.get(found, (found,))]
        whole = list(dict.fromkeys(spread))[: len(each.ids)]
        rows["for their originals"].append(measured(whole, each.relevant))
    after = await house.originals()
    figures.lost += sum(one != other for one, other in zip(before, after, strict=True))


def gains(each: Figures) -> dict[str, float]:
    """
    What each kind of understanding is worth on a set: of gists the nDCG where they count for their
    originals, a mean over the ages; of patterns the recall that they add to as many memories more.
    """
    gists = [
        mean(rows["for their originals"])["nDCG@10"] - mean(rows["off"])["nDCG@10"]
        for rows in each.rows.values()
    ]
    patterns = [with_patterns - with_more for _, with_patterns, with_more in each.more]
    return {
        "gists": sum(gists) / max(1, len(gists)),
        "patterns": sum(patterns) / max(1, len(patterns)),
    }


def bars(every: Sequence[Figures]) -> list[tuple[str, bool]]:
    """Each promise, and whether it is kept: what is on by default gains on every set."""
    defaults = UnderstandingConfig()
    lost = sum(each.lost for each in every)
    kept = [(f"{lost} of the memories are not as they were", lost == 0)]
    for name, on in (("gists", defaults.gists), ("patterns", defaults.patterns)):
        least = min(gains(each)[name] for each in every)
        text = f"{name} gain {least:+.4f} at least and are {'on' if on else 'off'} by default"
        kept.append((text, not on or least >= WORTH))
    return kept


def show(figures: Figures) -> None:
    """Print it."""
    for age, rows in figures.rows.items():
        print(f"\n{figures.name}, {age}: {figures.gists[age]} gists")
        for way, values in rows.items():
            measures = mean(values)
            shown = ", ".join(f"{name} {measures[name]:.4f}" for name in labelled.MEASURES)
            print(f"  {way:20} {shown}")
    count = max(1, len(figures.more))
    ten, patterns, more = (sum(each[at] for each in figures.more) / count for at in range(3))
    print(f"\n{figures.name}: {figures.patterns} patterns in {figures.memories:,} memories")
    print(f"  recall of ten {ten:.4f}, with their patterns {patterns:.4f}, with more {more:.4f}")
    each = 1000 * figures.seconds / max(1, 2 * figures.memories)
    print(f"  studying took {each:.2f} ms a memory; {figures.lost} memories were changed")


async def main(reactor: Any, options: argparse.Namespace) -> None:
    embed = embedder(reactor, options.cache)
    await embed.start()
    every = []
    for path in options.sets:
        every.append(await run(reactor, labelled.read(path), embed, options.quick))
        show(every[-1])
    await embed.stop()
    kept = bars(every)
    print()
    for text, met in kept:
        print(f"{'kept  ' if met else 'MISSED'} {text}")
    if options.json:
        options.json.write_text(json.dumps([_figures(each) for each in every], indent=2) + "\n")
    count = sum(met for _, met in kept)
    summary = ", ".join(
        f"{each.name} gists {gains(each)['gists']:+.4f} nDCG@10,"
        f" patterns {gains(each)['patterns']:+.4f} recall"
        for each in every
    )
    print(f"understanding: {summary}; {count} of {len(kept)} bars kept")
    if options.check and count < len(kept):
        raise SystemExit(1)


def _figures(each: Figures) -> dict[str, Any]:
    return {
        "name": each.name,
        "measures": {
            age: {way: mean(values) for way, values in rows.items()}
            for age, rows in each.rows.items()
        },
        "patterns": each.patterns,
        "gists": each.gists,
        "recall": [sum(row[at] for row in each.more) / max(1, len(each.more)) for at in range(3)],
        "lost": each.lost,
        "seconds": each.seconds,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET", help="labelled sets")
    parser.add_argument("--quick", action="store_true", help="two stores, one question of five")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bar is missed")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir(), "mnemo-bench-vectors"),
        metavar="DIR",
        help="where embeddings are kept between runs",
    )
    chosen = parser.parse_args(sys.argv[1:])
    task.react(lambda reactor: Deferred.fromCoroutine(main(reactor, chosen)))
