"""What a person reads of the daemon's health."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.report import described, span

REPORT = {
    "status": "degraded",
    "reasons": ["there is no model; mnemo model fetch brings one"],
    "version": "1.2.3",
    "pid": 4711,
    "uptime": 3725.0,
    "sessions": {"live": 3, "running": 1},
    "streams": 2,
    "model": {"name": "all-MiniLM-L6-v2", "loads": 0, "device": None},
    "queues": {"calls": 0, "vectors": 7},
    "database": {"path": "/home/me/.mnemo/memory.sqlite3", "bytes": 2_500_000},
    "tools": 14,
    "self_test": {"at": 1.0, "text": "ok", "vector": "no model"},
}


class WordsTests(SynchronousTestCase):
    """A line for each thing."""

    def test_a_language_model_is_told_with_its_memory(self) -> None:
        model = {"name": "writer", "state": "loaded", "bytes": 512_000_000, "device": "cpu"}
        lines = described({**REPORT, "language_model": model}, "").splitlines()
        self.assertIn("language   writer, loaded, 512 MB on cpu", lines)
        idle = model | {"state": "idle", "bytes": 0}
        lines = described({**REPORT, "language_model": idle}, "").splitlines()
        self.assertIn("language   writer, idle", lines)
        elsewhere = model | {"state": "none", "bytes": 0}
        lines = described({**REPORT, "language_model": elsewhere}, "").splitlines()
        self.assertIn("language   writer, of a server", lines)

    def test_an_embedding_model_and_the_gpu_are_told_with_their_memory(self) -> None:
        model = {"name": "embeds", "loads": 1, "device": "a GPU", "bytes": 46_000_000}
        gpu = {"name": "a GPU", "free": 3_000_000_000, "total": 8_500_000_000}
        lines = described({**REPORT, "model": model, "gpu": gpu}, "").splitlines()
        self.assertIn("model      embeds, 46 MB on a GPU", lines)
        self.assertIn("gpu        a GPU, 3.0 of 8.5 GB free", lines)
        silent = gpu | {"free": None, "total": None}
        lines = described({**REPORT, "model": model | {"bytes": 0}, "gpu": silent}, "").splitlines()
        self.assertIn("model      embeds, on a GPU", lines)
        self.assertIn("gpu        a GPU", lines)
        self.assertNotIn("gpu", described({**REPORT, "gpu": None}, ""))

    def test_a_report_is_a_line_for_each_thing_and_each_reason(self) -> None:
        lines = described(REPORT, "http://127.0.0.1:9999").splitlines()
        self.assertIn("status     degraded", lines)
        self.assertIn("address    http://127.0.0.1:9999/mcp", lines)
        self.assertIn("process    pid 4711, version 1.2.3, up 1 h 2 min", lines)
        self.assertIn("sessions   3 live, 1 running, 2 streams", lines)
        self.assertIn("model      all-MiniLM-L6-v2, not loaded", lines)
        self.assertIn("waiting    0 calls, 7 vectors", lines)
        self.assertIn("self-test  text ok, vector no model", lines)
        self.assertEqual(lines[-1], "reason     there is no model; mnemo model fetch brings one")

    def test_vectors_are_counted_while_some_are_missing(self) -> None:
        for made, told in ((1234, ["vectors    1234 of 5678"]), (5678, [])):
            lines = described({**REPORT, "vectors": {"made": made, "of": 5678}}, "").splitlines()
            self.assertEqual([line for line in lines if line.startswith("vectors")], told)

    def test_the_model_that_answers_until_then_is_named(self) -> None:
        model = {"name": "newer", "device": "cpu", "meanwhile": "older-0a1b2c3d"}
        report = {**REPORT, "model": model, "vectors": {"made": 12, "of": 34}}
        told = "vectors    12 of 34; until then older-0a1b2c3d answers"
        self.assertIn(told, described(report, "").splitlines())

    def test_a_span_has_its_two_largest_units(self) -> None:
        spans = {0: "0 s", 59.9: "59 s", 60: "1 min", 3661: "1 h 1 min", 90061: "1 d 1 h"}
        self.assertEqual({seconds: span(seconds) for seconds in spans}, spans)
