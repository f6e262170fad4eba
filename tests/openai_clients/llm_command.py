"""The command C{llm}, set up as the documentation says. Run by the interpreter that has it."""

import json
import os
import subprocess
import sys
from pathlib import Path

BASE, TOKEN = os.environ["MNEMO_BASE"], os.environ["MNEMO_TOKEN"]
FOLDER = Path.cwd() / "llm"
MODELS = f"""\
- model_id: mnemo
  model_name: talker
  api_base: "{BASE}/v1"
  api_key_name: mnemo
  supports_schema: true
  supports_tools: true
"""


def llm(*arguments: str) -> str:
    """What it writes."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "llm"), *arguments],
        env={**os.environ, "LLM_USER_PATH": str(FOLDER)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout


def takes_the_key() -> None:
    FOLDER.mkdir()
    (FOLDER / "extra-openai-models.yaml").write_text(MODELS)
    llm("keys", "set", "mnemo", "--value", TOKEN)
    assert "mnemo" in llm("models")


def streams_an_answer() -> None:
    assert llm("-m", "mnemo", "hello there") == "You said: hello there\n"


def gets_an_answer_in_one() -> None:
    assert llm("-m", "mnemo", "--no-stream", "hello there") == "You said: hello there\n"


def gets_what_follows_a_schema() -> None:
    said = llm("-m", "mnemo", "--schema", "city, degrees int", "the weather")
    assert json.loads(said) == {"city": "Bern", "degrees": 7}, said


failed = False
for check in (
    takes_the_key,
    streams_an_answer,
    gets_an_answer_in_one,
    gets_what_follows_a_schema,
):
    name = f"llm: {check.__name__.replace('_', ' ')}"
    try:
        check()
    except Exception as problem:
        failed = True
        print(f"FAILED {name}: {type(problem).__name__}: {problem}", flush=True)
    else:
        print(f"ok     {name}", flush=True)
sys.exit(failed)
