"""The language model of those who have none."""

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from mnemo.inference.generation import (
    Completion,
    Generation,
    GeneratorInfo,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
)

NO_LANGUAGE_MODEL = (
    "There is no language model: name one by inference.language_model (in mnemo.toml, or"
    " MNEMO_INFERENCE_LANGUAGE_MODEL)."
)


@implementer(IGenerator)
@define(eq=False)
class NoGenerator:
    """A generator that refuses everything, and says what mends it."""

    problem: str = NO_LANGUAGE_MODEL
    model: GeneratorInfo | None = field(default=None, init=False)
    statistics: GeneratorStatistics = field(factory=GeneratorStatistics, init=False)

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        """Fails with L{GeneratorUnavailable}."""
        return fail(GeneratorUnavailable(self.problem))
