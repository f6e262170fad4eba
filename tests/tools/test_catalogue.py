import json

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from twisted.internet.defer import Deferred, fail

from mnemo.store.interfaces import StoreError
from mnemo.tools.catalogue import TOOLS
from mnemo.tools.instructions import INSTRUCTIONS
from mnemo.tools.interfaces import CallContext
from tests.tools.room import ToolTestCase, text_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=5,
)


class Listing(ToolTestCase):
    """What every tool owes a client."""

    def test_the_tools_are_these_in_order_of_name(self) -> None:
        self.assertEqual(
            list(self.tools),
            [
                "activate_project",
                "amend",
                "audit_encodings",
                "batch_recall",
                "check_memory",
                "coach_local_llm",
                "create_handoff",
                "dismiss_abstraction",
                "dismiss_pattern",
                "exclude_path",
                "export",
                "feedback",
                "forget",
                "get_context",
                "get_insights",
                "get_patterns",
                "import_memories",
                "ingest_project",
                "link",
                "list_exclusions",
                "list_sessions",
                "pin",
                "purge_project",
                "recall",
                "recall_project",
                "recall_session",
                "recall_timeline",
                "remember",
                "session_summary",
                "status",
                "train_model",
            ],
        )
        self.assertEqual(len(TOOLS), len(self.tools))

    def test_both_schemas_are_objects_of_valid_json_schema(self) -> None:
        for tool in self.tools.values():
            for schema in (tool.description.input_schema, tool.description.output_schema):
                assert schema is not None
                Draft202012Validator.check_schema(schema)
                self.assertEqual(schema["type"], "object")

    def test_every_argument_says_what_it_is(self) -> None:
        for tool in self.tools.values():
            schema = tool.description.input_schema
            for part in (schema, *schema.get("$defs", {}).values()):
                for name, argument in part["properties"].items():
                    where = f"{tool.description.name}.{name}"
                    self.assertTrue(argument.get("description", "").endswith("."), where)

    def test_no_description_is_cut_by_a_client(self) -> None:
        for tool in self.tools.values():
            self.assertTrue(40 < len(tool.description.description) < 4096, tool.description.name)
        self.assertTrue(1000 < len(INSTRUCTIONS) < 4096)

    def test_the_instructions_name_only_tools_that_exist(self) -> None:
        for name in (
            "recall_project",
            "recall",
            "remember",
            "amend",
            "forget",
            "feedback",
            "create_handoff",
            "activate_project",
            "purge_project",
        ):
            self.assertIn(name, INSTRUCTIONS)
            self.assertIn(name, self.tools)

    def test_every_tool_has_a_title_and_a_closed_world(self) -> None:
        for tool in self.tools.values():
            hints = tool.description.annotations
            self.assertEqual(hints["title"], tool.description.title)
            self.assertIs(hints["openWorldHint"], False)

    def test_only_these_change_something(self) -> None:
        changing = {
            name
            for name, tool in self.tools.items()
            if not tool.description.annotations["readOnlyHint"]
        }
        self.assertEqual(
            changing,
            {
                "activate_project",
                "amend",
                "coach_local_llm",
                "create_handoff",
                "dismiss_abstraction",
                "dismiss_pattern",
                "exclude_path",
                "export",
                "feedback",
                "forget",
                "import_memories",
                "ingest_project",
                "link",
                "pin",
                "purge_project",
                "remember",
                "train_model",
            },
        )

    def test_only_these_can_destroy(self) -> None:
        destroying = [
            name
            for name, tool in self.tools.items()
            if tool.description.annotations["destructiveHint"]
        ]
        self.assertEqual(destroying, ["forget", "purge_project"])

    def test_only_what_can_take_long_may_be_a_task(self) -> None:
        tasks = {name: tool.description.task for name, tool in self.tools.items()}
        for name in (
            "export",
            "import_memories",
            "ingest_project",
            "purge_project",
            "train_model",
        ):
            self.assertEqual(tasks.pop(name), "optional")
        self.assertEqual(set(tasks.values()), {"forbidden"})

    def test_only_these_do_more_when_called_again(self) -> None:
        adding = [
            name
            for name, tool in self.tools.items()
            if not tool.description.annotations["idempotentHint"]
        ]
        self.assertEqual(adding, ["create_handoff", "export", "remember"])

    def test_the_handful_used_at_every_turn_is_always_loaded(self) -> None:
        loaded = [
            name
            for name, tool in self.tools.items()
            if tool.description.meta == {"anthropic/alwaysLoad": True}
        ]
        self.assertEqual(loaded, ["create_handoff", "recall", "recall_project", "remember"])


class Calling(ToolTestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from([tool.name for tool in TOOLS]), st.data())
    def test_no_arguments_do_worse_than_be_refused(self, name: str, data: st.DataObject) -> None:
        known = list(self.tools[name].description.input_schema["properties"])
        names = st.sampled_from(known) | st.text() if known else st.text()
        arguments = data.draw(st.dictionaries(names, json_values, max_size=5))
        result = self.done(self.tools[name].call(arguments, CallContext(self.session)))
        if not result.is_error:
            self.assertIsNotNone(result.structured)

    def test_an_unknown_argument_is_named_with_the_nearest_and_all_there_are(self) -> None:
        self.assertEqual(
            self.error("recall_session", session_id="current", limits=3),
            'recall_session: has no argument "limits" (did you mean "limit"?); '
            "accepted: session_id, limit, max_tokens, format",
        )

    def test_a_wrong_choice_is_answered_with_the_right_ones(self) -> None:
        self.assertEqual(
            self.error("remember", text="x", type="decison"),
            'remember: "type" was "decison" (did you mean "decision"?); '
            'accepted: one of "decision", "error", "general", "insight", "learning"',
        )

    def test_what_the_store_cannot_do_is_an_error_the_agent_can_read(self) -> None:
        self.patch(self.store, "get", lambda ids: fail(StoreError("the disk is full")))
        self.assertEqual(self.error("check_memory", memory_id="m1"), "the disk is full")

    def test_a_defect_is_not_taken_for_a_refusal(self) -> None:
        self.patch(self.store, "get", lambda ids: fail(ZeroDivisionError()))
        call = self.tools["check_memory"].call({"memory_id": "m1"}, CallContext(self.session))
        self.failureResultOf(Deferred.fromCoroutine(call), ZeroDivisionError)

    def test_json_is_the_structured_content_as_text(self) -> None:
        self.kept("the heron stands still")
        result = self.result("recall_timeline", format="json")
        self.assertEqual(json.loads(text_of(result)), result.structured)
