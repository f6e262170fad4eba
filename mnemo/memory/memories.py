"""Everything mnemo can do with memories, put together."""

from collections.abc import Sequence

from attrs import Factory, define, field
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime

from mnemo.inference.interfaces import IEmbedder
from mnemo.memory.aside import Aside, here
from mnemo.memory.changes import Changes
from mnemo.memory.comparing import Comparing
from mnemo.memory.courtesy import Courtesy
from mnemo.memory.feedback import Judging
from mnemo.memory.ids import MakeId, random_id
from mnemo.memory.indexing import Vectoriser
from mnemo.memory.recall import Recalling
from mnemo.memory.remember import Remembering
from mnemo.memory.suggesting import Suggesting
from mnemo.store.interfaces import IStore
from mnemo.store.records import Memory


@define(eq=False)
class Memories:
    """
    What the tools work with.

    @ivar store: for what is only looked up: by id, by time, by session
    @ivar aside: does what takes long
    @ivar courtesy: lets what works in the background wait
    @ivar changes: tells whoever watches what has changed
    @ivar studies_patterns: whether patterns are looked for in the background
    """

    store: IStore
    embedder: IEmbedder
    clock: IReactorTime
    make_id: MakeId = random_id
    aside: Aside = here
    courtesy: Courtesy = field(default=Factory(lambda it: Courtesy(it.clock), takes_self=True))
    studies_patterns: bool = field(default=False, init=False)
    changes: Changes = field(init=False)
    vectoriser: Vectoriser = field(init=False)
    comparing: Comparing = field(init=False)
    remembering: Remembering = field(init=False)
    recalling: Recalling = field(init=False)
    suggesting: Suggesting = field(init=False)
    judging: Judging = field(init=False)

    def __attrs_post_init__(self) -> None:
        salience_lock = DeferredLock()
        self.changes = Changes(self.clock)
        self.comparing = Comparing(self.store, self.clock, self.aside, self.courtesy.turn)
        self.vectoriser = Vectoriser(
            self.store,
            self.embedder,
            self.clock,
            self.comparing.embedded,
            self.courtesy.turn,
        )
        self.remembering = Remembering(
            self.store,
            self.clock,
            self.make_id,
            self.vectoriser.written,
            salience_lock,
            self.changes,
            self.aside,
            self.courtesy,
        )
        self.recalling = Recalling(
            self.store,
            self.embedder,
            self.clock,
            self.make_id,
            self.vectoriser,
            courtesy=self.courtesy,
        )
        self.suggesting = Suggesting(self.store, self.recalling, self.clock, self.make_id)
        self.judging = Judging(self.store, self.clock, salience_lock, self.changes)

    def start(self) -> Deferred[None]:
        """Begin to make vectors. The store has been started."""
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        self.changes.knows(project.name for project in await self.store.projects())
        self.comparing.start()
        await self.vectoriser.start()

    def written(self, memories: Sequence[Memory]) -> None:
        """Some memories were made that nobody has remembered: of others."""
        for _ in memories:
            self.vectoriser.written()
        self.changes.changed(memories)

    def stop(self) -> None:
        """End what runs in the background. The store and the model are still there."""
        self.vectoriser.stop()
        self.comparing.stop()
        self.courtesy.stop()
        self.changes.stop()
