"""The server: who it says it is, what it answers, and how its lists change."""

from collections.abc import Mapping
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import versions
from mnemo.mcp.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_CAPABILITY,
    ProtocolError,
)
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.server import Server
from mnemo.mcp.subscriptions import Wants
from mnemo.sessions.interfaces import Session, SessionLimit
from mnemo.tools.interfaces import CallContext, MissingCapability, TemplateDescription, ToolError
from tests.mcp.fakes import (
    LATEST_LEGACY,
    MODERN,
    SESSION,
    EchoTool,
    FakePrompt,
    FakeResources,
    FakeSessions,
    answered,
    described,
    done,
    greeting,
    make_server,
    refused,
)


def furnished(**more: Any) -> Server:
    """A server with something of everything."""
    resources = FakeResources({"test://a": "A"}, [TemplateDescription("test://{id}", "any")])
    return make_server(prompts=[FakePrompt()], resources=[resources], **more)


class CapabilityTests(SynchronousTestCase):
    def test_only_what_is_there_is_declared(self) -> None:
        for version in versions.LEGACY:
            self.assertEqual(make_server().capabilities(version), {"tools": {}, "logging": {}})
        self.assertEqual(make_server().capabilities(MODERN), {"tools": {}})

    def test_prompts_and_resources_can_be_completed_in(self) -> None:
        declared = {
            "tools": {},
            "prompts": {},
            "resources": {"subscribe": True},
            "completions": {},
        }
        self.assertEqual(furnished().capabilities(MODERN), declared)
        for version in versions.LEGACY[1:]:
            self.assertEqual(furnished().capabilities(version), {**declared, "logging": {}})

    def test_the_first_revision_has_no_such_capability(self) -> None:
        self.assertNotIn("completions", furnished().capabilities("2024-11-05"))

    def test_prompts_alone_and_resources_alone_are_declared_alone(self) -> None:
        prompts = make_server(prompts=[FakePrompt()]).capabilities(MODERN)
        self.assertEqual(set(prompts), {"tools", "prompts", "completions"})
        resources = make_server(resources=[FakeResources()]).capabilities(MODERN)
        self.assertEqual(set(resources), {"tools", "resources", "completions"})

    def test_lists_that_may_change_say_so_even_while_they_are_empty(self) -> None:
        server = make_server(dynamic=frozenset({"tools", "prompts", "resources"}))
        declared = server.capabilities(MODERN)
        self.assertEqual(declared["tools"], {"listChanged": True})
        self.assertEqual(declared["prompts"], {"listChanged": True})

    def test_only_clients_with_sessions_are_promised_news_of_the_list_of_resources(self) -> None:
        server = make_server(dynamic=frozenset({"resources"}))
        self.assertEqual(server.capabilities(MODERN)["resources"], {"subscribe": True})
        declared = server.capabilities(versions.LEGACY[-1])["resources"]
        self.assertEqual(declared, {"subscribe": True, "listChanged": True})

    def test_tasks_are_an_extension_of_the_modern_era(self) -> None:
        server = make_server(tasks=object())
        extensions: dict[str, Any] = {"io.modelcontextprotocol/tasks": {}}
        self.assertEqual(server.capabilities(MODERN)["extensions"], extensions)
        self.assertNotIn("extensions", server.capabilities(LATEST_LEGACY))

    def test_initialize_and_discover_declare_them(self) -> None:
        server = furnished()
        for version in versions.LEGACY:
            told = msgspec.json.decode(server.initialize(version))
            self.assertEqual(told["capabilities"], server.capabilities(version))
            self.assertEqual(told["protocolVersion"], version)
        told = msgspec.json.decode(server.discover(MODERN))
        self.assertEqual(told["capabilities"], server.capabilities(MODERN))

    def test_instructions_are_no_longer_than_models_are_shown(self) -> None:
        def instruct(length: int) -> Server:
            return Server(
                [],
                FakeSessions(),
                version="1",
                instructions="x" * length,
                resolve_project=lambda hint: done_with(hint),
            )

        instruct(4096)
        self.assertRaises(ValueError, instruct, 4097)


async def done_with(value: str) -> str:
    """A value that has come."""
    return value


SHARED: Mapping[str, Mapping[str, Any]] = {
    "tools/list": {},
    "tools/call": {"name": "echo", "arguments": {}},
    "prompts/list": {},
    "prompts/get": {"name": "greet", "arguments": {"name": "Ann"}},
    "resources/list": {},
    "resources/templates/list": {},
    "resources/read": {"uri": "test://a"},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "name", "value": ""},
    },
}
KEPT = {
    "tools/list": 3_600_000,
    "prompts/list": 3_600_000,
    "resources/templates/list": 3_600_000,
    "resources/list": 1_000,
    "resources/read": 1_000,
}


