from tests.tools.room import ToolTestCase, ids

OLDER = "the daemon of the house listens on port 9999"
NEWER = "the daemon of the house listens on port 8080"


class Differing(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.older = self.kept(OLDER)
        self.clock.advance(60)
        self.newer = self.kept(NEWER)

    def test_the_newer_comes_first_with_the_older_beside_it(self) -> None:
        answer = self.call("recall", query="daemon port 9999")
        self.assertEqual(ids(answer), [self.newer, self.older])
        first, second = answer["memories"]
        self.assertEqual(
            first["differs_from"],
            [
                {
                    "memory_id": self.older,
                    "newer": False,
                    "at": "2023-11-14T22:13:20Z",
                    "differences": ["8080 → 9999"],
                    "text": OLDER,
                }
            ],
        )
        self.assertTrue(second["differs_from"][0]["newer"])
        self.assertIn(
            f"differs from {self.older} (older, 2023-11-14T22:13:20Z): 8080 → 9999; "
            f"it says: {OLDER}",
            self.text("recall", query="daemon port 9999"),
        )

    def test_one_that_did_not_fit_in_is_shown_beside_the_other(self) -> None:
        (memory,) = self.call("recall", query="daemon port", limit=1)["memories"]
        (other,) = memory["differs_from"]
        self.assertEqual({memory["id"], other["memory_id"]}, {self.newer, self.older})

    def test_what_was_settled_differs_no_more(self) -> None:
        self.call("amend", memory_id=self.older, corrected_content="geese fly south in autumn")
        (memory,) = self.call("recall", query="daemon port")["memories"]
        self.assertNotIn("differs_from", memory)

    def test_what_is_forgotten_is_not_shown(self) -> None:
        self.call("forget", memory_id=self.older)
        (memory,) = self.call("recall", query="daemon port")["memories"]
        self.assertNotIn("differs_from", memory)


class AsOf(ToolTestCase):
    def test_a_recall_answers_as_of_a_moment(self) -> None:
        kept = self.kept("the heron stands")
        self.clock.advance(86400)
        self.call("amend", memory_id=kept, corrected_content="the heron flies")
        other = self.kept("a goose and a heron")
        self.clock.advance(86400)
        self.call("forget", memory_id=kept)
        (memory,) = self.call("recall", query="heron", as_of="2023-11-14")["memories"]
        self.assertEqual(
            (memory["id"], memory["text"], memory["version"]), (kept, "the heron stands", 1)
        )
        answer = self.call("recall", query="heron", as_of="2023-11-15")
        self.assertEqual(set(ids(answer)), {kept, other})
        self.assertEqual(self.found("heron"), [other])
        self.assertEqual(self.found("heron", as_of="2023-11-13"), [])

    def test_the_end_of_today_is_now(self) -> None:
        kept = self.kept("the heron stands")
        self.assertEqual(self.found("heron", as_of="2023-11-14"), [kept])
        self.assertEqual(self.found("heron", as_of=0), [kept])

    def test_a_moment_that_cannot_be_read_is_refused(self) -> None:
        self.assertIn('"as_of"', self.error("recall", query="x", as_of="yesterday-ish"))
