"""What a text can be found by."""

import base64
import random
import threading
import time

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index.analyser import MAX_TERM, query_terms, terms


class FoundByTests(SynchronousTestCase):
    """A text is found by a query where one of the query's terms is among the text's."""

    def assertFound(self, text: str, *queries: str) -> None:
        indexed = set(terms(text))
        for query in queries:
            self.assertTrue(indexed & set(query_terms(query)), f"{query!r} does not find {text!r}")

    def assertFoundWhole(self, text: str, *queries: str) -> None:
        """The query's first term, which is all of it, is there."""
        indexed = set(terms(text))
        for query in queries:
            self.assertIn(query_terms(query)[0], indexed, f"{query!r} in {text!r}")

    def assertNotFound(self, text: str, *queries: str) -> None:
        indexed = set(terms(text))
        for query in queries:
            self.assertFalse(indexed & set(query_terms(query)), f"{query!r} finds {text!r}")

    def test_english_words_by_their_stem(self) -> None:
        self.assertFound("Connections were running", "connect", "connected", "RUNS")

    def test_words_with_accents_without_them_and_the_other_way_round(self) -> None:
        self.assertFound("Das Café in Łódź", "cafe", "CAFÉ", "lodz", "cafe\u0301")
        self.assertFound("the cafe", "café")

    def test_words_of_any_case_and_script(self) -> None:
        self.assertFound("Straße", "STRASSE", "strasse")
        self.assertFound("Привет мир", "ПРИВЕТ", "Мир")
        self.assertFound("Σίσυφος", "ΣΙΣΥΦΟΣ")
        self.assertFound("हिन्दी में लिखा", "हिन्दी")
        self.assertFound("مرحبا بالعالم", "بالعالم")
        self.assertFound("İstanbul", "istanbul", "ISTANBUL")

    def test_names_whole_and_by_part_however_they_are_joined(self) -> None:
        for name in ("get_user_name", "getUserName", "GetUserName", "get-user-name"):
            for query in ("get_user_name", "getUserName", "GET_USER_NAME", "get-user-name"):
                self.assertFoundWhole(f"see {name}()", query)
            self.assertFound(name, "user", "name", "getusername")

    def test_humps_of_capitals(self) -> None:
        self.assertFoundWhole("the HTTPServer", "httpserver", "http", "server", "http_server")
        self.assertFound("parseHTTP2Response", "http", "response", "parse")

    def test_names_with_numbers(self) -> None:
        self.assertFound("sha256 and python3", "sha", "256", "python")
        self.assertFoundWhole("encoded as utf-8", "utf8", "UTF-8")

    def test_private_names(self) -> None:
        self.assertFoundWhole("in obj.__init__.py", "obj.__init__.py", "init")
        self.assertFoundWhole("--dry-run and $MNEMO_HOME", "dry-run", "MNEMO_HOME", "home")

    def test_dotted_names(self) -> None:
        self.assertFoundWhole("use os.path.join.", "os.path.join", "path", "join")

    def test_paths(self) -> None:
        path = "/srv/mnemo/store/my_file.py"
        self.assertFoundWhole(
            f"({path}:12)", "mnemo", "store", "my_file.py", "my_file", "file", "myFile.py"
        )
        self.assertFoundWhole(path, path)
        self.assertFoundWhole(r"C:\Users\bob\notes.txt", r"C:\Users\bob\notes.txt", "notes.txt")

    def test_versions(self) -> None:
        self.assertFoundWhole("since v1.2.3", "v1.2.3", "1.2.3", "1.2")
        self.assertFoundWhole("since 1.2.3-rc1", "1.2.3", "rc1", "1.2.3-rc1")
        self.assertFoundWhole("on python3.11.4", "3.11", "python", "3.11.4")
        self.assertNotFound("since 1.2.3", "1.3.4", "2.3")

    def test_mail_addresses(self) -> None:
        self.assertFoundWhole(
            "<jane.doe+x@mail.example.com>", "jane.doe+x@mail.example.com", "doe", "example"
        )

    def test_web_addresses(self) -> None:
        url = "https://example.com/a/page.html?q=1#top"
        self.assertFoundWhole(f"see {url}.", url, "example.com", "page.html", "top")

    def test_languages_with_signs(self) -> None:
        self.assertFoundWhole("C++ and C#, not c/f++.", "c++", "C#", "F++")

    def test_files_that_begin_with_a_dot(self) -> None:
        self.assertFoundWhole("put it in .env", ".env", "env")
        self.assertFoundWhole("/home/u/.env", ".env")
        self.assertFoundWhole("a .NET service", ".net")

    def test_numbers(self) -> None:
        self.assertFoundWhole("costs $1,500 or 3.14", "1,500", "1500", "3.14")
        self.assertFoundWhole("1,234,567.89", "1234567.89")
        self.assertNotFound("3.14", "14")

    def test_identifiers_of_hexadecimal_digits(self) -> None:
        uuid = "550e8400-e29b-41d4-a716-446655440000"
        self.assertFoundWhole(f"id {uuid} deadbeef12", uuid, uuid.upper(), "deadbeef12")
        self.assertFoundWhole("0xdeadbeef", "0xDEADBEEF")

    def test_issue_numbers(self) -> None:
        self.assertFoundWhole("owner/repo#45 and #123", "#123", "123", "repo", "45")

    def test_scripts_without_spaces_by_one_character_and_more(self) -> None:
        for text in (
            "私は東京都に行く",
            "ฉันรักภาษาไทย",
            "ကျွန်တော်",
            "ភាសាខ្មែរ",
            "ພາສາລາວ",
            "한국어는",
        ):
            for start in range(len(text) - 1):
                self.assertFound(text, text[start : start + 2])
            self.assertFound(text, text)
        self.assertFound("私は東京都に行く", "京", "東京")
        self.assertNotFound("京の東", "東京")
        self.assertFound("Python入門.txt", "python", "入門", "txt")

    def test_emoji(self) -> None:
        self.assertFound("shipped 🚀✅", "🚀", "✅")
        self.assertFound("👍🏽 and 👩\u200d💻", "👍", "👍🏿", "👩", "💻")
        self.assertFound("flags 🇺🇸🇫🇷", "🇫🇷")
        self.assertNotFound("flag 🇺🇸", "🇸🇺")

    def test_words_with_invisible_characters_in_them(self) -> None:
        self.assertFound("pass\u200bword \u202eevil\u202c so\u00adft", "password", "evil", "soft")

    def test_possessives_and_other_apostrophes(self) -> None:
        self.assertFound("the user's l\u2019avion", "user", "users", "avion")
        self.assertFoundWhole("O'Brien", "o'brien", "obrien", "brien")