class AnswerTests(SynchronousTestCase):
    def test_every_method_of_both_eras_is_answered_in_every_version(self) -> None:
        for version in versions.REVISIONS:
            for method, params in SHARED.items():
                if (version, method) != ("2024-11-05", "completion/complete"):
                    answered(furnished(), method, version, **params)

    def test_the_first_revision_completes_nothing(self) -> None:
        method = "completion/complete"
        problem = refused(furnished(), method, "2024-11-05", **SHARED[method])
        self.assertEqual(problem.code, METHOD_NOT_FOUND)

    def test_modern_results_say_that_they_are_complete_and_by_whom(self) -> None:
        for method, params in SHARED.items():
            result = answered(furnished(), method, MODERN, **params)
            self.assertEqual(result["resultType"], "complete")
            self.assertEqual(
                result["_meta"]["io.modelcontextprotocol/serverInfo"],
                {"name": "mnemo", "version": "1.2.3"},
            )

    def test_how_long_they_may_be_kept_is_said_where_the_protocol_wants_it(self) -> None:
        for method, params in SHARED.items():
            result = answered(furnished(), method, MODERN, **params)
            self.assertEqual(result.get("ttlMs"), KEPT.get(method), method)
            self.assertEqual(result.get("cacheScope"), "private" if method in KEPT else None)
        discovered = msgspec.json.decode(furnished().discover(MODERN))
        self.assertEqual((discovered["ttlMs"], discovered["cacheScope"]), (3_600_000, "private"))

    def test_lists_that_may_change_are_not_kept_long(self) -> None:
        server = furnished(dynamic=frozenset({"tools", "prompts"}))
        for method in ("tools/list", "prompts/list"):
            self.assertEqual(answered(server, method, MODERN)["ttlMs"], 1_000)

    def test_legacy_results_have_nothing_of_that(self) -> None:
        for version in versions.LEGACY[1:]:
            for method, params in SHARED.items():
                result = answered(furnished(), method, version, **params)
                self.assertEqual(
                    set(result) & {"resultType", "_meta", "ttlMs", "cacheScope"}, set()
                )

    def test_what_is_not_offered_has_no_methods(self) -> None:
        for version in versions.REVISIONS:
            for method in (*SHARED, "no/such", "", "tools", "tools/none", "resources/subscribe"):
                if not method.startswith("tools/") or method == "tools/none":
                    problem = refused(make_server(), method, version)
                    self.assertEqual((problem.code, problem.status), (METHOD_NOT_FOUND, 404))

    def test_unknown_methods_are_none_of_a_furnished_server_either(self) -> None:
        for method in ("prompts/none", "resources/none", "completions/complete", "logging/none"):
            self.assertEqual(refused(furnished(), method).code, METHOD_NOT_FOUND)

    def test_lists_of_what_all_have_trouble_no_session(self) -> None:
        async def enter() -> CallContext:
            raise AssertionError("a session was troubled")

        for method in ("tools/list", "prompts/list", "resources/templates/list"):
            done(furnished().answer(Request(1, method, {}), MODERN, enter))

    def test_nor_do_params_that_are_wrong(self) -> None:
        async def enter() -> CallContext:
            raise AssertionError("a session was troubled")

        for method, params in {
            "tools/call": {"name": "nobody"},
            "prompts/get": {"name": "nobody"},
            "resources/read": {},
            "resources/list": {"cursor": "x"},
            "completion/complete": {},
        }.items():
            request = Request(1, method, params)
            problem = done(furnished().outcome(furnished().answer(request, MODERN, enter)))
            assert isinstance(problem, ProtocolError)
            self.assertEqual(problem.code, INVALID_PARAMS, method)

    def test_a_session_that_asks_too_much_is_told_when_to_try_again(self) -> None:
        server = furnished(sessions=FakeSessions(waiting_limit=0))
        for method in ("prompts/get", "resources/list", "resources/read", "completion/complete"):
            problem = refused(server, method, MODERN, **SHARED[method])
            self.assertEqual((problem.code, problem.status), (INTERNAL_ERROR, 503))
            self.assertEqual(problem.data, {"mnemo/retryAfter": 5})

    def test_a_prompt_that_lacks_a_capability_is_an_error_in_both_eras(self) -> None:
        lacking = FakePrompt(greeting(arguments=()), MissingCapability({"sampling": {}}))
        server = make_server(prompts=[lacking])
        problem = refused(server, "prompts/get", MODERN, name="greet")
        self.assertEqual(problem.code, MISSING_CAPABILITY)
        self.assertEqual(problem.data, {"requiredCapabilities": {"sampling": {}}})
        self.assertEqual(refused(server, "prompts/get", name="greet").code, INVALID_PARAMS)

    def test_other_exceptions_pass_through_as_they_are(self) -> None:
        class Asking(Exception):
            """Stands for a question to the client."""

        async def enter() -> CallContext:
            return CallContext(SESSION)

        server = make_server(prompts=[FakePrompt(greeting(arguments=()), Asking())])
        request = Request(1, "prompts/get", {"name": "greet"})
        with self.assertRaises(Asking):
            done(server.answer(request, MODERN, enter))

    def test_a_refusal_is_about_the_params(self) -> None:
        refusing = FakePrompt(greeting(arguments=()), ToolError("Say it otherwise"))
        problem = refused(make_server(prompts=[refusing]), "prompts/get", MODERN, name="greet")
        self.assertEqual((problem.code, problem.message), (INVALID_PARAMS, "Say it otherwise"))


class ChangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.told: list[str] = []
        self.server = make_server(offered=[EchoTool()], dynamic=frozenset({"tools", "prompts"}))
        self.server.subscriptions.add(
            Wants(tools=True, prompts=True), lambda method, params: self.told.append(method)
        )

    def names(self, kind: str) -> list[str]:
        return [each["name"] for each in answered(self.server, f"{kind}/list")[kind]]

    def test_what_is_added_is_listed_and_told_of(self) -> None:
        self.assertEqual(self.names("tools"), ["echo"])
        self.server.add_tool(EchoTool(described("another")))
        self.assertEqual(self.names("tools"), ["another", "echo"])
        self.server.add_prompt(FakePrompt())
        self.assertEqual(self.names("prompts"), ["greet"])
        self.assertEqual(
            self.told,
            ["notifications/tools/list_changed", "notifications/prompts/list_changed"],
        )

    def test_what_is_removed_is_not_there_any_more(self) -> None:
        self.server.add_prompt(FakePrompt())
        self.told.clear()
        self.server.remove_tool("echo")
        self.server.remove_prompt("greet")
        self.assertEqual((self.names("tools"), self.names("prompts")), ([], []))
        self.assertEqual(refused(self.server, "tools/call", name="echo").code, INVALID_PARAMS)
        self.assertEqual(len(self.told), 2)

    def test_what_cannot_be_done_is_not_told_of(self) -> None:
        self.assertRaises(ValueError, self.server.add_tool, EchoTool())
        self.assertRaises(KeyError, self.server.remove_tool, "nobody")
        self.assertRaises(KeyError, self.server.remove_prompt, "nobody")
        self.assertEqual(self.told, [])

    def test_a_list_that_was_said_to_stay_stays(self) -> None:
        server = furnished()
        self.assertRaises(ValueError, server.add_tool, EchoTool(described("another")))
        self.assertRaises(ValueError, server.remove_tool, "echo")
        self.assertRaises(ValueError, server.add_prompt, FakePrompt(greeting(name="another")))
        self.assertRaises(ValueError, server.remove_prompt, "greet")


class OutcomeTests(SynchronousTestCase):
    def test_a_full_house_is_503(self) -> None:
        async def full() -> bytes:
            raise SessionLimit("There are 10 sessions")

        problem = done(make_server().outcome(full()))
        assert isinstance(problem, ProtocolError)
        self.assertEqual((problem.status, problem.message), (503, "There are 10 sessions"))

    def test_a_cancelled_call_stays_cancelled_and_gives_its_slot_back(self) -> None:
        sessions = FakeSessions()
        defects: list[BaseException] = []
        server = make_server(sessions, defects=defects)
        session = Session("s", "mcp", SESSION.opening, "", 0, 0)

        async def enter() -> CallContext:
            return CallContext(session)

        work = server.answer(Request(1, "tools/call", {"name": "wait"}), MODERN, enter)
        call = Deferred.fromCoroutine(server.outcome(work))
        self.assertEqual(session.running, 1)
        call.cancel()
        self.failureResultOf(call, CancelledError)
        self.assertEqual((session.running, defects), (0, []))
