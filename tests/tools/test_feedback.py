from tests.tools.room import AskedClient, ToolTestCase


class Feedback(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first = self.kept("the heron stands")
        self.second = self.kept("a heron flies")
        self.query_id = self.call("recall", query="heron")["query_id"]

    def test_the_net_effect_is_told(self) -> None:
        answer = self.call(
            "feedback", query_id=self.query_id, quality="helpful", memory_ids=[self.first]
        )
        self.assertEqual(
            answer["judged"],
            [{"id": self.first, "earlier": None, "salience_before": 0.7, "salience": 0.72}],
        )
        first, *rest = self.text(
            "feedback", query_id=self.query_id, quality="irrelevant"
        ).splitlines()
        self.assertEqual(first, "2 memories judged irrelevant; salience changed in 2.")
        self.assertEqual(set(rest), {f"{self.first}: 0.72 → 0.68", f"{self.second}: 0.70 → 0.68"})

    def test_the_same_again_changes_nothing(self) -> None:
        self.call("feedback", query_id=self.query_id, quality="helpful")
        again = self.call("feedback", query_id=self.query_id, quality="helpful")
        self.assertEqual([each["earlier"] for each in again["judged"]], ["helpful"] * 2)
        self.assertEqual([each["salience"] for each in again["judged"]], [0.72] * 2)

    def test_an_explanation_shows_it_once_however_often_it_was_said(self) -> None:
        before = self.prior(self.first)
        for _ in range(3):
            self.call(
                "feedback", query_id=self.query_id, quality="helpful", memory_ids=[self.first]
            )
        self.assertEqual((before, self.prior(self.first)), (0.7, 0.72))
        self.assertEqual(self.prior(self.second), 0.7)

    def prior(self, id: str) -> float:
        """What a memory's salience is in the explanation of its score."""
        found = self.call("recall", query="heron", explain=True)["memories"]
        (terms,) = (each["explanation"] for each in found if each["id"] == id)
        (raw,) = (term["raw"] for term in terms if term["name"] == "prior")
        return float(raw)

    def test_of_a_recall_that_brought_what_was_removed_the_rest_can_be_judged(self) -> None:
        for written in (False, True):
            self.client = AskedClient({"remove": True})
            gone = self.kept("a heron of another kind")
            query_id = self.call("recall", query="heron")["query_id"]
            if written:
                self.clock.advance(60)
            self.call("forget", memory_id=gone, hard=True)
            self.clock.advance(60)
            row = self.done(self.store.query(query_id))
            self.assertEqual((row.text, set(row.returned)), ("", {self.first, self.second}))
            judged = self.call("feedback", query_id=query_id, quality="helpful")["judged"]
            self.assertEqual({each["id"] for each in judged}, {self.first, self.second})

    def test_it_reorders_equals_and_no_more(self) -> None:
        one = self.kept("twin geese.")
        self.session = self.open_session("s2")
        other = self.kept("twin geese!")
        query_id = self.call("recall", query="twin geese")["query_id"]
        self.call("feedback", query_id=query_id, quality="helpful", memory_ids=[one])
        self.assertEqual(self.found("twin geese"), [one, other])
        self.call("feedback", query_id=query_id, quality="irrelevant", memory_ids=[one])
        self.assertEqual(self.found("twin geese"), [other, one])

    def test_without_a_query_id_the_memories_are_named(self) -> None:
        answer = self.call(
            "feedback", query="heron", quality="helpful", memory_ids=[self.first, "m404"]
        )
        self.assertEqual([each["id"] for each in answer["judged"]], [self.first])
        self.assertEqual(answer["unknown"], ["m404"])
        again = self.call("feedback", query="heron", quality="helpful", memory_ids=[self.first])
        self.assertEqual(again["judged"][0]["salience"], 0.72)

    def test_the_words_of_a_judgement_are_not_kept(self) -> None:
        for quality in ("helpful", "partial"):
            self.call(
                "feedback", query="zweibrücken", quality=quality,
                memory_ids=[self.first, self.second],
            )  # fmt: skip
        page = self.done(self.store.exchange.page("memory", None, None, 10))
        kept = [each for line in page.lines for each in line.feedback]
        self.assertEqual([each.quality for each in kept], ["partial"] * 2)
        self.assertEqual([each.query for each in kept if "zweibr" in each.query], [])

    def test_what_refers_to_nothing_is_refused(self) -> None:
        self.assertIn("q404", self.error("feedback", query_id="q404", quality="helpful"))
        self.assertIn("query_id", self.error("feedback", query="heron", quality="helpful"))
        self.assertIn("m404", self.error("feedback", quality="helpful", memory_ids=["m404"]))
        self.assertIn(
            "did not return m404",
            self.error("feedback", query_id=self.query_id, quality="helpful", memory_ids=["m404"]),
        )

    def test_quality_is_one_of_three(self) -> None:
        self.assertIn(
            'one of "helpful", "irrelevant", "partial"',
            self.error("feedback", query_id=self.query_id, quality="good"),
        )

    def test_a_recall_that_found_nothing_has_nothing_to_judge(self) -> None:
        query_id = self.call("recall", query="quarterly taxes")["query_id"]
        answer = self.call("feedback", query_id=query_id, quality="irrelevant")
        self.assertEqual(answer["judged"], [])
