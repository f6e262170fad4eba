"""C{/v1/embeddings}: the vectors of texts."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mnemo.api.openai_errors import ApiError
from mnemo.api.openai_requests import EmbeddingsRequest, refuse
from mnemo.api.openai_sampling import no_model
from mnemo.inference.interfaces import IEmbedder, ModelInfo, Priority

MOST_TEXTS: Final = 2048
"""As many as OpenAI's API takes."""

FEW: Final = 16
"""Somebody waits for a query; more texts than that are an index that is made."""


def name_of(model: ModelInfo) -> str:
    """What clients call an embedding model."""
    return model.path.stem or model.name


async def embeddings(asked: EmbeddingsRequest, embedder: IEmbedder, session: str) -> bytes:
    """The answer. Raises L{ApiError}, and what the embedder raises."""
    texts = _texts(asked)
    model = embedder.model
    if model is None:
        raise ApiError(503, embedder.problem)
    if asked.model not in (name_of(model), model.name):
        raise no_model(asked.model, name_of(model))
    if asked.dimensions not in (None, model.dimensions):
        # Only models trained for it keep their meaning when a vector is cut short.
        raise refuse(
            "dimensions", f"The vectors of {name_of(model)} have {model.dimensions} dimensions."
        )
    priority = Priority.INTERACTIVE if len(texts) <= FEW else Priority.BACKGROUND
    tokens = [0]
    vectors = await embedder.embed(texts, priority, session, tokens.append)
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": at, "embedding": _shown(vector, asked)}
                for at, vector in enumerate(vectors)
            ],
            "model": name_of(model),
            "usage": {"prompt_tokens": tokens[-1], "total_tokens": tokens[-1]},
        }
    )


def _texts(asked: EmbeddingsRequest) -> Sequence[str]:
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise ApiError(
            400, f"input has {len(texts)} texts; it takes 1 to {MOST_TEXTS}.", param="input"
        )
    if any(isinstance(text, int | list) for text in texts):
        raise refuse(
            "input",
            "input has numbers of tokens; send text (LangChain: check_embedding_ctx_length=False).",
        )
    if not all(isinstance(text, str) for text in texts):
        raise ApiError(400, "input is a text or a list of texts.", param="input")
    return texts


def _shown(vector: NDArray[np.float32], asked: EmbeddingsRequest) -> Any:
    if asked.encoding_format == "base64":
        return b64encode(vector.astype("<f4").tobytes()).decode()
    return vector.tolist()
