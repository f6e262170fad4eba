"""What C{mnemo top} shows, as text."""

from io import StringIO

from attrs import evolve
from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.top_frame import Place, frame, printable, size
from mnemo.inference.snapshot import (
    Ages,
    Caller,
    Counts,
    Gpu,
    Request,
    Server,
    Snapshot,
)
from tests.transports.test_inference_address import EMBEDDING, LANGUAGE, SNAPSHOT

RUNNING = Request(
    session="s-1",
    client="claude-code",
    priority="interactive",
    state="running",
    why="",
    position=0,
    prompt_tokens=812,
    reused_tokens=512,
    tokens=37,
    age=1.25,
)
WAITING = evolve(
    RUNNING,
    session="",
    client="",
    priority="background",
    state="waiting",
    why="all slots are taken",
    position=1,
    tokens=0,
)


class FrameTests(SynchronousTestCase):
    def shown(self, snapshot: Snapshot) -> list[str]:
        console = Console(width=120, record=True, file=StringIO(), markup=False)
        console.print(frame(Place("http://127.0.0.1:9999", 4711), snapshot))
        return [" ".join(line.split()) for line in console.export_text().splitlines()]

    def test_it_says_how_the_models_are(self) -> None:
        lines = self.shown(SNAPSHOT)
        self.assertTrue(lines[0].startswith("mnemo http://127.0.0.1:9999, pid 4711, "))
        self.assertEqual(
            lines[1:],
            [
                "language writer, loaded, 900 MB on cpu, cache 100 MB",
                "0 of 2 slots run, nobody waits",
                "41.0 tokens/s, first token after 0.210 s (p95 0.800 s of 100)",
                "63% of 1000 prompt tokens reused, 512 kept",
                "embedding all-MiniLM-L6-v2-1a2b3c4d, 45 MB on cpu",
                "12.0 texts/s, nobody waits, 40% of 5 queries known",
            ],
        )

    def test_it_says_who_runs_and_who_waits_for_what(self) -> None:
        language = evolve(
            LANGUAGE,
            running=1,
            waiting=Counts(0, 1),
            oldest=Ages(0.0, 1.25),
            requests=(RUNNING, WAITING),
        )
        lines = self.shown(evolve(SNAPSHOT, language=language))
        self.assertIn("1 of 2 slots run, waiting: 1 background (oldest 1.2 s)", lines)
        self.assertEqual(
            lines[-3:],
            [
                "client session class prompt answer age waits for",
                "run claude-code s-1 interactive 812 37 1.2 s",
                "1 mnemo background 812 0 1.2 s all slots are taken",
            ],
        )

    def test_without_a_language_model_it_says_so(self) -> None:
        none = evolve(
            LANGUAGE,
            name="",
            state="none",
            weights=0,
            slots=0,
            tokens=0,
            prompt_tokens=0,
            first_token=evolve(LANGUAGE.first_token, count=0, p50=None, p95=None),
        )
        lines = self.shown(evolve(SNAPSHOT, language=none))
        self.assertEqual(lines[1], "language none")
        self.assertTrue(lines[2].startswith("embedding"))

    def test_vectors_that_are_missing_are_counted(self) -> None:
        some = evolve(EMBEDDING, vectors=1234)
        self.assertIn("vectors: 1234 of 5678", self.shown(evolve(SNAPSHOT, embedding=some)))
        other = evolve(some, meanwhile="older-0a1b2c3d")
        self.assertIn(
            "vectors: 1234 of 5678; until then older-0a1b2c3d answers",
            self.shown(evolve(SNAPSHOT, embedding=other)),
        )

    def test_what_is_wrong_is_said(self) -> None:
        embedding = evolve(EMBEDDING, device=None, problem="fetch it")
        language = evolve(LANGUAGE, state="released", weights=0, problem="it was released")
        lines = self.shown(Snapshot(at=0.0, language=language, embedding=embedding))
        self.assertIn("language writer, released", lines)
        self.assertIn("it was released", lines)
        self.assertIn("embedding all-MiniLM-L6-v2-1a2b3c4d, not loaded", lines)
        self.assertIn("fetch it", lines)

    def test_servers_the_gpu_and_callers_have_a_line_each(self) -> None:
        server = Server("box:8080", "big", "language", 2, 10, "open", 15.0, "box is down")
        seen = evolve(
            SNAPSHOT,
            servers=(server,),
            gpu=Gpu("a GPU", 4_000_000_000, 12_000_000_000),
            callers=(Caller("s", "curl", 8, 3), Caller("t", "idle", 1, 0)),
            of_a_caller=8,
        )
        lines = self.shown(seen)
        self.assertIn(
            "server big on box:8080 (language), 2 run, left alone for 15 s, box is down", lines
        )
        self.assertIn("gpu a GPU, 8.0 GB of 12.0 GB used", lines)
        self.assertIn("caller curl: 8 of 8 at once, 3 wait for one of these to end", lines)
        self.assertNotIn("idle", " ".join(lines))

    def test_a_gpu_that_does_not_say_has_a_name(self) -> None:
        self.assertIn("gpu a GPU", self.shown(evolve(SNAPSHOT, gpu=Gpu("a GPU", None, None))))

    def test_a_client_cannot_command_the_terminal(self) -> None:
        self.assertEqual(printable("a\x1b[2Jb\nc é"), "a?[2Jb?c é")
        language = evolve(LANGUAGE, requests=(evolve(RUNNING, client="\x1b[2J[red]x"),))
        self.assertIn("?[2J[red]x", " ".join(self.shown(evolve(SNAPSHOT, language=language))))

    def test_sizes_are_for_people(self) -> None:
        self.assertEqual((size(45_000_000), size(1_500_000_000)), ("45 MB", "1.5 GB"))
