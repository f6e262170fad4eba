"""C{/v1/models}: the models that there are."""

from collections.abc import Mapping, Sequence
from typing import Any

from mnemo.api.openai_embeddings import name_of
from mnemo.api.openai_errors import ApiError
from mnemo.api.openai_sampling import models_of
from mnemo.inference.generation import IGenerator
from mnemo.inference.interfaces import IEmbedder


def models(generator: IGenerator, embedder: IEmbedder, created: int) -> Mapping[str, Any]:
    """All of them."""
    return {
        "object": "list",
        "data": [_model(name, created) for name in _names(generator, embedder)],
    }


def model(name: str, generator: IGenerator, embedder: IEmbedder, created: int) -> Mapping[str, Any]:
    """One of them. Raises L{ApiError}."""
    if name not in _names(generator, embedder):
        raise ApiError(
            404, f"There is no model {name[:200]!r}.", param="model", code="model_not_found"
        )
    return _model(name, created)


def _names(generator: IGenerator, embedder: IEmbedder) -> Sequence[str]:
    names = [model.name for model in models_of(generator)]
    return names if embedder.model is None else [*names, name_of(embedder.model)]


def _model(name: str, created: int) -> Mapping[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "mnemo"}
