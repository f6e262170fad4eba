"""Results from a real model that knows nothing: what it says is bound by the grammar alone."""

from typing import Annotated, Literal

import msgspec
from attrs import frozen
from twisted.internet.defer import Deferred

from mnemo.inference.generation import Generation, Message, Sampling
from mnemo.inference.structured import extract
from tests.inference.test_llama_generator import GeneratingCase


@frozen
class Memo:
    title: Annotated[str, msgspec.Meta(max_length=12)]
    kind: Literal["fact", "plan"]
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    code: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[a-c]{1,9}$")]
    about: Annotated[list[Annotated[str, msgspec.Meta(max_length=8)]], msgspec.Meta(max_length=3)]
    number: Annotated[int, msgspec.Meta(gt=-5, lt=300)] = 0


class NoiseTests(GeneratingCase):
    def test_every_answer_is_a_value(self) -> None:
        for seed in range(12):
            request = Generation(
                [Message("user", "Read.")], 250, Sampling(temperature=1.0, seed=seed)
            )
            answer = Deferred.fromCoroutine(extract(self.generator, Memo, request))
            extracted = self.successResultOf(answer)
            self.assertIsInstance(extracted.value, Memo)
            self.assertFalse(extracted.repaired)
