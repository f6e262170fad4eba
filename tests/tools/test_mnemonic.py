"""Whoever comes from mnemonic finds its 25 tools with their parameters, and a page on them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.tools.room import ToolTestCase, ids

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mnemonic.md"

NEEDED: Final = object()
"""Stands for the default of a parameter that has none."""

TABLE: Final[dict[str, dict[str, Any]]] = {
    "remember": {
        "text": NEEDED,
        "source": "mcp",
        "type": "general",
        "project": None,
        "associate_with": None,
    },
    "recall": {
        "query": NEEDED,
        "limit": 5,
        "project": None,
        "concepts": None,
        "exclude_concepts": None,
        "source": None,
        "type": None,
        "types": None,
        "min_salience": 0,
        "state": None,
        "explain": False,
        "include_associations": False,
        "synthesize": False,
        "include_patterns": True,
        "include_abstractions": True,
        "format": "text",
    },
    "batch_recall": {"queries": NEEDED},
    "get_context": {"since_minutes": 10, "limit": 5, "format": "text"},
    "forget": {"memory_id": None, "memory_ids": None},
    "status": {},
    "recall_project": {
        "project": None,
        "query": None,
        "limit": 10,
        "source": None,
        "type": None,
        "min_salience": 0.7,
        "state": None,
        "format": "text",
    },
    "recall_timeline": {
        "hours_back": 24,
        "limit": 20,
        "source": None,
        "state": None,
        "min_salience": None,
        "format": "text",
    },
    "session_summary": {"session_id": None},
    "get_patterns": {"project": None, "limit": 10, "min_strength": 0.3},
    "get_insights": {"limit": 10},
    "feedback": {"query": NEEDED, "quality": NEEDED, "memory_ids": None, "query_id": None},
    "audit_encodings": {"limit": 5, "hours_back": 24, "source": None},
    "coach_local_llm": {"coaching_yaml": NEEDED},
    "ingest_project": {"directory": NEEDED, "project": None, "dry_run": False},
    "list_sessions": {"limit": 10, "days_back": 30},
    "recall_session": {"session_id": NEEDED, "limit": 20, "format": "text"},
    "exclude_path": {"pattern": NEEDED},
    "list_exclusions": {},
    "amend": {"corrected_content": NEEDED, "memory_id": None, "raw_id": None},
    "check_memory": {"raw_id": None, "memory_id": None},
    "dismiss_pattern": {"pattern_id": NEEDED},
    "dismiss_abstraction": {"abstraction_id": NEEDED},
    "create_handoff": {
        "completed": None,
        "pending": None,
        "to_test": None,
        "known_issues": None,
        "next_session_hint": None,
    },
    "train_model": {},
}

QUERY: Final = {
    "query": NEEDED,
    "limit": 5,
    "project": None,
    "source": None,
    "type": None,
    "min_salience": 0,
}
"""The parameters of each of C{batch_recall}'s queries."""

DIFFERENT: Final = {
    ("recall_project", "min_salience"): "what is known of a project is shown, not the best of it",
    ("feedback", "query"): "the query_id says more; needed only without it",
    ("session_summary", "session_id"): "'current' is the session that it had anyway",
}
"""Defaults that differ on purpose, and why."""

NOTHING: Final[tuple[Any, ...]] = (None, "", [], 0)
"""Defaults that say no more than that the parameter was left out."""


class Names(ToolTestCase):
    def test_every_tool_is_there(self) -> None:
        self.assertEqual(len(TABLE), 25)
        self.assertEqual(set(TABLE) - set(self.tools), set())

    def test_each_takes_the_same_parameters(self) -> None:
        for name in TABLE.keys() & self.tools.keys():
            known = self.tools[name].description.input_schema["properties"]
            self.assertEqual(TABLE[name].keys() - known.keys(), set(), name)

    def test_with_the_same_defaults_but_for_those_that_differ_on_purpose(self) -> None:
        for name in TABLE.keys() & self.tools.keys():
            schema = self.tools[name].description.input_schema
            for parameter, default in TABLE[name].items():
                if (name, parameter) not in DIFFERENT:
                    self.assert_default(schema, f"{name}.{parameter}", default)

    def test_the_queries_of_a_batch_are_the_same_too(self) -> None:
        schema = self.tools["batch_recall"].description.input_schema
        (item,) = schema["$defs"].values()
        self.assertEqual(QUERY.keys(), item["properties"].keys())
        for parameter, default in QUERY.items():
            self.assert_default(item, f"x.{parameter}", default)

    def assert_default(self, schema: Mapping[str, Any], where: str, default: Any) -> None:
        parameter = where.partition(".")[2]
        needed = parameter in schema.get("required", ())
        self.assertEqual(needed, default is NEEDED, where)
        if not needed:
            ours = schema["properties"][parameter].get("default")
            same = ours == default or (ours in NOTHING and default in NOTHING)
            self.assertTrue(same, f"{where}: {ours!r}, not {default!r}")

    def test_the_page_has_a_line_for_each_with_its_parameters(self) -> None:
        rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\|", PAGE.read_text(), re.MULTILINE)
        told = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}
        self.assertEqual(told, {name: set(known) for name, known in TABLE.items()})


class Mended(ToolTestCase):
    """What is said there and was not done."""

    def test_each_answer_of_a_batch_can_be_judged(self) -> None:
        kept = self.kept("the heron stands still")
        (found,) = self.call("batch_recall", queries=[{"query": "heron"}])["results"]
        judged = self.call("feedback", query_id=found["query_id"], quality="helpful")
        self.assertEqual([each["id"] for each in judged["judged"]], [kept])

    def test_the_salience_of_a_type_is_the_one_that_stays(self) -> None:
        for kind, salience in (
            ("general", 0.7),
            ("decision", 0.85),
            ("error", 0.8),
            ("insight", 0.9),
            ("learning", 0.8),
        ):
            answer = self.call("remember", text=f"a {kind}", type=kind)
            self.assertEqual(answer["salience"], salience)
            known = self.call("check_memory", memory_id=answer["id"])["memory"]
            self.assertEqual(known["salience"], salience)

    def test_a_link_to_nothing_is_refused_and_not_dropped(self) -> None:
        links = [{"memory_id": "m404", "relation": "caused_by"}]
        self.assertIn("m404", self.error("remember", text="x", associate_with=links))

    def test_concepts_and_what_is_excluded_are_heeded_by_every_memory(self) -> None:
        one = self.kept("heron one", concepts=["bird"])
        self.kept("heron two", concepts=["bird", "old"])
        self.kept("heron three")
        found = self.found("heron", concepts=["bird"], exclude_concepts=["old"])
        self.assertEqual(found, [one])

    def test_a_filter_starves_no_search(self) -> None:
        for number in range(100):
            self.kept(f"heron heron {number}", type="error")
        wanted = self.kept("one heron among many words of another kind", type="decision")
        self.assertEqual(self.found("heron", type="decision", limit=1), [wanted])

    def test_what_is_asked_of_a_session_is_of_that_session(self) -> None:
        kept = self.kept("mine")
        other = self.open_session("s2")
        self.session = other
        self.assertEqual(ids(self.call("recall_session", session_id="s1")), [kept])
        self.assertEqual(ids(self.call("recall_session", session_id="current")), [])
