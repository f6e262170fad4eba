"""The models that serve: those of this process, all on one thread, and those of other servers."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mnemo.config import Config, InferenceConfig
from mnemo.config_checks import is_server
from mnemo.inference.catalogue import locate
from mnemo.inference.chain import Chain, Link
from mnemo.inference.engine import Engine
from mnemo.inference.generation import IGenerator
from mnemo.inference.generator import LocalGenerator
from mnemo.inference.interfaces import IEmbeddingBackend
from mnemo.inference.kept import KeptGenerator
from mnemo.inference.llama import load_embedder
from mnemo.inference.llama_generator import load_generator
from mnemo.inference.none import NoGenerator
from mnemo.inference.remote import RemoteGenerator
from mnemo.inference.remote_embedder import WINDOW, RemoteEmbedder
from mnemo.inference.servers import entry_of
from mnemo.inference.steps import IGenerationBackend
from mnemo.inference.succession import Embedder, Successor, file_of
from mnemo.inference.thread import InferenceThread
from mnemo.inference.trial import check
from mnemo.lifecycle import Part
from mnemo.waiting import in_thread


class Models:
    """
    What embeds and what writes.

    @ivar thread: where the models of this process run
    @ivar engine: the embedding model that the configuration names
    @ivar embedder: the one that answers: an earlier one until the other has made its vectors
    @ivar local: the language model of this process, where there is one
    @ivar links: each language model, in the order in which they are asked
    @ivar generator: all of these together
    """

    log = Logger()

    def __init__(self, config: Config, reactor: Any, model_of_vectors: Callable[[], str]) -> None:
        """
        @param model_of_vectors: the name of the model that made the vectors that are kept
        """
        self._config = config
        self._reactor = reactor
        self.thread = InferenceThread(reactor)
        self.engine: Engine | RemoteEmbedder = self._configured()
        self.embedder = Successor(self.engine, model_of_vectors, self._earlier)
        named = config.inference.language_models
        here = next((name for name in named if not is_server(name)), None)
        self.local = None if here is None else self._in_this_process(here)
        self.links = [self._link(name) for name in named]
        self.generator: IGenerator = Chain(self.links) if self.links else NoGenerator()

    def parts(self) -> list[Part]:
        """What has to be started, in this order."""
        found = [
            Part("inference thread", self.thread.start, self.thread.stop),
            Part("model", self.embedder.start, self.embedder.stop),
            Part("servers", lambda: None, self._leave_servers),
        ]
        local = self.local
        if local is not None:

            def start() -> None:
                # Nobody waits for a language model before calls are served.
                loading = Deferred.fromCoroutine(local.start())
                loading.addErrback(lambda failure: self.log.failure("no language model", failure))

            found.append(Part("language model", start, local.stop))
        return found

    def embedding_facts(self, meanwhile: str) -> Mapping[str, object]:
        """What there is to say of the embedding model; C{meanwhile} another may answer."""
        model = self.engine.model
        return {
            "name": self._config.inference.model if model is None else model.name,
            "loads": self.engine.statistics.loads,
            "device": None if model is None else model.device,
            "bytes": 0 if model is None else model.bytes,
            "meanwhile": meanwhile,
        }

    def language_facts(self) -> Mapping[str, object]:
        """What there is to say of the language models."""
        model, work, local = self.generator.model, self.generator.statistics, self.local
        in_memory = local is not None and local.state == "loaded"
        return {
            "name": self._config.inference.language_model if model is None else model.name,
            "device": None if model is None else model.device,
            "state": "none" if local is None else local.state,
            "bytes": model.bytes if model is not None and in_memory else 0,
            "loads": work.loads,
            "slots": work.slots,
            "running": work.running,
            "interactive": work.waiting_interactive,
            "background": work.waiting_background,
            "prompt_tokens": work.prompt_tokens,
            "reused_tokens": work.reused,
            "kept_tokens": work.cache_tokens,
        }

    # -- embedding

    def _configured(self) -> Engine | RemoteEmbedder:
        model = self._config.inference.model
        if is_server(model):
            return RemoteEmbedder(self._reactor, entry_of(model, os.environ, WINDOW).server)
        return self._engine(partial(load_model, self._config, self._reactor.seconds))

    def _engine(self, load: Callable[[], IEmbeddingBackend]) -> Engine:
        seconds = self._config.inference.step_ms / 1000
        return Engine(self._reactor, load, self.thread, step_seconds=seconds)

    def _earlier(self, name: str) -> Deferred[Embedder | None]:
        """An embedder by the model that calls itself C{name}, if it is still there."""

        def engine(path: Path | None) -> Embedder | None:
            if path is None:
                return None
            inference, seconds = self._config.inference, self._reactor.seconds
            load = partial(load_embedder, path, inference.gpu, inference.threads, seconds)
            return self._engine(load)

        found = in_thread(self._reactor, partial(file_of, self._config.models, name))
        return found.addCallback(engine)

    # -- language

    def _link(self, name: str) -> Link:
        """A language model among those that are asked in turn."""
        if not is_server(name):
            assert self.local is not None
            return Link(self.local)
        entry = entry_of(name, os.environ)
        return Link(RemoteGenerator(self._reactor, entry.server), entry.priority)

    def _in_this_process(self, name: str) -> KeptGenerator:
        """A language model that is in memory while somebody uses it."""
        inference, reactor = self._config.inference, self._reactor

        def where() -> Path:
            return locate(self._config.models, name, "language")

        generator = LocalGenerator(
            reactor,
            lambda: _load_generator(where(), inference, reactor.seconds),
            self.thread,
            step_seconds=inference.step_ms / 1000,
            check=lambda: check(where(), "language"),
        )
        return KeptGenerator(reactor, generator, inference.keep_alive * 60)

    async def _leave_servers(self) -> None:
        for link in self.links:
            if isinstance(link.generator, RemoteGenerator):
                await link.generator.stop()


def load_model(config: Config, now: Callable[[], float]) -> IEmbeddingBackend:
    """Load the embedding model. Run on the thread that will use it."""
    path = locate(config.models, config.inference.model)
    return load_embedder(path, config.inference.gpu, config.inference.threads, now)


def _load_generator(
    path: Path, inference: InferenceConfig, seconds: Callable[[], float]
) -> IGenerationBackend:
    return load_generator(
        path,
        inference.gpu,
        inference.threads,
        seconds,
        layers=inference.gpu_layers,
        slots=inference.slots,
        context=inference.context,
    )
