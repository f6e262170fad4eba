"""What arrives, read; what leaves, written."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, ProtocolError
from mnemo.mcp.jsonrpc import Malformed, Notification, Request, Response


def parse(data: bytes) -> Any:
    """What arrived; the tests say of which kind it must be."""
    return jsonrpc.parse(data)


def code(data: bytes) -> int | None:
    """The error code of what is no message."""
    message = parse(data)
    return message.problem.code if isinstance(message, Malformed) else None


class MessageTests(SynchronousTestCase):
    def test_a_method_with_an_id_is_a_request(self) -> None:
        self.assertEqual(
            parse(b'{"jsonrpc":"2.0","id":7,"method":"a/b","params":{"c":1}}'),
            Request(7, "a/b", {"c": 1}),
        )

    def test_params_may_be_absent_or_null(self) -> None:
        self.assertEqual(parse(b'{"jsonrpc":"2.0","id":7,"method":"a"}'), Request(7, "a", {}))
        self.assertEqual(
            parse(b'{"jsonrpc":"2.0","id":7,"method":"a","params":null}'), Request(7, "a", {})
        )

    def test_a_method_without_id_is_a_notification(self) -> None:
        self.assertEqual(parse(b'{"jsonrpc":"2.0","method":"a"}'), Notification("a", {}))

    def test_a_result_or_an_error_is_a_response(self) -> None:
        self.assertEqual(parse(b'{"jsonrpc":"2.0","id":"r","result":[1]}'), Response("r", [1]))
        self.assertEqual(
            parse(b'{"jsonrpc":"2.0","id":"r","error":{"code":1,"message":"no"}}'),
            Response("r", None, "no"),
        )

    def test_an_error_that_answers_no_id_is_a_response_too(self) -> None:
        """So it is never answered, and two peers never send each other errors for ever."""
        nameless = Response(None, None, "an error without a message")
        self.assertEqual(parse(b'{"jsonrpc":"2.0","id":null,"error":{}}'), nameless)

    def test_of_a_member_that_comes_twice_the_last_counts(self) -> None:
        self.assertEqual(
            parse(b'{"jsonrpc":"2.0","id":1,"method":"a","method":"b","id":2}'),
            Request(2, "b", {}),
        )


class IdTests(SynchronousTestCase):
    def test_zero_is_an_id_and_differs_from_its_text(self) -> None:
        number = parse(b'{"jsonrpc":"2.0","id":0,"method":"a"}')
        text = parse(b'{"jsonrpc":"2.0","id":"0","method":"a"}')
        self.assertEqual((number.id, text.id), (0, "0"))

    def test_null_fractions_and_booleans_are_no_ids(self) -> None:
        for given_id in ("null", "1.5", "1.0", "true", "false", "[]", "{}"):
            data = b'{"jsonrpc":"2.0","id":%b,"method":"a"}' % given_id.encode()
            message = parse(data)
            self.assertEqual((message.problem.code, message.id), (INVALID_REQUEST, None), given_id)

    def test_huge_integers_are_echoed_in_full(self) -> None:
        for digits in ("9" * 19, "9" * 25, "-" + "9" * 60):
            message = parse(b'{"jsonrpc":"2.0","id":%b,"method":"a"}' % digits.encode())
            self.assertEqual(message.id, int(digits))
            self.assertIn(b'"id":%b,' % digits.encode(), jsonrpc.result(message.id, b"{}"))

    def test_half_a_surrogate_pair_is_echoed_as_it_came(self) -> None:
        message = parse(rb'{"jsonrpc":"2.0","id":"\ud800","method":"a"}')
        self.assertEqual(message, Request("\ud800", "a", {}))
        self.assertEqual(
            jsonrpc.result(message.id, b"{}"), rb'{"jsonrpc":"2.0","id":"\ud800","result":{}}'
        )

    @given(st.integers() | st.text(st.characters()))
    def test_every_id_comes_back_as_it_was(self, id: int | str) -> None:
        request = json.dumps({"jsonrpc": "2.0", "id": id, "method": "a"}).encode()
        for answer in (
            jsonrpc.result(parse(request).id, b"{}"),
            jsonrpc.error(parse(request).id, ProtocolError(-1, "no")),
        ):
            echoed = json.loads(answer)["id"]
            self.assertEqual((type(echoed), echoed), (type(id), id))


class ProblemTests(SynchronousTestCase):
    def test_what_is_not_json_is_a_parse_error(self) -> None:
        for data in (b"", b"{", b"nul", b"{} {}", b"\xef\xbb\xbf{}", b'{"a":"\x00"}', b"{'a':1}"):
            self.assertEqual(code(data), PARSE_ERROR, data)

    def test_not_a_number_is_not_json(self) -> None:
        for word in (b"NaN", b"Infinity", b"-Infinity"):
            self.assertEqual(code(b'{"jsonrpc":"2.0","id":%b}' % word), PARSE_ERROR)
            self.assertEqual(code(rb'{"a":"\ud800","id":%b}' % word), PARSE_ERROR)

    def test_text_that_is_not_utf_8_is_a_parse_error(self) -> None:
        for raw in (b"\xff", b"\xed\xa0\x80", b"\xc0\xaf"):
            self.assertEqual(code(b'{"jsonrpc":"2.0","id":1,"method":"%b"}' % raw), PARSE_ERROR)
            self.assertEqual(code(rb'{"a":"\ud800","b":"%b"}' % raw), PARSE_ERROR)

    def test_a_number_that_is_out_of_range_is_a_parse_error(self) -> None:
        for number in (b"1e999", b"1" * 5000):
            data = b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"n":%b}}' % number
            self.assertEqual(code(data), PARSE_ERROR, number[:10])

    def test_half_a_surrogate_pair_in_text_becomes_a_replacement_character(self) -> None:
        message = parse(
            rb'{"jsonrpc":"2.0","id":1,"method":"a","params":{"k\udc00":["x\ud83d"],"n":1e3}}'
        )
        self.assertEqual(message, Request(1, "a", {"k\ufffd": ["x\ufffd"], "n": 1000.0}))

    def test_a_whole_surrogate_pair_is_one_character(self) -> None:
        message = parse(rb'{"jsonrpc":"2.0","id":1,"method":"\ud83d\ude00"}')
        self.assertEqual(message.method, "\N{GRINNING FACE}")

    def test_the_second_reading_is_bounded(self) -> None:
        filling = b"x" * jsonrpc.SLOW_LIMIT
        data = rb'{"jsonrpc":"2.0","id":1,"method":"a","params":{"t":"\ud800%b"}}' % filling
        self.assertEqual(code(data), PARSE_ERROR)

    def test_deep_nesting_is_refused_at_every_depth(self) -> None:
        for depth in (jsonrpc.MAX_DEPTH, 1_000, 5_000, 200_000):
            for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
                inner = opening * depth + b"0" + closing * depth
                data = b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"n":%b}}' % inner
                self.assertEqual(code(data), PARSE_ERROR, depth)
                self.assertEqual(code(data.replace(b'"a"', rb'"\ud800"')), PARSE_ERROR, depth)
                self.assertEqual(code(opening * depth), PARSE_ERROR, depth)

    def test_many_brackets_that_are_not_deep_are_fine(self) -> None:
        data = b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"n":[%b]}}' % b",".join(
            [b"[[]]"] * 500
        )
        self.assertIsInstance(parse(data), Request)

    def test_a_batch_is_an_invalid_request(self) -> None:
        for data in (b"[]", b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]'):
            self.assertEqual(code(data), INVALID_REQUEST)

    def test_other_json_is_an_invalid_request(self) -> None:
        for data in (b"1", b'"a"', b"null", b"true", b"{}", b'{"id":1,"method":"a"}'):
            message = parse(data)
            self.assertEqual((message.problem.code, message.id), (INVALID_REQUEST, None), data)

    def test_errors_name_the_id_where_it_can_be_read(self) -> None:
        cases = {
            b'{"jsonrpc":"2.0","id":5,"method":1}': INVALID_REQUEST,
            b'{"jsonrpc":"2.0","id":5}': INVALID_REQUEST,
            b'{"jsonrpc":"2.0","id":5,"method":"a","params":[]}': INVALID_PARAMS,
            b'{"jsonrpc":"2.0","id":5,"method":"a","params":"x"}': INVALID_PARAMS,
        }
        for data, expected in cases.items():
            message = parse(data)
            self.assertEqual((message.problem.code, message.id), (expected, 5), data)


class WritingTests(SynchronousTestCase):
    def test_an_error_has_code_message_and_data(self) -> None:
        problem = ProtocolError(-32022, "no", {"supported": []})
        self.assertEqual(
            json.loads(jsonrpc.error(None, problem)),
            {
                "jsonrpc": "2.0",
                "id": None,
                "error": {"code": -32022, "message": "no", "data": {"supported": []}},
            },
        )

    def test_data_is_left_out_where_there_is_none(self) -> None:
        written = json.loads(jsonrpc.error(1, ProtocolError(-1, "no")))
        self.assertEqual(written["error"], {"code": -1, "message": "no"})

    def test_a_request_of_ours_is_read_as_one(self) -> None:
        self.assertEqual(
            parse(jsonrpc.request("x:0", "roots/list", {})), Request("x:0", "roots/list", {})
        )
