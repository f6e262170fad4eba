"""
How faithful whoever derives is: a set of texts that nothing was fitted to, and the seven metrics.

The texts have figures, negations, code, stack traces and several languages in them; some are next
to nothing, some long, and some come in pairs that look alike and tell of different things. Each
has a good answer beside it.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec
from attrs import field, frozen

from mnemo.enrichment import extractive
from mnemo.enrichment.encoding import Encoding, as_json
from mnemo.enrichment.faithfulness import (
    contamination,
    entity_preservation,
    fabrication,
    minimal,
    number_preservation,
    schema_faults,
    template_echo,
    thresholds,
)
from mnemo.enrichment.generated import asked, faults
from mnemo.inference.generation import Generation, IGenerator
from mnemo.inference.structured import ExtractionFailed, extract

MINIMAL: Final = "minimal"
"""The category of texts that say next to nothing."""

METRICS: Final = ("epr", "fr", "ted", "sc", "ccs", "mih", "np")
"""The names of the metrics, in the order in which they are told."""

Output = Mapping[str, Any]


@frozen
class Case:
    """
    A text of the set.

    @ivar gold: a good answer
    @ivar twin: the id of the text that looks like it, or C{""}
    """

    id: str
    category: str
    text: str
    gold: dict[str, Any]
    twin: str = ""


@frozen
class CaseReport:
    """
    How one text came out.

    @ivar ted: what of the instructions is repeated
    @ivar sc: what is wrong with the form
    @ivar ccs: how like the twin's answer it is; C{None} for a text without one
    @ivar mih: whether little was made of little; C{None} for a text that says something
    @ivar kept: whether the checks would let it pass
    """

    id: str
    category: str
    epr: float
    fr: float
    np: float
    ted: tuple[str, ...]
    sc: tuple[str, ...]
    ccs: float | None
    mih: bool | None
    kept: bool


@frozen
class Report:
    """
    How all of them came out.

    @ivar metrics: EPR, FR and NP as means; TED as the number of echoing answers; SC and MIH as
        the share of good ones; CCS of the pair that is most alike
    @ivar passed: whether each is good enough
    @ivar kept: the share of the answers that the checks would let pass
    """

    backend: str
    metrics: Mapping[str, float]
    passed: Mapping[str, bool]
    kept: float
    cases: tuple[CaseReport, ...] = field(factory=tuple)

    @property
    def good(self) -> bool:
        """Whether every metric is good enough."""
        return all(self.passed.values())


@cache
def cases() -> tuple[Case, ...]:
    """The set."""
    file = resources.files("mnemo.enrichment") / "probe_set.json"
    held = msgspec.json.decode(file.read_bytes(), type=dict[str, tuple[Case, ...]])
    return held["cases"]


def gold(of: Sequence[Case]) -> dict[str, Output]:
    """The good answers."""
    return {case.id: case.gold for case in of}


def extracted(of: Sequence[Case]) -> dict[str, Output]:
    """What the rules answer."""
    return {case.id: as_json(extractive.extract(case.text)) for case in of}


async def generated(generator: IGenerator, case: Case) -> Output:
    """
    What a model answers, unchecked; nothing where it cannot be read.

    @raise mnemo.inference.generation.GeneratorUnavailable: there is none to ask
    @raise mnemo.inference.generation.UnfitRequest: the text is too long for it
    """
    request: Generation = asked(case.text)
    try:
        return as_json((await extract(generator, Encoding, request)).value)
    except ExtractionFailed:
        return {}


def measure(backend: str, outputs: Mapping[str, Output], of: Sequence[Case]) -> Report:
    """Hold answers, by the ids of their texts, to the texts."""
    reports = tuple(_measured(case, outputs) for case in of)
    pairs = [each.ccs for each in reports if each.ccs is not None]
    little = [each.mih for each in reports if each.mih is not None]
    metrics = {
        "epr": _mean([each.epr for each in reports]),
        "fr": _mean([each.fr for each in reports]),
        "ted": float(sum(bool(each.ted) for each in reports)),
        "sc": _mean([not each.sc for each in reports]),
        "ccs": max(pairs, default=0.0),
        "mih": _mean(little) if little else 1.0,
        "np": _mean([each.np for each in reports]),
    }
    kept = _mean([each.kept for each in reports])
    return Report(backend, metrics, _passed(metrics), kept, reports)


def _measured(case: Case, outputs: Mapping[str, Output]) -> CaseReport:
    output = outputs.get(case.id, {})
    return CaseReport(
        case.id,
        case.category,
        entity_preservation(case.text, output),
        fabrication(case.text, output),
        number_preservation(case.text, output),
        template_echo(output),
        schema_faults(output),
        contamination(output, outputs.get(case.twin, {})) if case.twin else None,
        minimal(output) if case.category == MINIMAL else None,
        not _faults(case.text, output),
    )


def _faults(text: str, output: Output) -> Sequence[str]:
    try:
        return faults(text, msgspec.convert(dict(output), Encoding))
    except msgspec.ValidationError as error:
        return (str(error),)


def _passed(metrics: Mapping[str, float]) -> dict[str, bool]:
    good = thresholds()
    return {
        "epr": metrics["epr"] > good.epr,
        "fr": metrics["fr"] < good.fr,
        "ted": metrics["ted"] <= good.ted,
        "sc": metrics["sc"] >= good.sc,
        "ccs": metrics["ccs"] < good.ccs,
        "mih": metrics["mih"] >= good.mih,
        "np": metrics["np"] > good.np,
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 1.0
