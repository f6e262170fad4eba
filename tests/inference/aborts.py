"""
What llama.cpp ends the process for, as the model's wrappers have it and as the library alone has
it: C{aborts.py fenced|bare NAME BERT LLAMA}. Run by a test.

It ends with C{alive}, unless it was ended.
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from llama_cpp import Llama
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from mnemo.inference import llama
from mnemo.inference.engine import Engine
from mnemo.inference.generation import Generation, Sampling
from mnemo.inference.generator import LocalGenerator
from mnemo.inference.interfaces import Priority
from mnemo.inference.library import library
from mnemo.inference.llama_generator import load_generator
from mnemo.inference.thread import InferenceThread

MANY: Final = 24


def refused(ask: Callable[[], object]) -> None:
    try:
        ask()
    except ValueError as problem:
        sys.stdout.write(f"refused: {problem}\n")
    else:
        sys.exit("it was not refused")


def load(bert: Path) -> llama.LlamaEmbedder:
    return llama.load_embedder(bert, "off", 2, perf_counter)


# -- what the wrappers make of it


def longer_than_the_positions(bert: Path, _: Path) -> None:
    """The model has a place for 64 tokens, and its context for more."""
    model = load(bert)
    refused(lambda: model.encode([[7] * 100]))
    model.encode([[7] * (model.info.window - 2)])


def more_than_a_microbatch(bert: Path, _: Path) -> None:
    model = load(bert)
    each = model.info.window
    refused(lambda: model.encode([[7] * (each - 2)] * (model.batch_tokens // each + 1)))
    model.encode([[7] * (each - 2)] * (model.batch_tokens // each))


def batches_of_an_odd_size(bert: Path, _: Path) -> None:
    """The sizes that are in use are sizes that llama.cpp takes."""
    for size in (llama.CPU_BATCH, llama.GPU_BATCH):
        llama.CPU_BATCH = size  # type: ignore[misc]
        model = load(bert)
        model.encode([[7] * (model.info.window - 2)] * (size // model.info.window))
        model.encode([[]] * (size // 2))
        model.close()


def two_threads_in_a_context(bert: Path, writer: Path) -> None:
    """Whoever asks, and whatever for: one thread computes, and one call at a time."""
    shared: Any = library("off").llama
    inside, seen = threading.Lock(), set()

    def alone(function: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: object) -> int:
            if not inside.acquire(blocking=False):
                sys.stderr.write("two calls at once\n")
                sys.stderr.flush()
                os._exit(1)  # A thread that exits ends nothing but itself.
            seen.add(threading.get_ident())
            try:
                return function(*arguments)
            finally:
                inside.release()

        return call

    for name in ("llama_decode", "llama_encode"):
        setattr(shared, name, alone(getattr(shared, name)))
    clock: Any = reactor
    thread = InferenceThread(clock)
    engine = Engine(clock, lambda: load(bert), thread)
    generator = LocalGenerator(
        clock, lambda: load_generator(writer, "off", 2, clock.seconds), thread, step_seconds=0.005
    )

    async def work() -> None:
        thread.start()
        await engine.start()
        await generator.start()
        asked: list[Deferred[Any]] = []
        for number in range(MANY):
            priority, session = Priority(number % 2), str(number % 5)
            asked.append(engine.embed([f"the cat {number} " * 40], priority, session))
            hot = Sampling(temperature=1.0, seed=number)
            asked.append(
                generator.generate(
                    Generation(f"{number} the cat", 20, hot, priority=priority, session=session)
                )
            )
        await gatherResults(asked)
        await generator.stop()
        await engine.stop()
        await thread.stop()

    def ended(result: object) -> None:
        failures.append(result)
        reactor.stop()

    failures: list[object] = []
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(work()).addBoth(ended))
    reactor.run()
    if failures != [None] or len(seen) != 1 or threading.get_ident() in seen:
        sys.exit(f"{failures}, by {len(seen)} threads")


FENCED: Final = {
    function.__name__: function
    for function in (
        longer_than_the_positions,
        more_than_a_microbatch,
        batches_of_an_odd_size,
        two_threads_in_a_context,
    )
}

# -- what the library does by itself


def bare(bert: Path, context: int, microbatch: int) -> Llama:
    return Llama(
        str(bert),
        embedding=True,
        n_gpu_layers=0,
        n_ctx=context,
        n_batch=context,
        n_ubatch=microbatch,
        verbose=False,
    )


BARE: Final[dict[str, Callable[[Path], object]]] = {
    "longer_than_the_positions": lambda bert: bare(bert, 512, 512).embed("the cat " * 100),
    "more_than_a_microbatch": lambda bert: bare(bert, 512, 256).embed(["the cat " * 20] * 10),
    "batches_of_an_odd_size": lambda bert: bare(bert, 300, 300),
}


def main() -> None:
    kind, name, bert, writer = sys.argv[1:]
    if kind == "fenced":
        FENCED[name](Path(bert), Path(writer))
    else:
        BARE[name](Path(bert))
    sys.stdout.write("alive\n")


if __name__ == "__main__":
    main()
