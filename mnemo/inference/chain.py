"""Several language models, of which the first that can answers."""

from collections.abc import Callable, Sequence

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mnemo.inference.generation import (
    Completion,
    Generation,
    GenerationFailed,
    GeneratorInfo,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
    UnfitRequest,
)
from mnemo.inference.interfaces import Priority
from mnemo.inference.rates import Lately


@frozen
class Link:
    """
    A language model of a chain.

    @ivar priority: what it is asked for; C{None} for everything
    """

    generator: IGenerator
    priority: Priority | None = None


@implementer(IGenerator)
@define(eq=False)
class Chain:
    """
    Asks the first of its models, and the next where that one cannot answer.

    Once a piece of text has been handed out, the answer is that model's, and so is its failure.

    @ivar links: at least one
    @ivar firsts: how long answers took to begin, whoever gave them
    """

    links: Sequence[Link]
    firsts: Lately = field(factory=Lately)

    log = Logger()

    @property
    def models(self) -> Sequence[GeneratorInfo]:
        """All that are known, those that work first."""
        known = [one.generator for one in self.links if one.generator.model is not None]
        known.sort(key=lambda generator: bool(generator.problem))
        return [generator.model for generator in known if generator.model is not None]

    @property
    def model(self) -> GeneratorInfo | None:
        """The first of these."""
        return next(iter(self.models), None)

    @property
    def problem(self) -> str:
        """Empty while one of them works."""
        problems = [link.generator.problem for link in self.links]
        return "" if "" in problems else problems[0]

    @property
    def statistics(self) -> GeneratorStatistics:
        """Those of all together."""
        each = [link.generator.statistics for link in self.links]
        return GeneratorStatistics(
            loads=sum(one.loads for one in each),
            slots=sum(one.slots for one in each),
            running=sum(one.running for one in each),
            waiting_interactive=sum(one.waiting_interactive for one in each),
            waiting_background=sum(one.waiting_background for one in each),
            steps=sum(one.steps for one in each),
            tokens=sum(one.tokens for one in each),
            prompt_tokens=sum(one.prompt_tokens for one in each),
            reused=sum(one.reused for one in each),
            cache_tokens=sum(one.cache_tokens for one in each),
        )

    def preferring(self, name: str) -> "Chain":
        """The same models, those of this name ahead of the others."""
        models = [(link, link.generator.model) for link in self.links]
        return Chain(
            [link for link, model in models if model is not None and model.name == name]
            + [link for link, model in models if model is None or model.name != name],
            self.firsts,
        )

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        """
        Have C{request} answered by the first that can.

        Where none can, it fails as the first has failed.
        """
        return Deferred.fromCoroutine(self._generate(request, on_text))

    async def _generate(
        self, request: Generation, on_text: Callable[[str], object] | None
    ) -> Completion:
        failures: list[Exception] = []
        for link in self.links:
            if link.priority not in (None, request.priority):
                continue
            watch = _Watch(on_text)
            try:
                completion = await link.generator.generate(request, watch if on_text else None)
            except (GeneratorUnavailable, GenerationFailed, UnfitRequest) as problem:
                if watch.told:
                    raise
                failures.append(problem)
                self.log.debug("A language model cannot answer: {problem}", problem=str(problem))
            else:
                self.firsts.add(completion.first)
                return completion
        if not failures:
            raise GeneratorUnavailable(
                f"No language model is for {request.priority.name.lower()} work: add one without"
                " for= to inference.fallbacks."
            )
        raise failures[0]


@define(eq=False)
class _Watch:
    """
    Hands text on.

    @ivar told: whether there was any
    """

    on_text: Callable[[str], object] | None
    told: bool = False

    def __call__(self, text: str) -> None:
        self.told = True
        assert self.on_text is not None
        self.on_text(text)
