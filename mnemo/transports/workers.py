"""Threads that wait for answers: as many as are needed, up to a bound, each with a connection."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Semaphore, Thread

from attrs import define, field

from mnemo.transports.upstream import Wire

Task = Callable[[Wire], None]


@define
class Workers:
    """
    Runs tasks at once while fewer than C{most} are running, then in the order they came.

    @ivar most: how many threads there may be
    """

    most: int
    _tasks: SimpleQueue[Task | None] = field(factory=SimpleQueue, init=False)
    _idle: Semaphore = field(factory=lambda: Semaphore(0), init=False)
    _started: int = field(default=0, init=False)

    def submit(self, task: Task) -> None:
        """Have C{task} run. It must not raise. Called from one thread only."""
        self._tasks.put(task)
        if not self._idle.acquire(blocking=False) and self._started < self.most:
            self._started += 1
            # A thread that hangs in a write to a stuck client must not keep the process.
            Thread(target=self._work, name=f"worker-{self._started}", daemon=True).start()

    def stop(self) -> None:
        """End each thread when what it runs has ended. Nothing may be submitted afterwards."""
        for _ in range(self._started):
            self._tasks.put(None)

    def _work(self) -> None:
        wire = Wire()
        while (task := self._tasks.get()) is not None:
            task(wire)
            if wire.is_severed:
                wire.close()
                wire = Wire()
            self._idle.release()
        wire.close()
