from mnemo.memory.changes import WINDOW, Changed
from tests.memory.room import MemoryTestCase


class Telling(MemoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.told: list[Changed] = []
        self.memories.changes.tell = self.told.append

    def changed(self) -> Changed:
        """What has been told by now, all in one."""
        self.clock.advance(WINDOW)
        (told,) = self.told
        self.told.clear()
        return told

    def test_a_memory_changes_its_project_and_its_session(self) -> None:
        kept = self.remember("heron", project="p", session="s1")
        self.assertEqual(
            self.changed(),
            Changed(
                memories=frozenset({kept.id}),
                projects=frozenset({"p"}),
                sessions=frozenset({"s1"}),
                listing=True,
            ),
        )

    def test_what_happens_together_is_told_together(self) -> None:
        ids = {self.remember(f"heron {number}").id for number in range(50)}
        self.assertEqual(self.told, [])
        self.assertEqual(self.changed().memories, ids)
        self.clock.advance(10)
        self.assertEqual(self.told, [])

    def test_a_list_changes_by_a_new_project_and_by_a_handoff_alone(self) -> None:
        self.remember("one", project="p")
        self.assertTrue(self.changed().listing)
        self.remember("two", project="p")
        self.assertFalse(self.changed().listing)
        note = self.remember("the note", project="p", type="handoff")
        changed = self.changed()
        self.assertEqual((changed.listing, changed.handoffs), (True, {note.id}))

    def test_a_project_that_was_there_before_the_start_is_not_new(self) -> None:
        self.remember("one", project="p")
        self.memories.changes.stop()
        self.done(self.memories.start())
        self.memories.changes.tell = self.told.append
        self.remember("two", project="p")
        self.assertFalse(self.changed().listing)

    def test_every_way_to_change_a_memory_is_told(self) -> None:
        kept = self.remember("heron").id
        self.changed()
        remembering = self.memories.remembering
        for change in (
            lambda: remembering.amend(kept, "goose"),
            lambda: remembering.forget([kept]),
            lambda: remembering.restore([kept]),
            lambda: remembering.purge([kept]),
        ):
            self.done(change())
            changed = self.changed()
            self.assertEqual(changed.memories, {kept})
            self.assertEqual((changed.projects, changed.sessions), ({"p"}, {"s1"}))

    def test_feedback_is_a_change_where_it_has_an_effect(self) -> None:
        kept = self.remember("heron").id
        self.changed()
        query = self.done(self.store.query(self.recall("heron").query_id))
        self.done(self.memories.judging.judge(query, [], "helpful"))
        self.assertEqual(self.changed().memories, {kept})
        self.done(self.memories.judging.judge(query, [], "helpful"))
        self.clock.advance(WINDOW)
        self.assertEqual(self.told, [])

    def test_a_session_that_ends_is_a_change(self) -> None:
        self.memories.changes.session_ended("s9")
        self.assertEqual(self.changed(), Changed(sessions=frozenset({"s9"})))

    def test_nothing_is_told_after_the_end(self) -> None:
        self.remember("heron")
        self.memories.stop()
        self.clock.advance(WINDOW)
        self.assertEqual(self.told, [])
        self.remember("goose")
        self.assertEqual([call for call in self.clock.getDelayedCalls() if call.active()][1:], [])

    def test_who_cannot_be_told_is_told_the_next_time(self) -> None:
        def fail(changed: Changed) -> None:
            raise ZeroDivisionError

        self.memories.changes.tell = fail
        self.remember("one")
        self.clock.advance(WINDOW)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.memories.changes.tell = self.told.append
        self.remember("two")
        self.assertEqual(len(self.changed().memories), 1)


class PurgingAProject(MemoryTestCase):
    def purge(self, project: str) -> list[int]:
        async def work() -> list[int]:
            return [gone async for gone in self.memories.remembering.purge_project(project)]

        done: list[int] = self.done(work())
        return done

    def test_all_of_it_goes_and_nothing_else(self) -> None:
        kept = [self.remember(f"heron {number}", project="p").id for number in range(150)]
        self.done(self.memories.remembering.forget(kept[:10]))
        other = self.remember("heron", project="q").id
        self.assertEqual(self.purge("p"), [100, 150])
        self.assertEqual(self.done(self.store.get([*kept, other])), [self.known(other)])
        self.assertEqual(self.recalled("heron"), [other])
        self.assertEqual(self.purge("p"), [])

    def test_what_was_asked_of_it_goes_too(self) -> None:
        asked = self.recall("my secret", project="p").query_id
        other = self.recall("my secret", project="q").query_id
        self.purge("p")
        self.assertIsNone(self.done(self.store.query(asked)))
        self.assertIsNotNone(self.done(self.store.query(other)))
        self.clock.advance(60)
        asked = self.recall("my secret", project="q").query_id
        self.clock.advance(60)
        self.purge("q")
        self.assertIsNone(self.done(self.store.query(asked)))

    def test_a_project_that_comes_again_is_new(self) -> None:
        told: list[Changed] = []
        self.memories.changes.tell = told.append
        self.remember("one", project="p")
        self.purge("p")
        self.clock.advance(WINDOW)
        self.remember("two", project="p")
        self.clock.advance(WINDOW)
        self.assertTrue(all(each.listing for each in told))
        self.assertEqual(len(told), 2)
