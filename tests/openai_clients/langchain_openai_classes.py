"""LangChain's classes for OpenAI. Run by the interpreter that has them."""

import os
import sys

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

BASE, TOKEN = os.environ["MNEMO_BASE"], os.environ["MNEMO_TOKEN"]
WHERE = {"base_url": f"{BASE}/v1", "api_key": TOKEN, "max_retries": 0}
chat = ChatOpenAI(model="talker", **WHERE)


class Weather(BaseModel):
    """Tells the weather."""

    city: str
    degrees: int


def chats() -> None:
    said = chat.invoke("hello there")
    assert said.content == "You said: hello there", said
    assert said.usage_metadata["total_tokens"] == 9, said


def streams_a_chat() -> None:
    text = "".join(chunk.content for chunk in chat.stream("hello there"))
    assert text == "You said: hello there", text


def calls_a_tool() -> None:
    (call,) = chat.bind_tools([Weather]).invoke("hello there").tool_calls
    assert (call["name"], call["args"]) == ("Weather", {"city": "Bern", "degrees": 7}), call


def gets_an_object_each_way() -> None:
    for method in ("json_schema", "function_calling"):
        said = chat.with_structured_output(Weather, method=method).invoke("hello there")
        assert said == Weather(city="Bern", degrees=7), (method, said)


def embeds() -> None:
    embeddings = OpenAIEmbeddings(model="fake", check_embedding_ctx_length=False, **WHERE)
    vectors = embeddings.embed_documents(["a cat", "a dog"])
    assert [len(vector) for vector in vectors] == [64, 64]
    assert embeddings.embed_query("a cat") == vectors[0]


failed = False
for check in (chats, streams_a_chat, calls_a_tool, gets_an_object_each_way, embeds):
    name = f"langchain-openai: {check.__name__.replace('_', ' ')}"
    try:
        check()
    except Exception as problem:
        failed = True
        print(f"FAILED {name}: {type(problem).__name__}: {problem}", flush=True)
    else:
        print(f"ok     {name}", flush=True)
sys.exit(failed)
