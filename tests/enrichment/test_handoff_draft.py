"""What a draft of a handoff says."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment.handoff_draft import ENTRIES, LONGEST, draft_of
from mnemo.store.drafts import Draft
from mnemo.store.records import NEVER, Memory

HEADINGS = {"Open:", "Decided:", "Problems:", "Found out:", "Also remembered:"}


def memory(number: int, text: str, **changes: Any) -> Memory:
    fields: dict[str, Any] = {
        "key": number, "id": f"m{number}", "version": 1, "text": text, "type": "general",
        "source": "mcp", "project": "p", "session": "s", "salience": 0.7, "fades": NEVER,
        "created": float(number), "updated": float(number), "archived": False, "embedded": False,
    }  # fmt: skip
    return Memory(**fields | changes)


def made(*memories: Memory) -> Draft:
    draft = draft_of("s", "p", memories)
    assert draft is not None
    return draft


class Drafting(SynchronousTestCase):
    def test_nothing_remembered_is_no_draft(self) -> None:
        self.assertIsNone(draft_of("s", "p", []))

    def test_each_type_has_its_heading_and_the_newest_comes_first(self) -> None:
        draft = made(
            memory(1, "We chose SQLite.", type="decision"),
            memory(2, "The index broke.", type="error"),
            memory(3, "FTS is slow.", type="insight"),
            memory(4, "We chose tantivy.", type="decision"),
            memory(5, "The office is closed."),
        )
        self.assertEqual(
            draft.text.splitlines(),
            [
                "Decided:", "- We chose tantivy. [m4]", "- We chose SQLite. [m1]", "",
                "Problems:", "- The index broke. [m2]", "",
                "Found out:", "- FTS is slow. [m3]", "",
                "Also remembered:", "- The office is closed. [m5]",
            ],
        )  # fmt: skip
        self.assertEqual(draft.sources, ("m4", "m1", "m2", "m3", "m5"))
        self.assertEqual(draft.at, 5.0)

    def test_what_is_left_to_do_comes_first_and_once(self) -> None:
        draft = made(
            memory(1, "The parser works. Still to do: the printer.", type="learning"),
            memory(2, "TODO: raise the limit."),
        )
        self.assertEqual(
            draft.text.splitlines(),
            [
                "Open:", "- TODO: raise the limit. [m2]", "- Still to do: the printer. [m1]", "",
                "Found out:", "- The parser works. [m1]",
            ],
        )  # fmt: skip

    def test_of_a_long_memory_the_most_central_sentences_are_said(self) -> None:
        text = "The lexer cuts tokens. " + "Unrelated words stand here and there. " * 3
        text += "\n".join(f"Line {number} of the log says nothing." for number in range(50))
        (_, entry) = made(memory(1, text)).text.splitlines()
        self.assertLess(len(entry), 320)

    def test_it_is_the_same_made_again(self) -> None:
        memories = [memory(number, f"Fact {number} holds.") for number in range(30)]
        self.assertEqual(made(*memories), made(*memories))

    def test_a_heading_has_no_more_entries_than_somebody_reads(self) -> None:
        draft = made(*(memory(number, f"Fact {number} holds.") for number in range(30)))
        self.assertEqual(len(draft.text.splitlines()), 1 + ENTRIES)
        self.assertEqual(draft.sources[0], "m29")

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.text(min_size=1, max_size=400).filter(str.strip),
                st.sampled_from(["decision", "error", "insight", "learning", "general"]),
            ),
            min_size=1,
            max_size=12,
        )
    )
    def test_every_word_of_an_entry_stands_in_the_memory_that_it_names(
        self, said: list[tuple[str, str]]
    ) -> None:
        memories = [memory(n, text, type=kind) for n, (text, kind) in enumerate(said)]
        texts = {each.id: " ".join(each.text.split()) for each in memories}
        draft = draft_of("s", "p", memories)
        if draft is None:
            return
        self.assertLessEqual(len(draft.text), LONGEST + 200)
        for line in draft.text.split("\n"):
            if not line or line in HEADINGS:
                continue
            entry = re.fullmatch(r"- (.*) \[(m\d+)\]", line)
            assert entry is not None, line
            for word in entry[1].split():
                self.assertIn(word, texts[entry[2]])
