from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment.coaching import DEEPEST, LONGEST, NONE, BadCoaching, read


class Reading(SynchronousTestCase):
    def refused(self, document: str) -> str:
        said = str(self.assertRaises(BadCoaching, read, document))
        self.assertNotIn("\n", said)
        return said

    def test_a_text_is_a_note(self) -> None:
        self.assertEqual(read("coaching: name the ticket").notes, ("name the ticket",))

    def test_lists_and_mappings_are_notes_behind_their_keys(self) -> None:
        document = """\
            coaching:
              vocabulary: '"the pond" is the staging server'
              summaries:
                - begin with the component
                - name: 3 tickets
            """
        self.assertEqual(
            read(document).notes,
            (
                'vocabulary: "the pond" is the staging server',
                "summaries: begin with the component",
                "summaries: name: 3 tickets",
            ),
        )

    def test_a_note_is_one_line_whatever_its_style(self) -> None:
        self.assertEqual(read("coaching: |\n  one\n\n  two\n").notes, ("one two",))

    def test_json_is_yaml(self) -> None:
        self.assertEqual(read('{"coaching": ["one", "two"]}').notes, ("one", "two"))

    def test_numbers_and_truths_stay_as_they_are_written(self) -> None:
        notes = read("coaching: [1.10, yes, 2024-03-05]").notes
        self.assertEqual(notes, ("1.10", "yes", "2024-03-05"))

    def test_an_empty_document_has_no_notes(self) -> None:
        for document in ("", " \n", "# nothing\n"):
            self.assertEqual(read(document), NONE)

    def test_what_is_wrong_is_said_with_its_line(self) -> None:
        for document, said in (
            ("coaching:\n  - a: b: c", "line 2, column 9: mapping values are not allowed here"),
            ("- a", "line 1, column 1: it is no mapping; accepted: a mapping with the key"),
            ("coach: x", "there is no key 'coach'"),
            ("coaching: x\nmore: y", "line 2, column 7: there is no key 'more'"),
            ("coaching: ~", "line 1, column 11: 'coaching' says nothing"),
            ("coaching: []", "says nothing"),
            ("{}", "the key 'coaching' is missing"),
            ("coaching:\n  a: 1\n  a: 2", "line 3, column 3: the key 'a' is there twice"),
            ("coaching: {[1]: 2}", "a key is no text"),
            ("coaching: x\n---\ncoaching: y", "line 2, column 1: a second document begins"),
            ("coaching: a\n  b: \x00", "line 2: special characters are not allowed"),
        ):
            self.assertIn(said, self.refused(document))

    def test_what_could_blow_up_is_refused(self) -> None:
        bomb = "coaching:\n  a: &a [x, x]\n  b: [*a, *a]"
        self.assertIn("line 2, column 6: anchors and aliases", self.refused(bomb))
        self.assertIn("tags are not accepted", self.refused("coaching: !!python/name:os.system x"))
        deep = "coaching: " + "[" * 1500
        self.assertIn(f"nested deeper than {DEEPEST} levels", self.refused(deep))
        self.assertIn(f"at most {LONGEST:,}", self.refused("#" * (LONGEST + 1)))

    def test_the_version_follows_the_notes_and_nothing_else(self) -> None:
        one = read("coaching: one").version
        self.assertEqual(one, read("# said today\ncoaching: 'one'").version)
        self.assertNotEqual(one, read("coaching: two").version)
        self.assertEqual(NONE.version, "")

    @given(st.text(max_size=200))
    def test_no_document_does_worse_than_be_refused(self, document: str) -> None:
        try:
            read(document)
        except BadCoaching as problem:
            self.assertNotIn("\n", str(problem))
