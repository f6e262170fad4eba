"""What the systems of a comparison did, and what it is worth. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen
from labelled import Labelled, mean, measured
from load import Latencies

OURS: Final = "mnemo"

SHOWN_MEASURES: Final = ("R@1", "R@5", "R@10", "MRR", "nDCG@10")
"""All look at the first ten."""

MORE: Final = ("R@10", "nDCG@10")
"""In these mnemo must not be below any other."""

LESS: Final = (
    ("search_ms", "p50", "search p50, ms"),
    ("search_ms", "p99", "search p99, ms"),
    ("insert_ms", "p50", "insert p50, ms"),
    ("insert_ms", "p99", "insert p99, ms"),
)
"""In these mnemo must not be above any other."""


@define
class Trial:
    """
    What one system did, in all stores.

    @ivar inserts: seconds for each memory
    @ivar busy: seconds for all of them with what is done afterwards in the background
    @ivar searches: seconds for each question
    @ivar rows: the measures of each question that has an answer
    @ivar silent: of the questions without one, whether nothing was shown
    """

    inserts: list[float] = field(factory=list)
    busy: float = 0.0
    searches: list[float] = field(factory=list)
    rows: list[tuple[float, ...]] = field(factory=list)
    silent: list[bool] = field(factory=list)


@frozen
class Kept:
    """
    Which memories of a labelled store an id of a system stands for.

    A text that is there twice counts as found in all its places: some systems keep it once.
    """

    _labelled: Mapping[str, Sequence[str]]
    _texts: dict[str, str] = field(factory=dict, init=False)

    @classmethod
    def of(cls, store: Labelled) -> "Kept":
        """Nothing is kept yet."""
        places: dict[str, list[str]] = {}
        for said in store.memories:
            places.setdefault(said.words, []).append(said.id)
        return cls(places)

    def add(self, known_as: str, text: str) -> None:
        """A system keeps this text under this id; under none where it has it already."""
        if known_as:
            self._texts[known_as] = text

    def labels(self, found: Iterable[str]) -> list[str]:
        """The labelled ids of what was found, each once."""
        texts = dict.fromkeys(self._texts[each] for each in found)
        return [one for text in texts for one in self._labelled[text]]


def judged(trial: Trial, labels: Sequence[str], relevant: Sequence[str]) -> None:
    """Add what an answer is worth."""
    if relevant:
        trial.rows.append(measured(labels[:10], frozenset(relevant)))
    else:
        trial.silent.append(not labels)


def figures(trial: Trial) -> dict[str, Any]:
    """What a trial came to."""
    return {
        "memories": len(trial.inserts),
        "questions": len(trial.searches),
        "insert_ms": _percentiles(trial.inserts),
        "inserts_per_second": round(len(trial.inserts) / trial.busy, 1),
        "search_ms": _percentiles(trial.searches),
        "measures": {
            name: value for name, value in mean(trial.rows).items() if name in SHOWN_MEASURES
        },
        "silent": round(sum(trial.silent) / max(1, len(trial.silent)), 4),
        "unanswerable": len(trial.silent),
    }


def _percentiles(seconds: Iterable[float]) -> dict[str, float]:
    known = Latencies.of_seconds(seconds)
    return {f"p{each}": round(known.percentile(each), 2) for each in (50, 99)}


def bars(made: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """In what mnemo must be no worse than each of the others, and whether it is."""
    ours = made[OURS]
    kept = []
    for name, theirs in made.items():
        if name == OURS:
            continue
        for measure in MORE:
            mine, other = ours["measures"][measure], theirs["measures"][measure]
            kept.append((f"{measure} {mine:.4f}, {name} {other:.4f}", mine >= other))
        for kind, percent, label in LESS:
            mine, other = ours[kind][percent], theirs[kind][percent]
            kept.append((f"{label} {mine:.2f}, {name} {other:.2f}", mine <= other))
    return kept


def table(made: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The figures side by side, in Markdown."""
    lines = ["| | " + " | ".join(made) + " |", "|---" * (len(made) + 1) + "|"]

    def row(label: str, values: Iterable[str]) -> None:
        lines.append(f"| {label} | " + " | ".join(values) + " |")

    for measure in SHOWN_MEASURES:
        row(measure, (f"{each['measures'][measure]:.3f}" for each in made.values()))
    first = next(iter(made.values()))
    if first["unanswerable"]:
        label = f"shows nothing, of {first['unanswerable']} questions without an answer"
        row(label, (f"{each['silent']:.3f}" for each in made.values()))
    for kind, label in (("search_ms", "search, p50 / p99"), ("insert_ms", "insert, p50 / p99")):
        values = (f"{each[kind]['p50']:.1f} / {each[kind]['p99']:.1f} ms" for each in made.values())
        row(label, values)
    row(
        "inserts a second, with background work",
        (f"{each['inserts_per_second']:.0f}" for each in made.values()),
    )
    return lines
