"""
What generates in the comparison, as processes that a C{with} block owns: mnemo, llama-cpp-python's
server, llama.cpp's server, and the bare loops. All have the same file, context, threads and batch.
"""

import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import requires
from pathlib import Path
from sysconfig import get_path
from typing import Any
from urllib.error import HTTPError

from attrs import field, frozen
from native_llama import NAME
from servers import BUILD, HERE, Server, free_port, running

ALL_LAYERS = 999


@frozen
class Terms:
    """
    What is equal for all.

    @ivar context: tokens that all sequences have room for together
    @ivar sequences: how many generate at once
    @ivar gpu: whether all layers are on the GPU
    """

    model: Path
    context: int
    threads: int
    sequences: int
    batch: int
    gpu: bool

    @property
    def layers(self) -> int:
        """How many layers are on the GPU."""
        return ALL_LAYERS if self.gpu else 0


@contextmanager
def mnemo(terms: Terms) -> Iterator[Server]:
    """The daemon, whose models stay in memory."""
    settings = {
        "language_model": str(terms.model),
        "gpu": "auto" if terms.gpu else "off",
        "threads": terms.threads,
        "slots": terms.sequences,
        "context": terms.context,
        "keep_alive": 0,
    }
    flags = [f"inference.{key}={json.dumps(value)}" for key, value in settings.items()]
    with tempfile.TemporaryDirectory(prefix="mnemo-bench-") as scratch:
        home, port = Path(scratch, "home"), free_port()
        command = [sys.executable, str(HERE / "mnemo_server.py"), str(home), str(port), *flags]
        with running(command, port, Path(scratch, "out.log")) as process:
            yield Server("mnemo", port, process.pid, home)


@contextmanager
def llama_server(terms: Terms, program: Path) -> Iterator[Server]:
    """llama.cpp's server, one slot for each sequence, in a cache that all of them share."""
    with tempfile.TemporaryDirectory(prefix="llama-bench-") as scratch:
        port = free_port()
        options = {
            "--model": terms.model,
            "--host": "127.0.0.1",
            "--port": port,
            "--parallel": terms.sequences,
            "--threads-http": terms.sequences + 2,
            **native_options(terms),
        }
        command = [str(program), *(str(word) for pair in options.items() for word in pair)]
        with running([*command, "--kv-unified"], port, Path(scratch, "out.log")) as process:
            server = Server("llama-server", port, process.pid)
            _wait_for_model(server)
            yield server


def _wait_for_model(server: Server) -> None:
    """It listens before its model is there, and says 503 until then."""
    for _ in range(600):
        try:
            server.health()
        except HTTPError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{server.name} has not loaded its model")


def native_options(terms: Terms) -> dict[str, object]:
    """What llama.cpp's programs are told of the terms."""
    return {
        "--ctx-size": terms.context,
        "--threads": terms.threads,
        "--threads-batch": terms.threads,
        "--batch-size": terms.batch,
        "--n-gpu-layers": terms.layers,
    }


@contextmanager
def python_server(terms: Terms) -> Iterator[Server]:
    """llama-cpp-python's own server, on the installed library."""
    with tempfile.TemporaryDirectory(prefix="python-bench-") as scratch:
        port = free_port()
        options = {
            "--model": terms.model,
            "--model_alias": terms.model.stem,
            "--host": "127.0.0.1",
            "--port": port,
            "--n_ctx": terms.context,
            "--n_threads": terms.threads,
            "--n_threads_batch": terms.threads,
            "--n_batch": terms.batch,
            "--n_gpu_layers": terms.layers,
            # Else a stream ends, unfinished, when the next one is asked for.
            "--interrupt_requests": "false",
        }
        words = [str(word) for pair in options.items() for word in pair]
        command = [str(_python_of_server()), "-m", "llama_cpp.server", *words]
        with running(command, port, Path(scratch, "out.log")) as process:
            yield Server("llama_cpp.server", port, process.pid)


def _python_of_server() -> Path:
    """An environment with what the server needs, and the llama_cpp of this one."""
    place = BUILD / "llama_cpp_server"
    python = place / "bin" / "python"
    if not (place / "made").exists():
        venv.create(place, clear=True)
        lines = (line.partition(";") for line in requires(NAME) or ())
        extra = [needed.strip() for needed, _, when in lines if 'extra == "server"' in when]
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
        subprocess.run([*pip, *extra], check=True)
        (place / "made").touch()
    # After its own packages, so that these are found first.
    own = get_path("purelib", vars={"base": str(place)})
    folders = [each for each in sys.path if each.endswith("-packages")]
    Path(own, "installed.pth").write_text("\n".join(folders) + "\n")
    return python


@frozen
class Bare:
    """A process that answers one request a line, with no more between it and the library."""

    process: subprocess.Popen[str] = field(repr=False)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """What it measured."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the bare loop has ended with {self.process.wait()}")
        return dict(json.loads(line))


@contextmanager
def bare(kind: str, terms: Terms, model: Path) -> Iterator[Bare]:
    """C{bare_llama.py}, as C{kind}: C{generate} or C{embed}."""
    numbers = (terms.context, terms.threads, terms.batch, terms.layers)
    command = [sys.executable, str(HERE / "bare_llama.py"), kind, str(model), *map(str, numbers)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Bare(process)
        finally:
            process.kill()


def batched_bench(
    terms: Terms, program: Path, prompt: int, tokens: int, callers: list[int]
) -> dict[int, float]:
    """
    C{llama-batched-bench}: of so many callers the tokens generated each second, where the time
    for their prompts counts as well.
    """
    options = {
        "--model": terms.model,
        "-npp": prompt,
        "-ntg": tokens,
        "-npl": ",".join(map(str, callers)),
        "--output-format": "jsonl",
        **native_options(terms),
    }
    command = [str(program), *(str(word) for pair in options.items() for word in pair)]
    done = subprocess.run([*command, "--kv-unified"], capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or len(rows) != len(callers):
        raise SystemExit(f"{program.name} failed:\n{done.stdout[-500:]}{done.stderr[-1000:]}")
    return {row["pl"]: row["pl"] * row["tg"] / row["t"] for row in rows}
