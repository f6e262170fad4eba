"""HTTP headers, as clients and what lies between write them."""

from base64 import b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import headers
from mnemo.mcp.errors import HEADER_MISMATCH, ProtocolError
from mnemo.mcp.jsonrpc import Request

VERSION = "2026-07-28"
GOOD = {
    "mcp-protocol-version": (VERSION,),
    "mcp-method": ("tools/call",),
    "mcp-name": ("echo",),
}
CALL = Request(1, "tools/call", {"name": "echo"})


class AcceptTests(SynchronousTestCase):
    def accepted(self, *values: str) -> tuple[bool, bool]:
        said = {"accept": values} if values else {}
        return (
            headers.accepts(said, "application/json"),
            headers.accepts(said, "text/event-stream"),
        )

    def test_a_client_takes_what_it_says(self) -> None:
        cases = {
            ("application/json, text/event-stream",): (True, True),
            ("application/json", "text/event-stream"): (True, True),
            ("text/event-stream;q=0.5 , APPLICATION/JSON ;q=0.9",): (True, True),
            ("application/json",): (True, False),
            ("application/json, application/mcp+json",): (True, False),
            ("application/*",): (True, False),
            ("text/event-stream",): (False, True),
            ("text/*",): (False, True),
            ("*/*",): (True, True),
            ("text/html, */*;q=0.1",): (True, True),
            ("text/html",): (False, False),
            ("application/json;q=0, text/event-stream",): (False, True),
            ("application/json; q=0.000, text/event-stream;q=0.001",): (False, True),
        }
        for values, expected in cases.items():
            self.assertEqual(self.accepted(*values), expected, values)

    def test_a_client_that_does_not_say_takes_everything(self) -> None:
        self.assertEqual(self.accepted(), (True, True))
        self.assertEqual(self.accepted(""), (True, True))


class ContentTypeTests(SynchronousTestCase):
    def test_json_is_the_one_type_of_a_body(self) -> None:
        def status(*values: str) -> int:
            said = {"content-type": values} if values else {}
            problem = headers.check_post(said)
            return 200 if problem is None else problem.status

        self.assertEqual(status("application/json"), 200)
        self.assertEqual(status("application/json; charset=utf-8"), 200)
        self.assertEqual(status("Application/JSON;charset=UTF-8"), 200)
        for values in (
            (),
            ("",),
            ("text/plain",),
            ("application/jsonp",),
            ("application/x-www-form-urlencoded",),
            ("application/json", "text/plain"),
        ):
            self.assertEqual(status(*values), 415, values)


class EraTests(SynchronousTestCase):
    def test_the_version_header_alone_tells_the_era(self) -> None:
        cases = {
            (): False,
            ("2024-11-05",): False,
            ("2025-03-26",): False,
            (" 2025-06-18 ",): False,
            ("2025-11-25",): False,
            ("2025-11-25", "2025-11-25"): False,
            ("2026-07-28",): True,
            ("1999-01-01",): True,
            ("",): True,
            ("2025-11-25", "2026-07-28"): True,
        }
        for values, modern in cases.items():
            said = {"mcp-protocol-version": values} if values else {}
            said["mcp-method"] = ("initialize",)
            self.assertEqual(headers.is_modern(said), modern, values)


class ProjectTests(SynchronousTestCase):
    def test_the_first_value_is_the_hint(self) -> None:
        for values, hint in (((" /a ",), "/a"), (("/a", "/b"), "/a"), (("",), "")):
            self.assertEqual(headers.project_hint({"x-mnemo-project": values}), hint)
        self.assertEqual(headers.project_hint({}), "")

    def test_a_variable_that_was_not_filled_in_is_no_hint(self) -> None:
        for value in ("${PWD}", "${PWD:-}"):
            self.assertEqual(headers.project_hint({"x-mnemo-project": (value,)}), "")


