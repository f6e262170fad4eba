"""
The composition root: the parts of the daemon (L{mnemo.core}) and the ways that lead to them.

Nothing is opened, started or loaded before C{startService}: what is made earlier does not survive
the fork of C{twistd}.
"""

import atexit
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.logger import ILogObserver, LogLevel
from twisted.python.failure import Failure

from mnemo import __version__
from mnemo.api.callers import Callers
from mnemo.api.models_admin import ModelsAdmin
from mnemo.api.openai import OpenAi
from mnemo.config import Config, ServerConfig
from mnemo.config_checks import interface_of
from mnemo.core import Core
from mnemo.lifecycle import Part, Procession
from mnemo.lock import HomeHeld
from mnemo.mcp.streamable import Endpoint
from mnemo.observe.connect import how_to_connect
from mnemo.observe.health import Health
from mnemo.store.interfaces import StoreError
from mnemo.tools.interfaces import ITool
from mnemo.transports.credentials import Credentials
from mnemo.transports.front import Front
from mnemo.transports.guard import Guard
from mnemo.transports.inference_address import PATH as INFERENCE
from mnemo.transports.inference_address import InferenceAddress
from mnemo.transports.listener import FINISH_SECONDS, Listener, PortUnavailable
from mnemo.transports.models_address import addresses as addresses_of_models
from mnemo.transports.sse import Streams

_SWITCH = 0.0005


class Daemon(Procession):
    """
    A core and the port that leads to it, which opens last.

    @ivar config_file: where the configuration is, or would be
    @ivar transport: which one to tell the user of
    @ivar tell: told some lines for the user when calls are served
    @ivar give_up: told in one line why it cannot start
    @ivar observer: where its application logs, if that has not been said otherwise
    """

    observer: ILogObserver | None = None

    def __init__(self, core: Core, reactor: Any) -> None:
        super().__init__(reactor, self._cannot_start)
        self.core = core
        self.config_file = core.config.home / "mnemo.toml"
        self.transport = "http"
        self.tell: Callable[[str], object] = write_to_terminal
        self.give_up: Callable[[str], object] = partial(end_process, reactor)
        self.health = Health(reactor, __version__, self._facts, core.problems, core.store.self_test)
        self.streams = Streams(reactor, self.health.boot)
        for part in (*core.parts(), *self._ways_in(reactor)):
            self.addService(part)

    def setServiceParent(self, parent: Any) -> None:
        """Become the service of an application."""
        super().setServiceParent(parent)
        if self.observer is not None:
            parent.setComponent(ILogObserver, self.observer)

    def _ways_in(self, reactor: Any) -> list[Part]:
        server = self.core.config.server
        hosts = (*server.allowed_hosts, *own_names(server))
        guard = Guard(hosts, server.allowed_origins, server.trust_forwarded_host)
        credentials = Credentials.of(server.tokens)
        endpoint = Endpoint(self.core.server)
        sessions = self.core.config.sessions
        self._callers = callers = Callers(reactor, sessions.running, sessions.waiting)
        api = OpenAi(self.core.models.generator, self.core.models.engine, callers, reactor)
        self._front = front = Front(
            endpoint, self.health, self.streams, reactor, guard, credentials, api
        )
        front.site.exact.update(addresses_of_models(ModelsAdmin(self.core.models.local, reactor)))
        meter = self.core.meter
        meter.callers, meter.of_a_caller = (lambda: callers.busy), sessions.running
        front.site.exact[INFERENCE.encode()] = InferenceAddress(meter.snapshot)
        self.listener = port = Listener(
            reactor, server.host, server.port, front, self._opened, server.listen
        )
        return [
            Part("health", self.health.start, self.health.stop),
            Part("port", port.start, port.stop, bound=FINISH_SECONDS + 1),
        ]

    def _opened(self, port: int) -> None:
        config = self.core.config
        address = self.core.announce(config.server.host, port).address
        # What was loaded stays for good: to look at it in every collection costs a tenth of
        # the time of a request.
        gc.freeze()
        # A thread that works in the background gives way to who answers a call this soon.
        sys.setswitchinterval(_SWITCH)
        self.log.info("Serving {address}", address=address)
        needs_token = bool(config.server.tokens)
        lines = how_to_connect(address, config.home, self.config_file, self.transport, needs_token)
        self.tell(lines)

    def _cannot_start(self, failure: Failure) -> None:
        known = failure.check(HomeHeld, StoreError, PortUnavailable, OSError)
        if known:
            reason = str(failure.value)
            self.log.critical("Cannot start: {reason}", reason=reason)
        else:
            reason = f"a defect: {failure.value!r}"
            self.log.failure("Cannot start: {reason}", failure, LogLevel.critical, reason=reason)
        self.give_up(reason)

    def _facts(self) -> Mapping[str, object]:
        return {
            **self.core.facts(),
            "streams": len(self.streams),
            "websockets": len(self._front.sockets),
            "openai": {"running": self._callers.in_use, "waiting": self._callers.queued},
        }


def make_service(
    config: Config, reactor: Any, extra_tools: Sequence[ITool] = (), **more: Any
) -> Daemon:
    """
    A daemon, ready to be started.

    @param extra_tools: offered beside mnemo's own
    @param more: what else L{Core} is to offer
    """
    return Daemon(Core(config, reactor, extra_tools, **more), reactor)


def own_names(server: ServerConfig) -> list[str]:
    """What C{Host} says where a client was given the very address that the daemon listens on."""
    listening = [server.host, *filter(None, map(interface_of, server.listen))]
    return [f"[{host}]:*" if ":" in host else f"{host}:*" for host in listening]


def write_to_terminal(text: str) -> None:
    """Show text where the process was started, if it still has a terminal."""
    if sys.__stdout__ is not None:
        sys.__stdout__.write(text)
        sys.__stdout__.flush()


def end_process(reactor: Any, reason: str) -> None:
    """End the process with a line on standard error and exit code 1."""
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"mnemo: {reason}\n")
        sys.__stderr__.flush()
    # twistd exits with 0 after a reactor that was stopped, whatever the reason.
    atexit.register(os._exit, 1)
    reactor.callWhenRunning(reactor.stop)
