"""What C{mnemo top} shows of one moment."""

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mnemo.inference.snapshot import Ages, Counts, Embedding, Gpu, Language, Server, Snapshot

HEADINGS = ("", "client", "session", "class", "prompt", "answer", "age", "waits for")

_NUMBERS = ("", "prompt", "answer", "age")
_STATES = {"none": "of a server", "idle": "not in memory"}


@frozen
class Place:
    """
    Where the daemon is.

    @ivar pid: of its process
    """

    address: str
    pid: int


def frame(place: Place, snapshot: Snapshot) -> RenderableType:
    """All of it."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column()
    clock = datetime.fromtimestamp(snapshot.at).strftime("%H:%M:%S")
    for name, told in (
        ("mnemo", f"{place.address}, pid {place.pid}, {clock}"),
        *_rows(snapshot),
    ):
        facts.add_row(Text(name, "bold"), Text(printable(told)))
    return Group(facts, *_requests(snapshot.language))


def _rows(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    language, embedding = snapshot.language, snapshot.embedding
    yield "language", _language(language)
    if language.slots:
        yield "", _slots(language)
    if language.tokens or language.first_token.count:
        yield "", _speed(language)
    if language.prompt_tokens:
        yield "", _reuse(language)
    if language.problem:
        yield "", language.problem
    yield "embedding", _embedding(embedding)
    yield "", _texts(embedding)
    if embedding.vectors < embedding.memories:
        yield "", _vectors(embedding)
    if embedding.problem:
        yield "", embedding.problem
    for server in snapshot.servers:
        yield "server", _server(server)
    if snapshot.gpu is not None:
        yield "gpu", _gpu(snapshot.gpu)
    for caller in snapshot.callers:
        if caller.waiting:
            name = caller.client or "a program without a name"
            yield (
                "caller",
                (
                    f"{name}: {caller.running} of {snapshot.of_a_caller} at once,"
                    f" {caller.waiting} wait for one of these to end"
                ),
            )


def _language(model: Language) -> str:
    if not model.name:
        return "none"
    told = [model.name, _STATES.get(model.state, model.state)]
    if model.weights:
        told.append(f"{size(model.weights)} on {model.device}, cache {size(model.cache)}")
    return ", ".join(told)


def _slots(model: Language) -> str:
    told = f"{model.running} of {model.slots} slots run, {_waiting(model.waiting, model.oldest)}"
    return f"{told}, loaded {model.loads} times" if model.loads > 1 else told


def _waiting(waiting: Counts, oldest: Ages) -> str:
    each = (
        ("interactive", waiting.interactive, oldest.interactive),
        ("background", waiting.background, oldest.background),
    )
    told = [f"{count} {name} (oldest {age:.1f} s)" for name, count, age in each if count]
    return f"waiting: {', '.join(told)}" if told else "nobody waits"


def _speed(model: Language) -> str:
    told, first = f"{model.tokens_per_second:.1f} tokens/s", model.first_token
    if first.p50 is None:
        return told
    return f"{told}, first token after {first.p50:.3f} s (p95 {first.p95:.3f} s of {first.count})"


def _reuse(model: Language) -> str:
    return (
        f"{model.reuse:.0%} of {model.prompt_tokens} prompt tokens reused, {model.kept_tokens} kept"
    )


def _embedding(model: Embedding) -> str:
    told = [model.name or "none"]
    if model.device is None:
        told.append("not loaded")
    else:
        told.append(f"{size(model.weights)} on {model.device}" if model.weights else model.device)
    return ", ".join(told)


def _vectors(model: Embedding) -> str:
    told = f"vectors: {model.vectors} of {model.memories}"
    return f"{told}; until then {model.meanwhile} answers" if model.meanwhile else told


def _texts(model: Embedding) -> str:
    told = f"{model.texts_per_second:.1f} texts/s, {_waiting(model.waiting, model.oldest)}"
    asked = model.query_hits + model.query_misses
    return f"{told}, {model.query_reuse:.0%} of {asked} queries known" if asked else told


def _server(server: Server) -> str:
    told = [f"{server.model} on {server.host} ({server.purpose})", f"{server.running} run"]
    if server.breaker == "open":
        told.append(f"left alone for {server.retry_in:.0f} s")
    if server.problem:
        told.append(server.problem)
    return ", ".join(told)


def _gpu(gpu: Gpu) -> str:
    if gpu.free is None or gpu.total is None:
        return gpu.name
    return f"{gpu.name}, {size(gpu.total - gpu.free)} of {size(gpu.total)} used"


def _requests(model: Language) -> Iterator[RenderableType]:
    if not model.requests:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in HEADINGS:
        justify = "right" if heading in _NUMBERS else "left"
        table.add_column(heading, justify=justify, no_wrap=heading != "waits for")  # type: ignore[arg-type]
    for each in model.requests:
        cells = (
            "run" if each.state == "running" else str(each.position),
            each.client or ("" if each.session else "mnemo"),
            each.session,
            each.priority,
            str(each.prompt_tokens),
            str(each.tokens),
            f"{each.age:.1f} s",
            each.why,
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    yield Text()
    yield table


def size(count: int) -> str:
    """So many bytes, for a person."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def printable(text: str) -> str:
    """A text that programs sent, without what a terminal would obey."""
    return "".join(each if each.isprintable() else "?" for each in text)
