"""
How well mnemo finds what it holds, on labelled sets: C{recall.py SET… [--fitted SET…]}.

Each store of a set is a store of mnemo, and its questions go through the recall tool. Beside it:
each search leg alone, and reciprocal rank fusion of the two. Sets that the weights were fitted on
are named by C{--fitted}: each of their stores is asked with weights fitted on the others. Latency
is that of the tool without the embedding of the question, which is kept between runs.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import labelled
import numpy as np
from attrs import evolve, field, frozen
from fit_ranking import Example, example, fit
from house import CachedEmbedder, Case, House, asked, embedder
from labelled import MEASURES, LabelledSet, mean, measured
from load import Latencies
from twisted.internet import task
from twisted.internet.defer import Deferred

from mnemo.memory.features import SIGNALS, Numbers, features, shortness
from mnemo.memory.ranking import evidence, rank, weighed
from mnemo.memory.weights import WEIGHTS, Floor, Weights

BARS: Final = {
    "locomo": {"R@10": 0.79, "MRR": 0.61, "nDCG@10": 0.62},
    "beam-dev": {"nDCG@10": 0.48},
    "scifact": {"nDCG@10": 0.74},
}
AHEAD: Final = 0.01
"""By how much nDCG must exceed that of the better leg."""

KEPT: Final = 0.97
"""The share of what answers that the floor must let through."""

WAYS: Final = ("text leg", "vector leg", "RRF k=60", "mnemo")
THRESHOLDS: Final = (0.0, 0.3, 0.34, 0.36, 0.38, 0.4, 0.42, 0.44, 0.46, 0.5)
OPEN: Final = Floor(
    coverage=WEIGHTS.floor.coverage, words=WEIGHTS.floor.words, answer=-9, memory=-9
)
SHOWN: Final = 10

_RRF = 60
_QUICK = 5
"""Of how many questions a quick run asks one, and of how many those of another store."""


@frozen(eq=False)
class Asked:
    """
    A question of a store, and what came of it.

    @ivar stranger: whether it is of another store
    @ivar weights: those it was asked with
    @ivar answer: ids by the recall tool, best first
    @ivar seconds: what the tool took
    """

    case: Case
    stranger: bool
    weights: Weights
    answer: Sequence[str]
    seconds: float


@frozen
class Outcome:
    """
    What a set came to.

    @ivar measures: by way, then by category, C{""} for all
    """

    name: str
    measures: dict[str, dict[str, dict[str, float]]]
    latency: Latencies
    floor: list[dict[str, float]]
    ablation: dict[str, float] = field(factory=dict)


def by_text(case: Case) -> list[str]:
    """What the text leg says."""
    return _ordered(case, lambda each: each.text_score)


def by_vector(case: Case) -> list[str]:
    """What the vector leg says."""
    return _ordered(case, lambda each: each.cosine)


def by_ranks(case: Case) -> list[str]:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009)."""
    scores: dict[str, float] = {}
    for leg in (by_text(case), by_vector(case)):
        for place, one in enumerate(leg, 1):
            scores[one] = scores.get(one, 0.0) + 1 / (_RRF + place)
    return sorted(scores, key=lambda one: -scores[one])


def _ordered(case: Case, score: Callable[[Any], float | None]) -> list[str]:
    scored = [(score(each), each.memory.id) for each in case.candidates]
    known = [(value, one) for value, one in scored if value is not None]
    return [one for _, one in sorted(known, key=lambda each: -each[0])]


async def run(
    reactor: Any, given: LabelledSet, fitted: bool, embed: CachedEmbedder, quick: bool
) -> list[Asked]:
    """Ask everything of a set, and of each store what is asked of another."""
    step = _QUICK if quick else 1
    async with AsyncExitStack() as stack:
        houses: list[House] = []
        for store in given.stores:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="mnemo-recall-"))
            house = House(reactor, Path(scratch), embed, store)
            await house.start()
            stack.push_async_callback(house.stop)
            houses.append(house)
        own = [[await h.case(q) for q in h.labelled.queries[::step]] for h in houses]
        others = [await _strangers(houses, number) for number in range(len(houses))]
        learned = [[made for case in cases if (made := example(case))] for cases in own]
        answers = []
        for number, house in enumerate(houses):
            weights = WEIGHTS if not fitted else _without(learned, number)
            tool = house.tool(weights)
            for stranger, cases in ((False, own[number]), (True, others[number])):
                for case in cases:
                    begin = time.perf_counter()
                    ids = await asked(tool, case.question.text)
                    taken = time.perf_counter() - begin
                    answers.append(Asked(case, stranger, weights, ids, taken))
    return answers


