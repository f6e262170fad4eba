"""
Asks a language model for all that llama.cpp would abort the process for. Run by a test.

It ends with C{alive}, unless it was ended.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from twisted.internet.task import Clock

from mnemo.inference.generation import Sampling, UnfitRequest
from mnemo.inference.llama_generator import MOST_SLOTS, LlamaGenerator, load_generator
from mnemo.inference.steps import CacheFull, Chunk, Copy, DecodeStep, Remove, Restore, Save


def refused(reason: type[Exception], ask: Callable[[], object]) -> None:
    try:
        ask()
    except reason as problem:
        sys.stdout.write(f"refused: {problem}\n")
    else:
        sys.exit(f"{reason.__name__} was not raised")


def fill(model: LlamaGenerator) -> None:
    """A step as large as any may be: every slot, and every token of a batch."""
    model.perform(DecodeStep([Remove(n) for n in range(model.sequences)], ()))
    rows = model.slots + 1
    for run in range(rows):
        model.open(run, Sampling(temperature=1.5, seed=run), 'root ::= [a-z]* "."', 20)
    each, rest = divmod(model.batch, rows)
    sizes = [each + rest, *[each] * (rows - 1)]
    chunks = [Chunk(run, run, 0, [7] * size, 8) for run, size in enumerate(sizes) if size]
    outcome = model.perform(DecodeStep((), chunks, 8, 60.0))
    assert not outcome.failures


def exceed(model: LlamaGenerator) -> None:
    tokens, last = [7] * 10, model.sequences - 1

    def decode(*chunks: Chunk) -> Callable[[], object]:
        return lambda: model.perform(DecodeStep((), chunks))

    model.perform(DecodeStep([Remove(n) for n in range(model.sequences)], ()))
    model.open(1, Sampling(), "", None)
    refused(ValueError, decode(Chunk(1, 0, 0, [7] * (model.batch + 1), 1)))
    refused(ValueError, decode(Chunk(1, last + 1, 0, tokens, 1)))
    refused(ValueError, decode(Chunk(1, -1, 0, tokens, 1)))
    refused(ValueError, decode(Chunk(1, 0, 0, [], 1)))
    refused(ValueError, decode(Chunk(1, 0, 0, [-1], 1)))
    refused(ValueError, decode(Chunk(1, 0, 0, [10**6], 1)))
    refused(ValueError, decode(Chunk(1, 0, -1, tokens, 1)))
    refused(ValueError, decode(Chunk(1, 0, model.capacity, tokens, 1)))
    refused(ValueError, decode(Chunk(99, 0, 0, tokens, 1)))
    refused(ValueError, decode(*[Chunk(1, n % last, n // last, [7], 1) for n in range(last + 2)]))
    # What was computed just now makes this a place that is not the next one.
    refused(RuntimeError, decode(Chunk(1, 0, 500, tokens, 1)))
    for chore in (
        Remove(-2),
        Remove(last + 1),
        Copy(0, last + 1, 1),
        Copy(-3, 0, 1),
        Save(last + 1, 1),
        Restore(1, 0, 1),
    ):
        refused(ValueError, partial(model.perform, DecodeStep([chore], ())))
    refused(UnfitRequest, lambda: model.tokenize("x" * 10_000_000))
    for number in range(40):
        tokens = [7] * min(model.batch, model.info.window)
        try:
            model.perform(DecodeStep((), [Chunk(1, number % last, 0, tokens, 0)]))
        except (CacheFull, RuntimeError):
            break
    else:
        sys.exit("the cache had no end")
    model.tokenize("a" * 1000 + "\0\n\ud800 \U0010ffff" * 50)


def main() -> None:
    path = Path(sys.argv[1])
    for slots in (1, 2, 5, MOST_SLOTS):
        model = load_generator(path, "off", 2, Clock().seconds, slots=slots, context=1000)
        fill(model)
        exceed(model)
        model.close()
    sys.stdout.write("alive\n")


if __name__ == "__main__":
    main()
