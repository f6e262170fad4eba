from mnemo.store.interfaces import UnknownMemory
from mnemo.store.records import Kept, Link, NewMemory
from mnemo.store.search import Filter
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import NOW, found, new


class Keeping(StoreTestCase):
    def keep(self, *memories: NewMemory, supersedes: str = "") -> list[Kept]:
        """Keep memories, all in one commit."""
        self.pools.writer.hold()
        kept = [self.store.keep(memory, supersedes) for memory in memories]
        self.pools.writer.release()
        return [result_of(each) for each in kept]

    def test_two_at_once_are_one_row(self) -> None:
        one, other = self.keep(new("m1", "the heron"), new("m2", "the heron \r\n"))
        self.assertEqual((one.memory.id, one.duplicate), ("m1", False))
        self.assertEqual((other.memory.id, other.duplicate), ("m1", True))
        self.assertEqual(self.ids(result_of(self.store.newest(Filter(now=NOW), 9))), ["m1"])

    def test_it_is_known_after_a_restart(self) -> None:
        self.keep(new("m1", "the heron"))
        self.reopen()
        self.assertTrue(self.keep(new("m2", "the heron"))[0].duplicate)

    def test_another_project_has_its_own(self) -> None:
        kept = self.keep(new("m1", "x"), new("m2", "x", project="q"))
        self.assertEqual([each.duplicate for each in kept], [False, False])

    def test_what_is_forgotten_does_not_count(self) -> None:
        self.keep(new("m1", "x"))
        result_of(self.store.archive(["m1"], True, NOW))
        self.assertFalse(self.keep(new("m2", "x"))[0].duplicate)

    def test_what_was_amended_counts_as_it_is_now(self) -> None:
        self.keep(new("m1", "x"))
        result_of(self.store.amend("m1", "y", NOW))
        kept = self.keep(new("m2", "x"), new("m3", "y"))
        self.assertEqual([each.memory.id for each in kept], ["m2", "m1"])

    def test_a_type_is_not_lost(self) -> None:
        kept = self.keep(
            new("m1", "x", type="general"),
            new("m2", "x", type="decision"),
            new("m3", "x", type="general"),
            new("m4", "x", type="decision"),
            new("m5", "x", type="handoff"),
            new("m6", "x", type="handoff"),
        )
        self.assertEqual([each.memory.id for each in kept], ["m1", "m2", "m1", "m2", "m5", "m6"])

    def test_its_links_and_concepts_go_to_the_one_that_is_there(self) -> None:
        self.keep(new("m1", "x", concepts=("a",)), new("m2", "y"))
        again = new("m3", "x", concepts=("b", "a"), links=(("m2", "caused_by"),))
        kept = self.keep(again)[0]
        self.assertEqual(kept.memory.concepts, ("a", "b"))
        self.assertEqual(result_of(self.store.links(["m1"]))["m1"], [Link("m2", "caused_by", True)])
        self.assertEqual(
            set(found(self.store, "x", wanted=Filter(now=NOW, concepts=("b",)))), {"m1"}
        )

    def test_what_is_superseded_is_linked_and_forgotten(self) -> None:
        self.keep(new("m1", "the port is ninety"))
        self.keep(new("m2", "the port is forty", created=NOW), supersedes="m1")
        self.assertEqual(set(found(self.store, "port")), {"m2"})
        self.assertTrue(self.one("m1").archived)
        links = result_of(self.store.links(["m2"]))["m2"]
        self.assertEqual(links, [Link("m1", "supersedes", True)])

    def test_nothing_is_kept_where_nothing_is_superseded(self) -> None:
        self.pools.writer.hold()
        kept = self.store.keep(new("m1", "x"), "m404")
        self.pools.writer.release()
        self.failureResultOf(kept, UnknownMemory)
        self.assertEqual(result_of(self.store.newest(Filter(now=NOW), 9)), [])

    def test_the_same_text_does_not_supersede_itself(self) -> None:
        self.keep(new("m1", "x"))
        kept = self.keep(new("m2", "x"), supersedes="m1")[0]
        self.assertTrue(kept.duplicate)
        self.assertFalse(self.one("m1").archived)
