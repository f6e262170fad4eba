from tests.tools.room import ToolTestCase


class Remembering(ToolTestCase):
    def test_the_answer_says_what_was_kept_and_where(self) -> None:
        answer = self.call("remember", text="we use tantivy", type="decision", concepts=["search"])
        self.assertEqual(
            answer,
            {
                "id": "m1",
                "type": "decision",
                "project": "mnemo",
                "source": "mcp",
                "salience": 0.85,
                "session_id": "s1",
                "created_at": "2023-11-14T22:13:20Z",
                "concepts": ["search"],
                "associations": 0,
            },
        )
        self.assertEqual(
            self.text("remember", text="two"),
            "Remembered as m2 (general, mnemo, salience 0.70). It can be recalled from now on.",
        )

    def test_the_session_s_project_is_the_default(self) -> None:
        self.assertEqual(self.call("remember", text="x")["project"], "mnemo")
        self.assertEqual(self.call("remember", text="x", project=" other ")["project"], "other")
        self.assertEqual(self.call("remember", text="x", project="/a/place")["project"], "place")

    def test_without_any_project_it_belongs_to_none(self) -> None:
        self.session = self.open_session("s2", project="")
        self.assertEqual(self.call("remember", text="x")["project"], "")
        self.assertIn("no project", self.text("remember", text="y"))

    def test_all_projects_is_not_one(self) -> None:
        self.assertIn("name it", self.error("remember", text="x", project="*"))
        self.assertIn("names no project", self.error("remember", text="x", project="/"))

    def test_it_is_linked_to_what_it_relates_to(self) -> None:
        first = self.kept("cause")
        answer = self.call(
            "remember",
            text="effect",
            associate_with=[{"memory_id": first, "relation": "caused_by"}, {"memory_id": first}],
        )
        self.assertEqual(answer["associations"], 2)
        links = self.call("check_memory", memory_id=answer["id"])["associations"]
        self.assertEqual({link["relation"] for link in links}, {"caused_by", "similar"})

    def test_a_link_to_nothing_is_refused_by_name(self) -> None:
        said = self.error("remember", text="x", associate_with=[{"memory_id": "m404"}])
        self.assertIn("m404", said)

    def test_handoffs_have_a_tool_of_their_own(self) -> None:
        self.assertIn('"type" was "handoff"', self.error("remember", text="x", type="handoff"))

    def test_blank_and_endless_texts_are_refused(self) -> None:
        self.assertIn("1 to 1,048,576 characters", self.error("remember", text=""))
        self.assertIn("blank", self.error("remember", text=" \n "))
        self.assertIn("characters", self.error("remember", text="x" * (2**20 + 1)))
        self.assertIn("bytes", self.error("remember", text="é" * 2**20))
        self.kept("x" * 2**20)

    def test_the_same_again_answers_the_one_that_is_there(self) -> None:
        self.assertNotIn("duplicate", self.call("remember", text="the heron"))
        again = self.call("remember", text="the heron\n")
        self.assertEqual((again["id"], again["duplicate"]), ("m1", True))
        self.assertEqual(
            self.text("remember", text="the heron"),
            "Remembered already, in the same words, as m1 (general, mnemo, salience 0.70).",
        )

    def test_secrets_and_private_passages_are_left_out_and_counted(self) -> None:
        secret = "AKIA" + "Q7" * 8
        text = f"use {secret} and {secret}, <private>but not here</private> password='hunter2!'"
        answer = self.call("remember", text=text)
        self.assertEqual(answer["secrets"], {"aws access key": 2, "password": 1})
        self.assertEqual(answer["private"], 1)
        self.assertEqual(
            self.known(answer["id"]).text,
            "use [secret: aws access key] and [secret: aws access key], [private] "
            "password='[secret: password]'",
        )
        self.assertIn(
            "3 secrets found and not stored, a mark stands there instead: 2 aws access key, "
            "1 password. 1 private passage not stored.",
            self.text("remember", text=f"again {text}"),
        )
        self.assertIn("private", self.error("remember", text="<private>x"))

    def test_handoffs_and_amendments_are_looked_through_too(self) -> None:
        secret = "AKIA" + "Q7" * 8
        answer = self.call("create_handoff", pending=[f"rotate {secret}"])
        self.assertEqual(answer["secrets"], {"aws access key": 1})
        self.assertNotIn(secret, self.known(answer["id"]).text)
        amended = self.call("amend", memory_id=answer["id"], corrected_content=f"no {secret}")
        self.assertEqual(amended["secrets"], {"aws access key": 1})
        self.assertIn(
            "1 secret found",
            self.text("amend", memory_id=answer["id"], corrected_content=f"none {secret}"),
        )

    def test_it_can_supersede_another(self) -> None:
        old = self.kept("the port is ninety")
        answer = self.call("remember", text="the port is forty", supersedes=old)
        self.assertEqual(answer["supersedes"], old)
        self.assertEqual(self.found("port"), [answer["id"]])
        self.assertIn(
            f"replaces {answer['id']}", self.text("remember", text="x", supersedes=answer["id"])
        )
        self.assertIn("m404", self.error("remember", text="y", supersedes="m404"))

    def test_what_it_acknowledged_the_next_recall_finds(self) -> None:
        self.embedder.hold()
        self.assertEqual(self.kept("the heron stands still"), "m1")
        self.embedder.take_model_away()
        self.assertEqual(self.found("heron"), ["m1"])


class Amending(ToolTestCase):
    def test_the_new_text_is_found_by_its_words_and_its_meaning(self) -> None:
        kept = self.kept("the port is ninety")
        memory = self.call("amend", memory_id=kept, corrected_content="the socket is forty")
        self.assertEqual(memory["memory"]["version"], 2)
        self.assertEqual(memory["memory"]["text"], "the socket is forty")
        self.assertEqual(self.found("socket"), [kept])
        self.assertEqual(self.found("port ninety"), [])
        self.assertTrue(self.call("check_memory", memory_id=kept)["meaning_searchable"])

    def test_raw_id_is_the_same_as_memory_id(self) -> None:
        kept = self.kept("one")
        self.call("amend", raw_id=kept, corrected_content="two")
        self.assertEqual(self.known(kept).text, "two")

    def test_exactly_one_memory_is_needed(self) -> None:
        self.assertIn("memory_id", self.error("amend", corrected_content="x"))
        self.assertIn(
            "exactly one", self.error("amend", memory_id="a", raw_id="b", corrected_content="x")
        )

    def test_an_unknown_memory_is_refused_by_name(self) -> None:
        self.assertIn("m404", self.error("amend", memory_id="m404", corrected_content="x"))

    def test_it_says_what_became_of_the_earlier_text(self) -> None:
        kept = self.kept("one")
        self.assertEqual(
            self.text("amend", memory_id=kept, corrected_content="one"),
            "m1 has version 1; the text was the same.",
        )
        self.assertEqual(
            self.text("amend", memory_id=kept, corrected_content="two"),
            "m1 has version 2 now; the earlier text is kept.",
        )

    def test_a_forgotten_memory_stays_forgotten(self) -> None:
        kept = self.kept("heron")
        self.call("forget", memory_id=kept)
        said = self.text("amend", memory_id=kept, corrected_content="goose")
        self.assertIn("forgotten", said)
        self.assertEqual(self.found("goose"), [])
