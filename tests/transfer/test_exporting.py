"""Everything that is kept, written out and read in again."""

import contextlib
import json
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.memories import Memories
from mnemo.memory.remember import Unfit
from mnemo.store.exchange import FileRead, Imported, Piece
from mnemo.store.records import NEVER, NewMemory, QueryRow, Version
from mnemo.store.sessions import SessionRow
from mnemo.transfer.exporting import CannotExport, Exported, Form
from mnemo.transfer.importing import Outcome
from mnemo.transfer.names import BadName
from mnemo.transfer.transfer import Transfer
from tests.inference.fakes import FakeEmbedder
from tests.store.inline import open_store, result_of
from tests.transfer.room import TransferTestCase, here


class ExportTestCase(TransferTestCase):
    def export(self, form: Form = "jsonl", project: str | None = None, name: str = "x") -> Exported:
        work = self.transfer.exporting.export(
            project, form, name, lambda *told: self.told.append(told)
        )
        exported: Exported = self.done(work)
        return exported

    def lines(self, **asked: Any) -> list[dict[str, Any]]:
        path = self.export(**asked).path
        return [json.loads(line) for line in path.read_text().splitlines()]


class Lines(ExportTestCase):
    def test_a_header_says_what_it_is(self) -> None:
        self.assertEqual(self.lines(), [{"mnemo": "export", "format": 1, "project": None}])

    def test_a_memory_has_all_that_belongs_to_it(self) -> None:
        memory = self.remember("one", concepts=["a"])
        self.done(self.memories.remembering.amend(memory.id, "two"))
        self.store.record_query(QueryRow("q9", "what?", "s1", "p", (memory.id,), 1.0))
        self.done(self.store.record_feedback("q9", [memory.id], "helpful", 2.0))
        _, line, query = self.lines()
        self.assertEqual((line["line"], line["id"], line["version"]), ("memory", memory.id, 2))
        self.assertEqual(line["text"], "two")
        self.assertEqual(line["versions"][0]["text"], "one")
        self.assertEqual(line["feedback"], [{"query": "q9", "quality": "helpful", "at": 2.0}])
        self.assertEqual((query["line"], query["text"]), ("query", "what?"))

    def test_one_project_has_what_belongs_to_it_and_no_more(self) -> None:
        first = self.remember("one", project="pond")
        other = self.remember("two", project="lake")
        self.remember("three", project="pond", links=[(other.id, "similar"), (first.id, "similar")])
        self.done(self.store.exchange.exclude("*.log", 1.0))
        lines = self.lines(project="pond")
        self.assertEqual([line.get("line") for line in lines], [None, "memory", "memory", "link"])
        self.assertEqual(lines[0]["project"], "pond")

    def test_nothing_is_written_over_and_no_name_leads_out(self) -> None:
        first = self.export().path.read_bytes()
        export = self.transfer.exporting.export
        self.assertIn("already", self.refused(CannotExport, export(None, "jsonl", "x", self.deaf)))
        for name in ("../x", "/etc/x", "a//b"):
            self.refused(BadName, export(None, "jsonl", name, self.deaf))
        (self.home / "exports" / "out").symlink_to(self.folder)
        self.refused(CannotExport, export(None, "jsonl", "out/x", self.deaf))
        self.assertEqual((self.home / "exports" / "x.jsonl").read_bytes(), first)
        self.assertEqual([each.name for each in self.folder.iterdir()], [".git"])

    def test_only_the_user_may_read_it(self) -> None:
        path = self.export().path
        self.assertEqual((path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777),
                         (0o600, 0o700))  # fmt: skip

    def test_without_a_name_it_has_the_project_and_the_time(self) -> None:
        exported = self.export(project="Pond & Co", name="")
        self.assertEqual(exported.path.name, "pond-co-20231114T221320Z.jsonl")

    def test_one_that_is_broken_off_leaves_nothing(self) -> None:
        def stop(done: int, total: int, message: str) -> None:
            raise KeyboardInterrupt

        for form in ("jsonl", "markdown"):
            work = self.transfer.exporting.export(None, form, "y", stop)
            self.assertRaises(KeyboardInterrupt, work.send, None)
        self.assertEqual(list((self.home / "exports").iterdir()), [])

    def test_bad_lines_are_named_and_the_others_kept(self) -> None:
        self.remember("one")
        self.remember("two")
        path = self.export().path
        header, one, two = path.read_text().splitlines()
        broken = json.loads(one) | {"id": "mz", "salience": "high"}
        link = {"line": "link", "source": "mz", "target": "m1", "relation": "similar"}
        bad = [json.dumps(broken), "{", '"x"', '{"line": "x"}', json.dumps(link)]
        path.write_text("\n".join([header, *bad, "", two.replace('"m2"', '"m9"')]))
        outcome: Outcome = self.done(
            self.transfer.importing.take(str(path), None, "", False, self.deaf)
        )
        self.assertEqual((outcome.system, outcome.added), ("mnemo", 1))
        self.assertEqual(
            [(each.where, each.why[:24]) for each in outcome.bad],
            [
                ("line 2", "Expected `float`, got `s"),
                ("line 3", "Expecting property name "),
                ("line 4", "it is no object"),
                ("line 5", "its \"line\" is 'x'; there"),
                ("line 6", "it links mz and m1; one "),
            ],
        )

    def test_a_later_form_is_refused(self) -> None:
        path = self.write("a.jsonl", '{"mnemo": "export", "format": 2}\n{}\n')
        outcome: Outcome = self.done(
            self.transfer.importing.take(str(path), None, "", False, self.deaf)
        )
        self.assertEqual([each.why for each in outcome.bad],
                         ["it is of format 2; this mnemo reads 1"])  # fmt: skip

    def deaf(self, done: int, total: int, message: str) -> None:
        """Nobody wants to know."""


