"""
What the models are doing at one moment, and for whom: what C{/api/v1/inference} says.

Plain values, as they are in the JSON. Sizes are in bytes, times in seconds. Of what is asked and
answered only the number of tokens is in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal

from attrs import evolve, frozen

from mnemo.inference.interfaces import Priority
from mnemo.inference.prefix_cache import WORTH_KEEPING
from mnemo.inference.run import Run

Class = Literal["interactive", "background"]

NEXT = "it is its turn"
NO_SLOT = "all slots are taken"
INTERACTIVE_FIRST = "interactive requests come first"
NO_ROOM = "the model's cache has no room for it"
BEGINNING = "another request computes its beginning"

CLASSES: Mapping[Priority, Class] = {
    Priority.INTERACTIVE: "interactive",
    Priority.BACKGROUND: "background",
}


@frozen
class Request:
    """
    Something that is asked of the language model in this process.

    @ivar session: the id of whose it is; C{""} is mnemo itself
    @ivar client: the program, as it calls itself; C{""} where that is not known
    @ivar why: what it waits for; C{""} while it runs
    @ivar position: its place among those that wait, from 1; 0 while it runs
    @ivar prompt_tokens: 0 until they are counted
    @ivar reused_tokens: how many of these were not computed for it
    @ivar tokens: of the answer, so far
    """

    session: str
    client: str
    priority: Class
    state: Literal["running", "waiting"]
    why: str
    position: int
    prompt_tokens: int
    reused_tokens: int
    tokens: int
    age: float


@frozen
class Counts:
    """How many, by class."""

    interactive: int = 0
    background: int = 0


@frozen
class Ages:
    """How long, by class."""

    interactive: float = 0.0
    background: float = 0.0


@frozen
class Spread:
    """
    Durations.

    @ivar count: of how many the others are known; these are C{None} where it is 0
    """

    count: int = 0
    p50: float | None = None
    p95: float | None = None


@frozen
class Language:
    """
    The language model in this process, and in C{tokens}, C{tokens_per_second} and
    C{first_token} those of other servers too.

    @ivar state: C{none} where no model of this process is configured
    @ivar problem: C{""} while there is an answer to be had, from whichever model
    @ivar loads: how often it was loaded since the process began
    @ivar weights: what they take in memory; 0 while it is not there, as is C{cache}
    @ivar oldest: how long the request waits that waits longest
    @ivar reuse: the share of the tokens of all prompts that were not computed anew
    @ivar kept_tokens: in the cache, for prompts to come
    """

    name: str
    state: Literal["none", "idle", "loading", "loaded", "unloading", "released"]
    problem: str
    device: str | None
    window: int
    loads: int
    weights: int
    cache: int
    slots: int
    running: int
    waiting: Counts
    oldest: Ages
    tokens: int
    tokens_per_second: float
    first_token: Spread
    prompt_tokens: int
    reused_tokens: int
    reuse: float
    kept_tokens: int
    requests: tuple[Request, ...] = ()


@frozen
class Embedding:
    """
    The embedding model.

    @ivar query_hits: calls that were answered from the vectors of recent queries
    @ivar query_misses: interactive calls that were not
    @ivar vectors: how many memories have a vector of this model
    @ivar memories: how many there are
    @ivar meanwhile: the model that answers until all have one; empty where it is this one
    """

    name: str
    problem: str
    device: str | None
    weights: int
    loads: int
    waiting: Counts
    oldest: Ages
    steps: int
    texts: int
    tokens: int
    texts_per_second: float
    query_hits: int
    query_misses: int
    query_reuse: float
    vectors: int
    memories: int
    meanwhile: str = ""


@frozen
class Server:
    """
    A model that another server has.

    @ivar breaker: C{open} while the server is left alone, since it has failed
    @ivar retry_in: after how long it is asked again
    """

    host: str
    model: str
    purpose: Literal["language", "embedding"]
    running: int
    tokens: int
    breaker: Literal["closed", "open"]
    retry_in: float
    problem: str


@frozen
class Caller:
    """
    A program that uses the OpenAI API now.

    @ivar waiting: how many of its requests wait until others of it, or of all, have ended
    """

    session: str
    client: str
    running: int
    waiting: int


@frozen
class Gpu:
    """The GPU that a model of this process is on. Both are C{None} where that is not known."""

    name: str
    free: int | None
    total: int | None


@frozen
class Snapshot:
    """
    All of it.

    @ivar at: seconds since the epoch
    @ivar gpu: C{None} where no model is on one
    @ivar callers: those that ask for something now
    @ivar of_a_caller: how many requests of one caller are with the models at once
    """

    at: float
    language: Language
    embedding: Embedding
    servers: tuple[Server, ...] = ()
    gpu: Gpu | None = None
    callers: tuple[Caller, ...] = ()
    of_a_caller: int = 0


def share(part: int, whole: int) -> float:
    """C{part / whole}, to three digits; 0 of nothing."""
    return round(part / whole, 3) if whole else 0.0


def requests(
    asked: Sequence[tuple[Run, float]],
    slots: int,
    now: float,
    client_of: Callable[[str], str],
) -> tuple[Request, ...]:
    """
    Those that run, and then those that wait, in the order of their turns.

    @param asked: what L{mnemo.inference.generator.LocalGenerator.asked} answers
    """
    runs = [run for run, _ in asked]
    turns = list(_in_turn(runs))
    known = dict(asked)
    made = [
        Request(
            session=run.session,
            client=client_of(run.session),
            priority=CLASSES[run.priority],
            state="running" if run.live else "waiting",
            why="" if run.live else _why(run, turn, depth, runs, slots),
            position=0,
            prompt_tokens=run.prompt,
            reused_tokens=run.reused,
            tokens=max(0, len(run.tokens) - run.prompt),
            age=round(now - known[run], 3),
        )
        for turn, (run, depth) in enumerate(turns)
    ]
    return numbered(made)


def numbered(all_of_them: Sequence[Request]) -> tuple[Request, ...]:
    """Those that run, and then those that wait, each in its place."""
    running = [each for each in all_of_them if each.state == "running"]
    others = [each for each in all_of_them if each.state == "waiting"]
    places = (evolve(each, position=place) for place, each in enumerate(others, 1))
    return (*running, *places)


def waiting(those: Sequence[Request]) -> Counts:
    """How many of each class wait."""
    classes = [each.priority for each in those if each.state == "waiting"]
    return Counts(classes.count("interactive"), classes.count("background"))


def oldest(those: Sequence[Request]) -> Ages:
    """How long the request of each class waits that waits longest."""
    ages = {"interactive": 0.0, "background": 0.0}
    for each in those:
        if each.state == "waiting":
            ages[each.priority] = max(ages[each.priority], each.age)
    return Ages(**ages)


def _in_turn(runs: Sequence[Run]) -> Iterator[tuple[Run, int]]:
    """
    Who is entitled to a slot before whom, and how many of its own session are before each: as
    L{mnemo.inference.slots.Slots} has it.
    """
    lanes: dict[Priority, dict[str, list[Run]]] = {priority: {} for priority in Priority}
    for run in runs:
        lanes[run.priority].setdefault(run.session, []).append(run)
    for lane in lanes.values():
        places = ([(run, depth) for depth, run in enumerate(line)] for line in lane.values())
        # Of those that are as far, what runs goes on running.
        yield from sorted(
            chain.from_iterable(places), key=lambda place: (place[1], not place[0].live)
        )


def _why(run: Run, turn: int, depth: int, runs: Sequence[Run], slots: int) -> str:
    if turn >= slots:
        if depth:
            return f"{depth} of its own session before it"
        interactive = any(other.priority is Priority.INTERACTIVE for other in runs)
        if run.priority is Priority.BACKGROUND and interactive:
            return INTERACTIVE_FIRST
        return NO_SLOT
    if not run.prompt:
        return NEXT
    if any(_computes_for(run, other) for other in runs):
        return BEGINNING
    return NEXT if run.sequence is not None else NO_ROOM


def _computes_for(run: Run, other: Run) -> bool:
    return (
        other.live
        and other.held < run.fixed == other.fixed >= WORTH_KEEPING
        and other.tokens[: run.fixed] == run.tokens[: run.fixed]
    )
