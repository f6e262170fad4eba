"""
How well mnemo finds what it holds, on labelled sets: C{recall.py SET… [--fitted SET…] [--code]}.

Each store of a set is a store of mnemo, and its questions go through the recall tool. Beside it:
each search leg alone, and reciprocal rank fusion of the two. Sets that the weights were fitted on
are named by C{--fitted}: each of their stores is asked with weights fitted on the others.
C{--code} adds the set that C{code_set.py} makes. Latency is that of the tool without the embedding
of the question, which is kept between runs.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import code_set
import labelled
from ablation import ablation, diversity, known
from answers import Asked
from attrs import evolve, field, frozen
from fit_ranking import Example, example, fit
from floor_curve import curve
from house import CachedEmbedder, Case, House, asked, embedder
from labelled import MEASURES, LabelledSet, mean, measured
from load import Latencies
from twisted.internet import task
from twisted.internet.defer import Deferred

from mnemo.memory.weights import WEIGHTS, Weights

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
_RRF = 60
_QUICK = 5
"""Of how many questions a quick run asks one, and of how many those of another store."""

_QUICK_STORES = 3
"""How many stores of a set a quick run looks at."""

_SLACK = 0.1
"""By how much the figures of a quick run may miss their bars: it asks too little for more."""


@frozen
class Outcome:
    """
    What a set came to.

    @ivar measures: by way, then by category, C{""} for all
    @ivar latency: by way
    @ivar ablation: the nDCG without each signal, C{""} for all of them
    @ivar diversity: by what makes way, what is found and how much of it repeats
    """

    name: str
    measures: dict[str, dict[str, dict[str, float]]]
    latency: dict[str, Latencies]
    floor: list[dict[str, float]]
    ablation: dict[str, float] = field(factory=dict)
    diversity: dict[str, dict[str, float]] = field(factory=dict)

    @property
    def ahead(self) -> float:
        """By how much the nDCG exceeds that of the better leg."""
        legs = max(self.measures[way][""]["nDCG@10"] for way in WAYS[:2])
        return self.measures["mnemo"][""]["nDCG@10"] - legs


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
        for store in given.stores[: _QUICK_STORES if quick else None]:
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
    answerable = [q for q in houses[(number + 1) % len(houses)].labelled.queries if q.relevant]
    return [
        await houses[number].case(evolve(question, relevant=(), category="of another store"))
        for question in answerable[::_QUICK]
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
    seconds = {
        "text leg": [each.case.seconds.text for each in answers],
        "vector leg": [each.case.seconds.vector for each in answers],
        "RRF k=60": [each.case.seconds.both for each in answers],
        "mnemo": [each.seconds for each in answers],
    }
    questions = known(answerable) if ablate else []
    return Outcome(
        name,
        measures,
        {way: Latencies.of_seconds(taken) for way, taken in seconds.items()},
        curve(answers),
        dict(ablation(questions)) if ablate else {},
        diversity(questions) if ablate else {},
    )


def bars(outcomes: Sequence[Outcome], slack: float) -> list[tuple[str, bool]]:
    """Each promise, and whether it is kept but for C{slack}."""
    kept = []
    for each in outcomes:
        if each.name not in BARS:
            continue
        ours = each.measures["mnemo"][""]
        for measure, least in BARS[each.name].items():
            text = f"{each.name}: {measure} {ours[measure]:.4f}, at least {least - slack:.2f}"
            kept.append((text, ours[measure] >= least - slack))
        text = f"{each.name}: nDCG@10 {each.ahead:+.4f} against the better leg"
        text += f", at least {AHEAD - slack:+.2f}"
        kept.append((text, each.ahead >= AHEAD - slack))
        at = next(row for row in each.floor if row["threshold"] == WEIGHTS.floor.answer)
        text = f"{each.name}: {at['kept']:.3f} of what answers is above the floor"
        text += f", at least {KEPT - slack:.2f}"
        kept.append((text, at["kept"] >= KEPT - slack))
    return kept


def show(each: Outcome) -> None:
    """Print it."""
    for category in each.measures["mnemo"]:
        print(f"\n{each.name}: {category or 'all'}")
        print(" " * 14 + "".join(f"{name:>9}" for name in MEASURES))
        for way in WAYS:
            row = each.measures[way][category]
            print(f"  {way:12}" + "".join(f"{row[name]:9.4f}" for name in MEASURES))
    print(f"\n{each.name}: nDCG@10 {each.ahead:+.4f} against the better leg")
    print(f"\n{each.name}: latency without the embedding of the question")
    for way in WAYS:
        print(f"  {way:12} {each.latency[way]}")
    print(f"\n{each.name}: the floor, at {WEIGHTS.floor.answer} for an answer")
    for row in each.floor:
        print("  " + ", ".join(f"{name} {value:.3f}" for name, value in row.items()))
    if each.ablation:
        whole = each.ablation[""]
        print(f"\n{each.name}: nDCG@10 {whole:.4f}; without")
        for name, value in list(each.ablation.items())[1:]:
            print(f"  {name:18} {value:.4f} ({value - whole:+.4f})")
        print(f"\n{each.name}: what makes way for another in the first ten")
        for name, row in each.diversity.items():
            figures = ", ".join(f"{measure} {value:.4f}" for measure, value in row.items())
            print(f"  {name:28} {figures}")


async def main(reactor: Any, options: argparse.Namespace) -> None:
    embed = embedder(reactor, options.cache)
    await embed.start()
    outcomes = []
    sets = [(labelled.read(path), True) for path in options.fitted]
    sets += [(labelled.read(path), False) for path in options.sets]
    sets += [(code_set.made(), False)] if options.code else []
    for given, fitted in sets:
        answers = await run(reactor, given, fitted, embed, options.quick)
        outcomes.append(outcome(given.name, answers, options.ablate))
        show(outcomes[-1])
    await embed.stop()
    kept = bars(outcomes, _SLACK if options.quick else 0.0)
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
        "latency_ms": {
            way: {"p50": taken.percentile(50), "p99": taken.percentile(99)}
            for way, taken in each.latency.items()
        },
        "floor": each.floor,
        "ablation": each.ablation,
        "diversity": each.diversity,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, nargs="*", metavar="SET", help="labelled sets")
    parser.add_argument(
        "--fitted", type=Path, nargs="+", default=[], metavar="SET", help="sets fitted on"
    )
    parser.add_argument("--code", action="store_true", help="functions of Python's library as well")
    parser.add_argument("--ablate", action="store_true", help="leave out each signal in turn")
    parser.add_argument("--quick", action="store_true", help="one question of five, three stores")
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