class Mirror(ExportTestCase):
    def test_it_is_not_taken_in_again_in_other_words(self) -> None:
        self.remember("The heron stands")
        mirror = str(self.export("markdown").path)
        take = self.transfer.importing.take
        outcome: Outcome = self.done(take(mirror, None, "", False, lambda *_: None))
        self.assertEqual((outcome.added, len(self.all_memories())), (0, 1))
        self.assertIn("import its jsonl", outcome.bad[0].why)

    def test_each_memory_is_a_file_that_names_those_it_is_linked_with(self) -> None:
        first = self.remember("The heron stands", type="decision", project="Pond")
        second = self.remember(
            "It has two legs", project="", links=[(first.id, "part_of")], concepts=["a: b"]
        )
        self.done(self.memories.remembering.amend(second.id, "It has three legs\n---\nor two"))
        exported = self.export("markdown")
        self.assertEqual(
            sorted(str(path.relative_to(exported.path)) for path in exported.path.rglob("*.md")),
            [
                f"no-project/general/it-has-three-legs-{second.id}.md",
                f"pond/decision/the-heron-stands-{first.id}.md",
            ],
        )
        text = (exported.path / f"no-project/general/it-has-three-legs-{second.id}.md").read_text()
        self.assertIn('concepts: ["a: b"]\n---\n\nIt has three legs\n---\nor two\n\n', text)
        self.assertIn(f"- part_of → mem:pond/decision/the-heron-stands-{first.id}\n", text)
        self.assertIn(
            "## Version 1, 2023-11-14T22:13:20Z to 2023-11-14T22:13:20Z\n\nIt has two", text
        )
        other = (exported.path / f"pond/decision/the-heron-stands-{first.id}.md").read_text()
        self.assertIn(f"- ← part_of mem:no-project/general/it-has-three-legs-{second.id}", other)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
IDS = st.integers(0, 20)
TIMES = st.floats(0, 4e9, allow_nan=False)
PROJECTS = st.sampled_from(["", "pond", "lake"])
RELATIONS = st.sampled_from(["similar", "caused_by", "part_of", "contradicts"])
TYPES = st.sampled_from(["decision", "error", "insight", "learning", "general", "handoff"])

STEPS = st.one_of(
    st.tuples(st.just("remember"), TEXTS, TYPES, PROJECTS, st.lists(TEXTS, max_size=2)),
    st.tuples(st.just("link"), IDS, IDS, RELATIONS),
    st.tuples(st.just("amend"), IDS, TEXTS),
    st.tuples(st.sampled_from(["forget", "restore", "purge"]), IDS),
    st.tuples(st.just("judge"), IDS, TEXTS, st.sampled_from(["helpful", "partial", "irrelevant"])),
    st.tuples(st.just("ask"), TEXTS, PROJECTS, IDS),
    st.tuples(st.just("session"), TEXTS, PROJECTS, TIMES, st.booleans()),
    st.tuples(st.sampled_from(["exclude", "coach"]), TEXTS),
    st.tuples(st.just("file"), PROJECTS, st.sampled_from(["/a", "/b/c"]), st.integers(0, 3)),
    st.tuples(st.just("import"), TEXTS, TIMES, st.lists(TEXTS, max_size=2), st.booleans()),
)


