"""The core for a single client, on this process's own stdin and stdout."""

import os
import sys
from contextlib import suppress
from functools import partial
from threading import Timer
from typing import Any

from twisted.internet import stdio
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, globalLogBeginner
from twisted.python.failure import Failure

from mnemo.config import Config
from mnemo.core import Core
from mnemo.lifecycle import Part, Procession
from mnemo.lock import HomeHeld
from mnemo.mcp.connection import Connection
from mnemo.observe.logs import Silence
from mnemo.store.interfaces import StoreError
from mnemo.transports.stdio import StdioServer

STDIN, STDOUT, STDERR = 0, 1, 2

LOOK_SECONDS = 0.5
"""How often a look is taken whether the client still lives."""

STOP_SECONDS = 0.7
"""How long the parts may take to stop: with what is waited for before, less than two seconds."""


class StdioService(Procession):
    """
    A core and the one client that it serves.

    Calls are answered at once, by text alone until the model is there: the first call of a
    tool has it loaded.

    @ivar front: the client's pipes
    @ivar exit_code: what the process should end with
    """

    log = Logger()

    def __init__(self, core: Core, reactor: Any, project: str) -> None:
        """
        @param project: where the client works
        """
        super().__init__(reactor, self._cannot_start)
        self.core = core
        self.front = StdioServer(reactor, self._want_model)
        self.exit_code = 0
        self._is_model_wanted = False
        self._connection = Connection(core.server, self.front.send, project_hint=project)
        for part in core.parts():
            if part.name == "model":
                part = Part("model", _nothing, core.models.embedder.stop)
            self.addService(part)
            if part.name == "home":
                # Without a host: nobody need wait for a port.
                self.addService(Part("announcement", partial(core.announce, "", 0), _nothing))
        self.addService(Part("client", self._serve, self._connection.close))

    def _serve(self) -> None:
        self.front.serve(self._connection)

    def _want_model(self) -> None:
        if not self._is_model_wanted:
            self._is_model_wanted = True
            self.core.models.embedder.start()

    def _cannot_start(self, failure: Failure) -> None:
        reason = str(failure.value)
        if not failure.check(HomeHeld, StoreError, OSError):
            reason = f"a defect: {failure.value!r}"
            self.log.failure("Cannot start: {reason}", failure, reason=reason)
        self.exit_code = 1
        sys.stderr.write(f"mnemo mcp: {reason}\n")
        self.front.refuse(reason)


def run(config: Config, project: str, parent: int) -> int:
    """
    Serve the client at the other end of stdin and stdout until it has gone.

    @param parent: the process that started this one; when it dies, this ends
    @return: the exit code
    """
    from twisted.internet import reactor as global_reactor

    reactor: Any = global_reactor
    globalLogBeginner.beginLoggingTo([Silence()], redirectStandardIO=False, discardBuffer=True)
    # Whatever a library prints must not end up between the messages.
    output = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    service = StdioService(Core(config, reactor), reactor, project)

    def end(_: object = None) -> None:
        with suppress(ReactorNotRunning):
            reactor.stop()

    def look() -> None:
        if os.getppid() != parent:
            end()

    def stop() -> Deferred[None]:
        watch.stop()
        # What does not stop in time is as safe as after a kill -9.
        net = Timer(STOP_SECONDS, os._exit, (service.exit_code,))
        net.daemon = True
        net.start()
        return service.stopService()

    watch = LoopingCall(look)
    watch.clock = reactor
    watch.start(LOOK_SECONDS)
    service.front.gone.addCallback(end)
    reactor.addSystemEventTrigger("before", "shutdown", stop)
    reactor.callWhenRunning(service.startService)
    pipes: Any = stdio.StandardIO  # Another class on every platform.
    pipes(service.front, STDIN, output, reactor)
    reactor.run()
    return service.exit_code


def _nothing() -> None:
    """For what needs no start or no stop."""
