"""
Fit the weights of the ranking on labelled sets, and write them: C{fit_ranking.py SET…}.

What is fitted: by a listwise softmax (the probability that a choice among a question's candidates
falls on those that answer it), with weights that are not negative and a slight pull to 0.

What is set by hand:

  - C{text}, C{meaning} and C{coverage}: what a memory itself says. Talk is what people have
    labelled, and there a fit makes them worth little in short texts, and in long ones what it
    takes from turns that are only somewhat longer than others. Their ratio is one that is good
    on functions of code as well (C{code_set.py}).
  - 0 for the signals of context and of shape in long texts, where they mislead.
  - C{phrase}, C{identifier}, C{type}, C{project} and C{prior}, which these sets have nothing of:
    modest, so that they decide between what is otherwise alike.
  - The floor, from the curve that C{recall.py} prints.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import labelled
import numpy as np
from attrs import asdict, evolve, frozen
from house import CachedEmbedder, Case, House, embedder
from twisted.internet import task
from twisted.internet.defer import Deferred

from mnemo.memory import weights as shipped
from mnemo.memory.features import SIGNALS, Numbers, features, shortness
from mnemo.memory.weights import WEIGHTS, Weight, Weights

ALIKE: Final = ("pairs", "speaker", "time", "tells_when", "tells_number", "substance")
"""One weight for texts of any length."""

SHORT: Final = (
    "statement",
    "text_around",
    "meaning_around",
    "text_before",
    "session_text",
    "session_coverage",
)
"""What they weigh in short texts is fitted; in long ones it is 0."""

_STEPS = 300
_RATE = 0.1
"""At the first step; it falls to nothing at the last."""

_PULL = 1e-4


@frozen(eq=False)
class Example:
    """
    A question's candidates.

    @ivar values: the features of each
    @ivar short: the shortness of each
    @ivar share: 1 over the number of those that answer, for each of those; 0 for the others
    """

    values: Numbers
    short: Numbers
    share: Numbers


def example(case: Case) -> Example | None:
    """What can be learned of a case; C{None} where nothing that answers is among the candidates."""
    answers = np.array([each.memory.id in case.relevant for each in case.candidates], np.float64)
    if not answers.any():
        return None
    return Example(
        features(case.candidates, case.query, case.now),
        shortness(case.candidates),
        answers / answers.sum(),
    )


def fit(examples: Sequence[Example], start: Weights = WEIGHTS) -> Weights:
    """C{start} with the weights that are fitted."""
    values = np.concatenate([each.values for each in examples])
    short = np.concatenate([each.short for each in examples])
    share = np.concatenate([each.share for each in examples])
    sizes = [len(each.share) for each in examples]
    begins = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    given, free = _design(values, short, start)
    weights = np.ones(free.shape[1])
    slope, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, _STEPS + 1):  # Adam (Kingma and Ba, 2015)
        scores = given + free @ weights
        odds = np.exp(scores - np.maximum.reduceat(scores, begins)[owner])
        chances = odds / np.add.reduceat(odds, begins)[owner]
        gradient = free.T @ (chances - share) / len(sizes) + _PULL * weights
        slope = 0.9 * slope + 0.1 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        change = slope / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
        weights = np.maximum(weights - _RATE * (1 - (step - 1) / _STEPS) * change, 0.0)
    return _with(start, weights)


def _design(values: Numbers, short: Numbers, start: Weights) -> tuple[Numbers, Numbers]:
    """The score that what is set gives, and what each fitted weight is to be multiplied by."""
    given = np.zeros(len(values))
    free = []
    for number, name in enumerate(SIGNALS):
        if name in ALIKE:
            free.append(values[:, number])
            continue
        given += values[:, number] * start.signals[name].long * (1 - short)
        if name in SHORT:
            free.append(values[:, number] * short)
        else:
            given += values[:, number] * start.signals[name].short * short
    return given, np.stack(free, axis=1)


def _with(start: Weights, fitted: Numbers) -> Weights:
    signals: dict[str, Weight] = {}
    rest = iter(np.round(fitted, 2).tolist())
    for name in SIGNALS:
        weight = start.signals[name]
        if name in ALIKE:
            both = next(rest)
            weight = evolve(weight, long=both, short=both)
        elif name in SHORT:
            weight = evolve(weight, short=next(rest))
        signals[name] = weight
    return evolve(start, signals=signals)


def written(weights: Weights) -> str:
    """As the file has it, a line for each signal."""
    signals = ",\n".join(
        f"    {json.dumps(name)}: {json.dumps(asdict(weight), ensure_ascii=False)}"
        for name, weight in weights.signals.items()
    )
    floor = json.dumps(asdict(weights.floor))
    return f'{{\n  "floor": {floor},\n  "signals": {{\n{signals}\n  }}\n}}\n'


async def cases(reactor: Any, path: Path, embed: CachedEmbedder) -> list[Case]:
    """Every question of a set with what the store proposes for it."""
    found = []
    for store in labelled.read(path).stores:
        with tempfile.TemporaryDirectory(prefix="mnemo-fit-") as scratch:
            house = House(reactor, Path(scratch), embed, store)
            await house.start()
            found += [await house.case(question) for question in store.queries]
            await house.stop()
        print(f"  {path.stem} {store.name}: {len(store.queries)} questions", flush=True)
    return found


async def main(reactor: Any, options: argparse.Namespace) -> None:
    embed = embedder(reactor, options.cache)
    await embed.start()
    examples = []
    for path in options.sets:
        examples += [made for case in await cases(reactor, path, embed) if (made := example(case))]
    await embed.stop()
    weights = fit(examples)
    file = Path(shipped.__file__).with_name("weights.json")
    file.write_text(written(weights))
    print(f"fit_ranking: {len(examples)} questions, written to {file}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else "")
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET", help="labelled sets")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir(), "mnemo-bench-vectors"),
        metavar="DIR",
        help="where embeddings are kept between runs",
    )
    asked = parser.parse_args(sys.argv[1:])
    task.react(lambda reactor: Deferred.fromCoroutine(main(reactor, asked)))
