"""
What the models are doing at one moment, and for whom: what C{/api/v1/inference} says.

Plain values, as they are in the JSON. Sizes are in bytes, times in seconds. Of what is asked and
answered only the number of tokens is in it.
"""

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from mnemo.inference.interfaces import Priority

Class = Literal["interactive", "background"]

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