class _Home:
    """A store that lives as long as an example."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="mnemo-"))
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.store = open_store(self.path / "store", self.clock)
        numbers = count(1)
        self.memories = Memories(
            self.store, FakeEmbedder(), self.clock, lambda kind: f"{kind}{next(numbers)}"
        )
        result_of(self.memories.start())
        self.transfer = Transfer(self.memories, self.path, here)
        self.ids: list[str] = []

    def done(self, work: Any) -> Any:
        return result_of(work if isinstance(work, Deferred) else Deferred.fromCoroutine(work))

    def close(self) -> None:
        self.memories.stop()
        result_of(self.store.stop())
        shutil.rmtree(self.path)

    def exported(self) -> bytes:
        made = self.done(self.transfer.exporting.export(None, "jsonl", "", lambda *_: None))
        content: bytes = made.path.read_bytes()
        made.path.unlink()
        return content

    def take(self, content: bytes, *, dry_run: bool = False) -> Outcome:
        file = self.path / "file"
        file.write_bytes(content)
        outcome: Outcome = self.done(
            self.transfer.importing.take(str(file), None, "", dry_run, lambda *_: None)
        )
        return outcome

    def id(self, number: int) -> str:
        return self.ids[number % len(self.ids)] if self.ids else "none"

    def step(self, name: str, *given: Any) -> None:
        """Do something; what the store refuses is not done."""
        self.clock.advance(1)
        with contextlib.suppress(Unfit):
            getattr(self, f"_{name}")(*given)

    def _remember(self, text: str, type: Any, project: str, concepts: list[str]) -> None:
        memory = self.done(
            self.memories.remembering.remember(
                text, type=type, source="mcp", project=project, session="s", concepts=concepts
            )
        )
        self.ids.append(getattr(memory, "memory", memory).id)

    def _link(self, first: int, second: int, relation: Any) -> None:
        if self.known(first) and self.known(second):
            new = self._new("linked", 5.0, [])
            new = NewMemory(**{**_fields(new), "links": ((self.id(first), relation),)})
            self.done(self.store.add(new))
            self.ids.append(new.id)

    def _amend(self, number: int, text: str) -> None:
        if self.known(number):
            self.done(self.memories.remembering.amend(self.id(number), text))

    def _forget(self, number: int) -> None:
        self.done(self.memories.remembering.forget([self.id(number)]))

    def _restore(self, number: int) -> None:
        self.done(self.memories.remembering.restore([self.id(number)]))

    def _purge(self, number: int) -> None:
        self.done(self.memories.remembering.purge([self.id(number)]))

    def _judge(self, number: int, query: str, quality: Any) -> None:
        self.done(self.store.record_feedback(query, [self.id(number)], quality, 3.5))

    def _ask(self, text: str, project: str, number: int) -> None:
        at = self.clock.seconds()
        self.store.record_query(QueryRow(f"q{at}", text, "s", project, (self.id(number),), at))

    def _session(self, id: str, project: str, created: float, live: bool) -> None:
        row = SessionRow(id, "mcp", "v", "c", "1", "local", project, {"b": 1, "a": {}}, "",
                         created, created, None if live else created + 1, "", 0,
                         frozenset({"mnemo://b", "mnemo://a"}), live)  # fmt: skip
        self.done(self.store.sessions.save(row))

    def _exclude(self, pattern: str) -> None:
        self.done(self.store.exchange.exclude(pattern, self.clock.seconds()))

    def _coach(self, document: str) -> None:
        self.done(self.store.jobs.use_coaching(document))

    def _file(self, project: str, path: str, pieces: int) -> None:
        made = [Piece(f"h{each}", self._new(f"{path} {each}", 1.0, [])) for each in range(pieces)]
        for each in made:
            assert isinstance(each.memory, NewMemory)
            self.ids.append(each.memory.id)
        read = FileRead(project, path, "hash", self.clock.seconds(), tuple(made))
        self.done(self.store.exchange.read(read))

    def _import(self, text: str, at: float, earlier: list[str], archived: bool) -> None:
        past = tuple(Version(number, each, at, at) for number, each in enumerate(earlier, 1))
        new = self._new(text, at, ["c"])
        batch = [Imported(f"k:{text}", new, at, at if archived else None, past)]
        added = self.done(self.store.exchange.add_imports(batch))
        self.ids += [each.id for each in added]

    def _new(self, text: str, at: float, concepts: list[str]) -> NewMemory:
        made = self.memories.make_id("m")
        return NewMemory(made, text, "general", "x", "pond", "", 0.5, NEVER, at, tuple(concepts))

    def known(self, number: int) -> bool:
        return bool(self.done(self.store.get([self.id(number)])))


def _fields(new: NewMemory) -> dict[str, Any]:
    return {name: getattr(new, name) for name in NewMemory.__match_args__}


class ThereAndBack(SynchronousTestCase):
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, max_size=20))
    def test_an_export_taken_into_an_empty_home_exports_the_same(self, steps: list[Any]) -> None:
        first, second = _Home(), _Home()
        try:
            for name, *given_ in steps:
                first.step(name, *given_)
            exported = first.exported()
            dry = second.take(exported, dry_run=True)
            outcome = second.take(exported)
            self.assertEqual((dry.added, dry.links), (outcome.added, outcome.links))
            self.assertEqual(outcome.bad, [])
            self.assertEqual(second.exported(), exported)
            again = second.take(exported)
            self.assertEqual((again.added, again.bad), (0, []))
            self.assertEqual(again.known, outcome.added)
            self.assertEqual(second.take(exported, dry_run=True).links, 0)
            self.assertEqual(second.exported(), exported)
        finally:
            first.close()
            second.close()