class BodyTests(SynchronousTestCase):
    def refused(self, request: Request = CALL, **changes: Any) -> bool:
        """Whether headers changed like this are refused."""
        said: dict[str, Any] = {
            **GOOD,
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        said = {name: value for name, value in said.items() if value is not None}
        try:
            headers.check_body(said, request, VERSION)
        except ProtocolError as problem:
            self.assertEqual((problem.code, problem.status), (HEADER_MISMATCH, 400))
            return True
        return False

    def test_headers_that_repeat_the_body_pass(self) -> None:
        self.assertFalse(self.refused())

    def test_spaces_around_a_value_do_not_count(self) -> None:
        self.assertFalse(self.refused(mcp_name=("  echo\t",), mcp_method=(" tools/call",)))

    def test_each_header_must_be_there_once_and_say_the_same(self) -> None:
        for name in ("mcp_protocol_version", "mcp_method", "mcp_name"):
            good = GOOD[name.replace("_", "-")][0]
            for values in (None, ("",), (good, good), (good.upper() + "x",), (f"{good},{good}",)):
                self.assertTrue(self.refused(CALL, **{name: values}), (name, values))

    def test_the_case_of_a_value_counts(self) -> None:
        self.assertTrue(self.refused(mcp_name=("Echo",)))
        self.assertTrue(self.refused(mcp_method=("Tools/Call",)))

    def test_methods_without_a_name_need_no_name_header(self) -> None:
        listing = Request(1, "tools/list", {})
        for values in (None, ("whatever",)):
            self.assertFalse(self.refused(listing, mcp_method=("tools/list",), mcp_name=values))

    def test_prompts_and_resources_are_named_too(self) -> None:
        prompt = Request(1, "prompts/get", {"name": "p"})
        self.assertFalse(self.refused(prompt, mcp_method=("prompts/get",), mcp_name=("p",)))
        self.assertTrue(self.refused(prompt, mcp_method=("prompts/get",), mcp_name=None))
        resource = Request(1, "resources/read", {"uri": "u:v"})
        self.assertFalse(self.refused(resource, mcp_method=("resources/read",), mcp_name=("u:v",)))

    def test_tasks_are_named_by_their_id(self) -> None:
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            task = Request(1, method, {"taskId": "t"})
            self.assertFalse(self.refused(task, mcp_method=(method,), mcp_name=("t",)))
            for values in (None, ("other",)):
                self.assertTrue(self.refused(task, mcp_method=(method,), mcp_name=values))

    def test_a_name_header_without_a_name_in_the_body_is_a_mismatch(self) -> None:
        self.assertTrue(self.refused(Request(1, "tools/call", {})))
        self.assertFalse(self.refused(Request(1, "tools/call", {}), mcp_name=None))

    def test_a_name_may_be_wrapped_in_base64(self) -> None:
        request = Request(1, "tools/call", {"name": "grüße"})
        wrapped = f"=?base64?{b64encode('grüße'.encode()).decode()}?="
        self.assertFalse(self.refused(request, mcp_name=(wrapped,)))

    def test_base64_must_be_canonical_and_utf_8(self) -> None:
        request = Request(1, "tools/call", {"name": "a"})
        self.assertFalse(self.refused(request, mcp_name=("=?base64?YQ==?=",)))
        for inner in ("YQ", "YQ=", "YR==", "Y Q==", "YQ==\u00e9", "_w==", "/w=="):
            self.assertTrue(self.refused(request, mcp_name=(f"=?base64?{inner}?=",)), inner)

    def test_what_lacks_the_exact_wrapping_is_taken_as_it_is(self) -> None:
        for name in ("=?base64?YQ==", "?base64?YQ==?=", "=?BASE64?YQ==?=", "=?base64?="):
            self.assertFalse(
                self.refused(Request(1, "tools/call", {"name": name}), mcp_name=(name,)), name
            )

    def test_a_name_that_looks_wrapped_must_be_wrapped_itself(self) -> None:
        request = Request(1, "tools/call", {"name": "=?base64?YQ==?="})
        self.assertTrue(self.refused(request, mcp_name=("=?base64?YQ==?=",)))

    @given(st.text(min_size=1))
    def test_any_name_survives_the_wrapping(self, name: str) -> None:
        try:
            wrapped = f"=?base64?{b64encode(name.encode()).decode()}?="
        except UnicodeEncodeError:
            return
        request = Request(1, "tools/call", {"name": name})
        self.assertFalse(self.refused(request, mcp_name=(wrapped,)))