async def _strangers(houses: Sequence[House], number: int) -> list[Case]:
    """Some questions of the next store, to which this one has no answer."""
    if len(houses) == 1:
        return []
    known = [q for q in houses[(number + 1) % len(houses)].labelled.queries if q.relevant]
    return [
        await houses[number].case(evolve(question, relevant=(), category="of another store"))
        for question in known[::_QUICK]
    ]


def _without(learned: Sequence[Sequence[Example]], number: int) -> Weights:
    """The weights that all stores but one lead to."""
    rest = [each for at, some in enumerate(learned) if at != number for each in some]
    return fit(rest)


def outcome(name: str, answers: Sequence[Asked], ablate: bool) -> Outcome:
    """What the answers are worth."""
    ways: dict[str, Callable[[Asked], Sequence[str]]] = {
        "text leg": lambda each: by_text(each.case),
        "vector leg": lambda each: by_vector(each.case),
        "RRF k=60": lambda each: by_ranks(each.case),
        "mnemo": lambda each: each.answer,
    }
    answerable = [each for each in answers if each.case.relevant]
    categories = ["", *sorted({each.case.question.category for each in answerable})]
    measures = {
        way: {
            category: mean(
                [
                    measured(order(each), each.case.relevant)
                    for each in answerable
                    if category in ("", each.case.question.category)
                ]
            )
            for category in categories
        }
        for way, order in ways.items()
    }
    return Outcome(
        name,
        measures,
        Latencies.of_seconds(each.seconds for each in answers),
        curve(answers),
        dict(ablation(answerable)) if ablate else {},
    )


def ablation(answerable: Sequence[Asked]) -> Iterable[tuple[str, float]]:
    """The nDCG without each signal; the other weights stay as they are, and there is no floor."""
    known = [
        (each, features(each.case.candidates, each.case.query, each.case.now))
        for each in answerable
    ]
    for name in ("", *SIGNALS):
        rows = [
            measured(_reranked(each, values, name), each.case.relevant) for each, values in known
        ]
        yield name, mean(rows)["nDCG@10"]


def _reranked(each: Asked, values: Numbers, without: str) -> list[str]:
    """The best by these features with one of them left out."""
    candidates = each.case.candidates
    weights = weighed(shortness(candidates), each.weights)
    if without:
        weights[:, SIGNALS.index(without)] = 0.0
    best = np.argsort(-(values * weights).sum(axis=1), kind="stable")[:SHOWN]
    return [candidates[place].memory.id for place in best.tolist()]


def curve(answers: Sequence[Asked]) -> list[dict[str, float]]:
    """
    For each threshold of the floor: the share of what answers among the first ten that is kept,
    the share of questions without an answer that is refused, and the memories that are shown
    where nothing answers.
    """
    shown = [(each, _evident(each)) for each in answers]
    hits = [(each, found) for each, found in shown if any(hit for _, hit in found)]
    unanswerable = [found for each, found in shown if not each.case.relevant and not each.stranger]
    strangers = [found for each, found in shown if each.stranger]
    least = WEIGHTS.floor.memory

    def refused(some: Sequence[Sequence[tuple[float, bool]]], threshold: float) -> float:
        count = sum(max((value for value, _ in found), default=-9) < threshold for found in some)
        return round(count / len(some), 4) if some else 0.0

    made = []
    for threshold in THRESHOLDS:
        kept = total = 0
        for _, found in hits:
            passes = max(value for value, _ in found) >= threshold
            kept += sum(passes and value >= min(least, threshold) for value, hit in found if hit)
            total += sum(hit for _, hit in found)
        false = sum(
            value >= min(least, threshold)
            for found in strangers
            if max((value for value, _ in found), default=-9) >= threshold
            for value, _ in found
        )
        made.append(
            {
                "threshold": threshold,
                "kept": round(kept / max(1, total), 4),
                "refused of another store": refused(strangers, threshold),
                "refused unanswerable": refused(unanswerable, threshold),
                "shown where nothing answers": round(false / max(1, SHOWN * len(strangers)), 4),
            }
        )
    return made


