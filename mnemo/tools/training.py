"""Writing what a model could be trained on: train_model."""

from typing import ClassVar, Literal

from attrs import frozen

from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.interfaces import ToolError
from mnemo.tools.progress import Progress
from mnemo.tools.views import counted
from mnemo.transfer.training import CannotWrite, TrainingSet


@frozen(kw_only=True, slots=False)
class Trained:
    """
    What can be trained on, on the machine that mnemo runs on: path is a file with a JSON object
    for each memory. Derived counts those from which something was derived, by_model those from
    which a language model derived it; forgotten ones are left out.
    """

    trained: bool
    path: str
    examples: int
    derived: int
    by_model: int
    corrections: int
    judgements: int
    forgotten: int

    def text(self) -> str:
        """That nothing was trained, and where the set is."""
        return (
            "mnemo does not train a model yet. What one could be trained on is in "
            f"{self.path}: {counted(self.examples, 'memory', 'memories')}, {self.derived:,} of "
            f"them with what was derived ({self.by_model:,} by a language model), "
            f"{counted(self.corrections, 'correction')}, "
            f"{counted(self.judgements, 'judgement')}; {self.forgotten:,} forgotten left out."
        )


@frozen(kw_only=True)
class TrainModel(Tool):
    """
    Write what a model could be trained on into a file of mnemo's home: each memory with what was
    derived from it and its scores, its corrections, and how it was judged as an answer. Forgotten
    memories, secrets and private passages are not in it. mnemo does not train yet, and says so.
    Called again it writes the file anew. Only where the user asks for it.
    """

    name: ClassVar[str] = "train_model"
    title: ClassVar[str] = "Write a training set"
    hints: ClassVar[Hints] = Hints(idempotent=True)
    task: ClassVar[Literal["optional"]] = "optional"

    async def run(self, call: Call) -> Trained:
        """Write it."""
        progress = Progress(call.context.client, call.memories.clock, 0)
        try:
            made: TrainingSet = await call.transfer.training.write(progress.told)
        except CannotWrite as problem:
            raise ToolError(str(problem)) from None
        return Trained(
            trained=False,
            path=str(made.path),
            examples=made.examples,
            derived=made.derived,
            by_model=made.by_model,
            corrections=made.corrections,
            judgements=made.judgements,
            forgotten=made.forgotten,
        )
