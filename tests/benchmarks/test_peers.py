import json
import os
import sys
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from load import Client
from peers import mcp_memory_service, mem0_client, mnemo_itself
from peers.environments import interpreter
from peers.lines import Lines, speaking
from peers.system import Place
from servers import Server
from twisted.trial.unittest import SynchronousTestCase

HASHES = ("a" * 64, "b" * 64)

KEPT = f"Memory stored successfully (hash: {HASHES[0]})"
REFUSED = "Error storing memory: Duplicate content detected (exact match)"
FOUND = f"""Found 2 memories (mode: semantic) for query: 'Who?'

1. Ann: a line
and Hash: another
   Hash: {HASHES[1]}
   Created: 2026-01-02T03:04:05Z [untagged]

2. Bob: oh
   Hash: {HASHES[0]}
   Created: 2026-01-02T03:04:05Z [a, b]"""

ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"

STANDS_IN = '''
class Memory:
    """Finds whatever it was told last, first."""

    @classmethod
    def from_config(cls, config):
        print("some notice")
        assert config["llm"], config
        return cls()

    def __init__(self):
        self.kept = []

    def add(self, text, *, user_id, run_id=None, infer):
        assert infer is False
        self.kept.append((text, run_id))
        return {"results": [{"id": f"{len(self.kept)} {text} {run_id}"}]}

    def search(self, query, *, filters, top_k):
        assert filters == {"user_id": "bench"}
        found = [{"id": str(number)} for number in range(len(self.kept), 0, -1)]
        return {"results": found[:top_k]}

    def close(self):
        print("closed")
'''


class ReadingMcpMemoryService(SynchronousTestCase):
    def test_it_says_under_which_hash_it_keeps_a_text(self) -> None:
        self.assertEqual(mcp_memory_service.kept(KEPT), HASHES[0])

    def test_a_text_that_it_has_is_refused(self) -> None:
        self.assertEqual(mcp_memory_service.kept(REFUSED), "")

    def test_any_other_refusal_ends_the_comparison(self) -> None:
        with self.assertRaises(SystemExit):
            mcp_memory_service.kept("Error storing memory: the disk is full")

    def test_what_it_found_is_in_its_order(self) -> None:
        self.assertEqual(mcp_memory_service.found(FOUND), [HASHES[1], HASHES[0]])

    def test_nothing_found_is_an_answer(self) -> None:
        self.assertEqual(mcp_memory_service.found("No memories found for query: 'Who?'"), [])

    def test_a_search_that_fails_ends_the_comparison(self) -> None:
        with self.assertRaises(SystemExit):
            mcp_memory_service.found("Error searching memories: no such table")


class HangsUp(BaseHTTPRequestHandler):
    """Answers a call, and hangs up."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = asked.get("params", {}).get("arguments", {}).get("text", "")
        result = {"structuredContent": {"id": f"id of {said}"}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Mcp-Session-Id", "s")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class AskingMnemo(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), HangsUp)
        thread = Thread(target=self.server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def test_a_connection_that_idled_away_is_made_anew(self) -> None:
        port = self.server.server_port
        system = mnemo_itself.Mnemo(Server("mnemo", port, 0), Client(port))
        self.addCleanup(system.close)
        system.begin("May")
        self.assertEqual(system.remember("one", "May"), "id of one")
        self.assertEqual(system.remember("two", "May"), "id of two")


class ReadingMnemo(SynchronousTestCase):
    def test_those_in_a_line_come_after_those_in_full(self) -> None:
        answer = {"memories": [{"id": "a"}, {"id": "b"}], "brief": [{"id": "c"}], "degraded": []}
        self.assertEqual(mnemo_itself.found(answer), ["a", "b", "c"])

    def test_a_leg_that_is_down_ends_the_comparison(self) -> None:
        with self.assertRaises(SystemExit):
            mnemo_itself.found({"memories": [], "degraded": ["the vector leg is down"]})


class Speaking(SynchronousTestCase):
    def setUp(self) -> None:
        self.stack = ExitStack()
        self.addCleanup(self.stack.close)
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def speak(self, *arguments: str) -> Lines:
        command = [sys.executable, *arguments]
        return self.stack.enter_context(speaking("it", command, os.environ, self.folder))

    def test_a_line_is_answered_with_a_line(self) -> None:
        lines = self.speak("-c", ECHO)
        for text in ("one", "zwei\n", "三"):
            lines.send({"said": text})
            self.assertEqual(lines.receive(), {"said": text})

    def test_a_process_that_ended_is_told_with_its_last_words(self) -> None:
        lines = self.speak("-c", "import sys; sys.exit('no disk')")
        with self.assertRaises(SystemExit) as caught:
            lines.receive()
        self.assertEqual(caught.exception.code, "it ended. no disk\n")

    def test_what_is_no_json_is_told(self) -> None:
        with self.assertRaises(SystemExit):
            self.speak("-c", "print('hello')").receive()

    def test_the_worker_of_mem0_speaks_for_it_and_keeps_its_notices_out(self) -> None:
        (self.folder / "mem0.py").write_text(STANDS_IN)
        worker = str(Path(mem0_client.__file__).with_name("mem0_worker.py"))
        path = {**os.environ, "PYTHONPATH": str(self.folder.resolve())}
        with speaking("mem0", [sys.executable, worker], path, self.folder) as lines:
            lines.send(mem0_client.configuration(Place(self.folder, "http://127.0.0.1:1")))
            self.assertEqual(lines.receive(), {})
            system = mem0_client.Mem0(lines)
            self.assertEqual(system.remember("Oh", "May"), "1 Oh May")
            self.assertEqual(system.remember("Ah", ""), "2 Ah None")
            self.assertEqual(system.search("What?"), ["2", "1"])
        self.assertIn("closed", lines.last_words())


class Environments(SynchronousTestCase):
    def test_the_first_python_that_fits_is_taken(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        for name, status in (("old", 1), ("fits", 0), ("later", 0)):
            (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
            (folder / name).chmod(0o755)
        candidates = [str(folder / name) for name in ("absent", "old", "fits", "later")]
        self.assertEqual(interpreter(candidates), candidates[2])

    def test_without_one_it_says_what_is_needed(self) -> None:
        with self.assertRaises(SystemExit) as caught:
            interpreter(["/nowhere/python"])
        self.assertIn("/nowhere/python", str(caught.exception.code))