def _evident(each: Asked) -> list[tuple[float, bool]]:
    """Of the first ten without a floor, the evidence for each and whether it answers."""
    case, weights = each.case, evolve(each.weights, floor=OPEN)
    first = {r.memory.id for r in rank(case.candidates, case.query, case.now, SHOWN, weights)}
    return [
        (evidence(one, OPEN), one.memory.id in case.relevant)
        for one in case.candidates
        if one.memory.id in first
    ]


def bars(outcomes: Sequence[Outcome]) -> list[tuple[str, bool]]:
    """Each promise, and whether it is kept."""
    kept = []
    for each in outcomes:
        ours = each.measures["mnemo"][""]
        for measure, least in BARS.get(each.name, {}).items():
            text = f"{each.name}: {measure} {ours[measure]:.4f}, at least {least}"
            kept.append((text, ours[measure] >= least))
        legs = max(each.measures[way][""]["nDCG@10"] for way in WAYS[:2])
        ahead = ours["nDCG@10"] - legs
        text = f"{each.name}: nDCG@10 {ahead:+.4f} against the better leg, at least +{AHEAD}"
        kept.append((text, ahead >= AHEAD))
        at = next(row for row in each.floor if row["threshold"] == WEIGHTS.floor.answer)
        text = f"{each.name}: {at['kept']:.3f} of what answers is above the floor, at least {KEPT}"
        kept.append((text, at["kept"] >= KEPT))
    return kept


def show(each: Outcome) -> None:
    """Print it."""
    for category in each.measures["mnemo"]:
        print(f"\n{each.name}: {category or 'all'}")
        print(" " * 14 + "".join(f"{name:>9}" for name in MEASURES))
        for way in WAYS:
            row = each.measures[way][category]
            print(f"  {way:12}" + "".join(f"{row[name]:9.4f}" for name in MEASURES))
    print(f"\n{each.name}: recall without the embedding of the question {each.latency}")
    print(f"\n{each.name}: the floor, at {WEIGHTS.floor.answer} for an answer")
    for row in each.floor:
        print("  " + ", ".join(f"{name} {value:.3f}" for name, value in row.items()))
    if each.ablation:
        whole = each.ablation[""]
        print(f"\n{each.name}: nDCG@10 {whole:.4f}; without")
        for name, value in list(each.ablation.items())[1:]:
            print(f"  {name:18} {value:.4f} ({value - whole:+.4f})")


async def main(reactor: Any, options: argparse.Namespace) -> None:
    embed = embedder(reactor, options.cache)
    await embed.start()
    outcomes = []
    for path in (*options.fitted, *options.sets):
        given = labelled.read(path)
        answers = await run(reactor, given, path in options.fitted, embed, options.quick)
        outcomes.append(outcome(given.name, answers, options.ablate))
        show(outcomes[-1])
    await embed.stop()
    kept = bars(outcomes)
    print()
    for text, met in kept:
        print(f"{'kept  ' if met else 'MISSED'} {text}")
    if options.json:
        options.json.write_text(json.dumps([_figures(each) for each in outcomes], indent=2) + "\n")
    count = sum(met for _, met in kept)
    summary = ", ".join(f"{o.name} {o.measures['mnemo']['']['nDCG@10']:.4f}" for o in outcomes)
    print(f"recall: nDCG@10 {summary}; {count} of {len(kept)} bars kept")
    if options.check and count < len(kept):
        raise SystemExit(1)


def _figures(each: Outcome) -> dict[str, Any]:
    return {
        "name": each.name,
        "measures": each.measures,
        "latency_ms": {"p50": each.latency.percentile(50), "p99": each.latency.percentile(99)},
        "floor": each.floor,
        "ablation": each.ablation,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, nargs="*", metavar="SET", help="labelled sets")
    parser.add_argument(
        "--fitted", type=Path, nargs="+", default=[], metavar="SET", help="sets fitted on"
    )
    parser.add_argument("--ablate", action="store_true", help="leave out each signal in turn")
    parser.add_argument("--quick", action="store_true", help="ask one question of five")
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