class QueryTests(SynchronousTestCase):
    def test_stop_words_are_not_asked_for(self) -> None:
        self.assertEqual(query_terms("What is the port of the server?"), ["port", "server"])
        self.assertEqual(query_terms("why don\u2019t we"), query_terms("why don't we"))

    def test_where_there_is_nothing_else_they_are(self) -> None:
        self.assertEqual(query_terms("to be or not to be"), ["to", "be", "or", "not"])

    def test_each_term_is_asked_for_once(self) -> None:
        self.assertEqual(query_terms("run running RUNS"), ["run"])

    def test_text_without_words_has_no_terms(self) -> None:
        for text in ("", " \n", "!!! ...", "\u200b", "\ud800"):
            self.assertEqual((terms(text), query_terms(text)), ([], []))

    def test_the_terms_of_a_text_are_in_order_with_repeats(self) -> None:
        self.assertEqual(terms("fast, the fast one"), ["fast", "the", "fast", "one"])


_words = st.text(min_size=1, max_size=12).map(lambda text: "".join(text.split())).filter(bool)
_code = st.text(alphabet="abXY19._-/+#,'@:é東 ", min_size=1, max_size=40)


class PropertyTests(SynchronousTestCase):
    @settings(max_examples=500, deadline=None)
    @given(st.one_of(st.text(), _code))
    @example("v1.2" * 50)
    @example(".'.,#++")
    def test_any_text_has_terms_that_an_index_can_take(self, text: str) -> None:
        for term in terms(text):
            self.assertTrue(0 < len(term) <= MAX_TERM)
            self.assertEqual(term.split(), [term])
            term.encode()

    @settings(max_examples=500, deadline=None)
    @given(st.lists(st.one_of(_words, _code), min_size=1, max_size=8), st.data())
    def test_a_text_is_found_by_any_of_its_words(
        self, words: list[str], data: st.DataObject
    ) -> None:
        text = " ".join(words)
        start = data.draw(st.integers(0, len(words) - 1))
        part = " ".join(words[start : data.draw(st.integers(start + 1, len(words)))])
        self.assertLessEqual(set(query_terms(part)), set(terms(text)))

    @settings(max_examples=500, deadline=None)
    @given(st.one_of(st.text(), _code))
    def test_a_query_asks_for_nothing_that_its_own_text_has_not(self, text: str) -> None:
        self.assertLessEqual(set(query_terms(text)), set(terms(text)))

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.text("abcdefghijklmnopqrstuvwxyzéüñöçждфюλξψωș", min_size=1)))
    def test_case_does_not_matter(self, words: list[str]) -> None:
        text = " ".join(words)
        self.assertEqual(terms(text.upper()), terms(text))
        self.assertEqual(terms(text.title()), terms(text))

    @settings(max_examples=300, deadline=None)
    @given(
        st.text("abcdefgxyzAB _-./", max_size=40), st.sampled_from("\u0301\u0308\u0327\u200b\u200d")
    )
    def test_accents_and_invisible_characters_do_not_matter(self, text: str, mark: str) -> None:
        marked = "".join(c + mark if c.isalpha() else c for c in text)
        self.assertEqual(terms(marked), terms(text))


class BoundTests(SynchronousTestCase):
    def test_a_blob_makes_few_terms(self) -> None:
        blob = base64.b64encode(random.Random(1).randbytes(75_000)).decode()
        self.assertLess(len(terms(blob)), len(blob) / 5)

    def test_the_number_of_terms_and_the_time_are_linear_in_the_text(self) -> None:
        for piece in (
            "v1.2",
            "a.",
            "a-",
            "1,",
            "'",
            "aB",
            "a+",
            "../",
            "東",
            "e\u0301",
            "👍",
            "x#",
        ):
            text = piece * (200_000 // len(piece))
            began = time.thread_time()
            made = terms(text)
            # 50 times what it takes; quadratic time would be thousands of times that.
            self.assertLess(time.thread_time() - began, 10, piece)
            self.assertLessEqual(len(made), 4 * len(text), piece)

    def test_a_long_text_is_cut_where_no_word_is(self) -> None:
        words = [f"word{number}" for number in range(3_000)]
        self.assertEqual(terms(" ".join(words)), [term for word in words for term in terms(word)])

    def test_a_long_run_without_spaces_keeps_each_pair(self) -> None:
        text = "".join(chr(0x4E00 + number) for number in range(10_000))
        pairs = set(terms(text))
        self.assertTrue(all(text[at : at + 2] in pairs for at in range(len(text) - 1)))

    def test_threads_may_analyse_at_once(self) -> None:
        text = "The connection to mnemo/store/index.py failed in getUserName: café 東京"
        expected = terms(text)
        wrong: list[int] = []

        def work() -> None:
            for number in range(200):
                if terms(text) != expected or not terms(f"unique{number}"):
                    wrong.append(number)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
