"""
Runs where mem0 is installed, and speaks for it in lines of JSON: first the configuration; then
C{{"remember": text, "session": name}} is answered C{{"id": id}}, and
C{{"search": question, "limit": number}} is answered C{{"ids": [id, ...]}}.
"""

import json
import os
import sys
from typing import Any

from mem0 import Memory

USER = "bench"


def answer(memory: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """What mem0 says to it."""
    if "remember" in asked:
        where = {"user_id": USER, **({"run_id": asked["session"]} if asked["session"] else {})}
        (kept,) = memory.add(asked["remember"], infer=False, **where)["results"]
        return {"id": kept["id"]}
    found = memory.search(asked["search"], filters={"user_id": USER}, top_k=asked["limit"])
    return {"ids": [each["id"] for each in found["results"]]}


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr  # where mem0 may print what it likes
    memory = Memory.from_config(json.loads(sys.stdin.readline()))
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(memory, json.loads(line))), file=answers, flush=True)
    memory.close()


if __name__ == "__main__":
    main()
