"""mem0 by its Python API, in a process of its own: L{mem0_worker} speaks for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from peers.environments import environment, surroundings
from peers.lines import Lines, speaking
from peers.system import DIMENSIONS, MODEL, SHOWN, Place

REQUIREMENT = "mem0ai==2.2.1"

_WORKER = Path(__file__).with_name("mem0_worker.py")


@frozen
class Mem0:
    """A memory of mem0, without the language model that would rewrite what it is given."""

    _lines: Lines

    def begin(self, session: str) -> None:
        """It is told with each text."""

    def remember(self, text: str, session: str) -> str:
        """Keep it."""
        self._lines.send({"remember": text, "session": session})
        return str(self._lines.receive()["id"])

    def search(self, question: str) -> Sequence[str]:
        """What it finds."""
        self._lines.send({"search": question, "limit": SHOWN})
        return [str(each) for each in self._lines.receive()["ids"]]

    def settle(self) -> None:
        """It does nothing in the background."""


def programs() -> Path:
    """The folder of its programs, installed if need be."""
    return environment("mem0", REQUIREMENT)


@contextmanager
def running(place: Place) -> Iterator[Mem0]:
    """mem0 on a store of its own, which is Qdrant's local one, mem0's default."""
    command = [str(programs() / "python"), str(_WORKER)]
    variables = {**surroundings(place.folder), "MEM0_TELEMETRY": "false"}
    with speaking("mem0", command, variables, place.folder) as lines:
        lines.send(configuration(place))
        lines.receive()
        yield Mem0(lines)


def configuration(place: Place) -> dict[str, object]:
    """What C{Memory.from_config} is given. The language model is named, and never asked."""
    return {
        "vector_store": {
            "provider": "qdrant",
            "config": {
                "collection_name": "memories",
                "path": str(place.folder / "qdrant"),
                "on_disk": True,
                "embedding_model_dims": DIMENSIONS,
            },
        },
        "embedder": {
            "provider": "openai",
            "config": {
                "model": MODEL,
                "openai_base_url": f"{place.embeddings}/v1",
                "api_key": "none",
            },
        },
        "llm": {"provider": "openai", "config": {"api_key": "none"}},
        "history_db_path": str(place.folder / "history.db"),
    }
