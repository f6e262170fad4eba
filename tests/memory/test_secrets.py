import base64
import string
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.secrets import PRIVATE, find_secrets, hidden

_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_JWT_HEAD = "eyJhbGciOiJIUzI1NiJ9"
_JWT_BODY = "eyJzdWIiOiIxMjM0NTY3ODkwIn0"


def of(alphabet: str, length: int) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(alphabet), min_size=length, max_size=length)


def after(prefix: str, alphabet: str, length: int) -> st.SearchStrategy[str]:
    return of(alphabet, length).map(lambda rest: prefix + rest)


def block(key: bytes) -> str:
    lines = base64.encodebytes(key).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}-----END OPENSSH PRIVATE KEY-----"


PASSWORDS = st.tuples(of(string.ascii_letters, 5), of(string.digits, 2), of("!#%^&", 1)).map(
    "".join
)

PLANTED: dict[str, st.SearchStrategy[str]] = {
    "age key": after("AGE-SECRET-KEY-1", string.ascii_uppercase + string.digits, 58),
    "anthropic key": after("sk-ant-api03-", _ALNUM + "-_", 90),
    "aws access key": after("AKIA", string.ascii_uppercase + string.digits, 16),
    "databricks token": after("dapi", _HEX, 32),
    "digitalocean token": after("dop_v1_", _HEX, 64),
    "docker token": after("dckr_pat_", _ALNUM + "-_", 27),
    "github token": after("ghp_", _ALNUM, 36) | after("github_pat_", _ALNUM + "_", 82),
    "gitlab token": after("glpat-", _ALNUM, 20),
    "google api key": after("AIza", _ALNUM + "-_", 35),
    "google token": after("ya29.", _ALNUM + "-_", 60),
    "groq key": after("gsk_", _ALNUM, 52),
    "hugging face token": after("hf_", _ALNUM, 34),
    "json web token": after(f"{_JWT_HEAD}.{_JWT_BODY}.", _ALNUM, 43),
    "npm token": after("npm_", _ALNUM, 36),
    "openai key": after("sk-proj-", _ALNUM + "-_", 64) | after("sk-", _ALNUM, 48),
    "private key": st.binary(min_size=64, max_size=400).map(block),
    "sendgrid key": of(_ALNUM, 65).map(lambda rest: f"SG.{rest[:22]}.{rest[22:]}"),
    "shopify token": after("shpat_", _HEX, 32),
    "slack token": after("xoxb-123456789012-123456789012-", _ALNUM, 24),
    "stripe key": after("sk_live_", _ALNUM, 24),
    "vault token": after("hvs.", _ALNUM + "-_", 90),
}

SENTENCES = st.lists(
    st.sampled_from(
        [
            "the daemon listens on port 9999",
            "commit 2f1c1f4e0d5a6b7c8d9e0f1a2b3c4d5e6f708192",
            "id 7d444840-9dc0-11d1-b245-5ffdce74fad2",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "def tokens(text: str) -> list[str]:",
            "token = self.tokenizer.decode(ids)",
            "PASSWORD = os.environ['PASSWORD']",
            "api_key=get_api_key(),",
            "max_tokens: 100000000",
            "password_reset_url: https://example.org/reset/a1b2c3d4",
            "token_url = 'https://auth.example.org/token1'",
            "the key: value pairs of session_2024_11_20",
            "postgresql://user:password@localhost/app",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
            "secret = config.get('secret')",
            "der Schlüssel liegt unter der Matte",
            "class-name--with-many-parts-42",
            "password: <your password here>",
            "if password == stored_password:",
            "mysql --password $DB_PASS --password-file /run/pass1",
            "first_pass = optimise2(code); BYPASS=1",
            'curl -u "$USER:$PASS" https://example.org:8443/a1',
            "say your login and password before 10:30",
            'tokenizer = "bert-base-uncased-v2"',
        ]
    ),
    max_size=6,
)


class Planted(SynchronousTestCase):
    @given(st.data(), SENTENCES, SENTENCES, st.sampled_from(list(PLANTED)))
    @settings(max_examples=300, deadline=None)
    def test_a_secret_of_each_kind_is_found_wherever_it_stands(
        self, data: Any, before: list[str], behind: list[str], kind: str
    ) -> None:
        secret = data.draw(PLANTED[kind])
        around = data.draw(st.sampled_from(["\n", " ", '"', "'", "`", "(", "="]))
        left, right = "\n".join(before), "\n".join(behind)
        text = f"{left}\n{around}{secret}{around}\n{right}"
        found = hidden(text)
        self.assertNotIn(secret, found.text)
        self.assertEqual(sum(found.kinds.values()), 1, found)
        self.assertIn(f"[secret: {kind}]", found.text)
        self.assertTrue(found.text.startswith(left))
        self.assertTrue(found.text.endswith(right))

    @given(PASSWORDS, SENTENCES)
    @settings(deadline=None)
    def test_a_password_is_found_by_what_stands_before_it(
        self, password: str, before: list[str]
    ) -> None:
        for text in (
            f'password = "{password}"',
            f"DB_PASSWORD={password}",
            f"pwd: {password}",
            f"the password is {password}",
            f"the passphrase was `{password}`.",
            f"postgresql://app:{password}@db.internal:5432/app",
            f"redis://:{password}@localhost/0",
            f'{{"password": "{password}", "user": "ann"}}',
            f"SMTP_PASS={password}",
            f"db_pass: '{password}'",
            f"mysql --user ann --password {password} app",
            f"curl -s -u ann:{password} https://example.org",
            f"curl --user 'ann:{password}' https://example.org",
            f"sshpass -p {password} ssh ann@example.org",
            f"machine example.org login ann password {password}",
        ):
            found = hidden("\n".join([*before, text]))
            self.assertNotIn(password, found.text, text)
            self.assertEqual(found.kinds, {"password": 1}, text)

    def test_keys_and_tokens_are_found_by_their_names(self) -> None:
        value = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzq8Kd0a1b2"
        for text, kind in (
            (f"aws_secret_access_key = {value}", "api key"),
            (f"X-Api-Key: {value}", "api key"),
            (f'client_secret: "{value}"', "token"),
            (f"export AUTH_TOKEN='{value}'", "token"),
            (f"Authorization: Bearer {value}", "bearer token"),
            (f"curl -H 'authorization: token {value}'", "authorization"),
            ("Authorization: Basic YWxhZGRpbjpvcGVu", "authorization"),
            (f"deploy --api-key {value} --dry-run", "api key"),
            (f"gh auth login --with-token '{value}'", "token"),
        ):
            found = hidden(text)
            self.assertNotIn(value, found.text, text)
            self.assertIn(kind, found.kinds, text)

    def test_a_name_in_capitals_is_given_a_plain_word_too(self) -> None:
        self.assertEqual(hidden("PASSWORD=supersesame").text, "PASSWORD=[secret: password]")

    def test_a_private_key_that_is_cut_off_or_in_code_is_found(self) -> None:
        whole = block(bytes(range(250)))
        cut = whole[:250]
        self.assertEqual(hidden(f"see {cut}").text, "see [secret: private key]")
        escaped = whole.replace("\n", "\\n")
        self.assertEqual(hidden(f'k = "{escaped}";').text, 'k = "[secret: private key]";')

    def test_all_of_several_are_found(self) -> None:
        aws, github = "AKIA" + "Q7" * 8, "ghp_" + "a1" * 18
        found = hidden(f"{aws}, {github} and {aws}")
        marks = "[secret: aws access key], [secret: github token] and [secret: aws access key]"
        self.assertEqual(found.text, marks)
        self.assertEqual(found.kinds, {"aws access key": 2, "github token": 1})

    def test_one_across_the_pieces_that_are_looked_at_is_found_whole(self) -> None:
        token = f"{_JWT_HEAD}.{_JWT_BODY}." + "a1" * 2_000
        for at in (0, 4_090, 4_096, 8_180, 8_192, 16_000):
            text = f"{'x ' * (at // 2)}{token} y"
            self.assertEqual(hidden(text).text, f"{'x ' * (at // 2)}[secret: json web token] y")


class Ordinary(SynchronousTestCase):
    @given(SENTENCES)
    def test_hashes_names_and_code_are_left_as_they_are(self, sentences: list[str]) -> None:
        text = "\n".join(sentences)
        self.assertEqual(find_secrets(text), [])
        self.assertEqual(hidden(text).text, text)

    def test_the_mention_of_a_private_key_is_none(self) -> None:
        for text in (
            "the file begins with -----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\n<base64>\n-----END RSA PRIVATE KEY-----",
        ):
            self.assertEqual(hidden(text).text, text)

    @given(st.text())
    def test_what_is_hidden_once_is_hidden(self, text: str) -> None:
        once = hidden(text)
        self.assertEqual(hidden(once.text).text, once.text)

    @given(st.sampled_from(list(PLANTED)), st.data())
    @settings(deadline=None)
    def test_a_mark_is_no_secret(self, kind: str, data: Any) -> None:
        once = hidden(f"password = '{data.draw(PLANTED[kind])}'")
        self.assertEqual(find_secrets(once.text), [])

    @given(st.text(st.sampled_from("ab1 =:'\"/@.-_\n"), max_size=200))
    def test_secrets_are_in_order_and_apart(self, text: str) -> None:
        at = 0
        for secret in find_secrets(f"password={text}"):
            self.assertLessEqual(at, secret.start)
            self.assertLess(secret.start, secret.end)
            at = secret.end


class Private(SynchronousTestCase):
    def test_what_stands_between_the_tags_goes(self) -> None:
        found = hidden("a <private>b</private> c <PRIVATE why='x'>d\ne</Private >f")
        self.assertEqual(found.text, f"a {PRIVATE} c {PRIVATE}f")
        self.assertEqual(found.private, 2)
        self.assertFalse(found.empty)

    def test_a_tag_that_is_never_closed_reaches_to_the_end(self) -> None:
        self.assertEqual(hidden("a <private>b\nc").text, f"a {PRIVATE}")

    def test_tags_within_tags_are_private_to_the_outermost(self) -> None:
        text = "a<private>b<private>c</private>d</private>e"
        self.assertEqual(hidden(text).text, f"a{PRIVATE}e")

    def test_a_closing_tag_alone_is_text(self) -> None:
        self.assertEqual(hidden("a</private>b").text, "a</private>b")

    def test_it_is_told_where_nothing_else_is_left(self) -> None:
        self.assertTrue(hidden(" <private>a</private>\n<private>b").empty)
        self.assertFalse(hidden("").empty)

    def test_a_secret_in_it_is_counted_once_as_private(self) -> None:
        found = hidden("x <private>password = 'hunter2!'</private>")
        self.assertEqual((found.private, found.kinds), (1, {}))

    @given(st.lists(st.sampled_from(["<private>", "</private>", "a", "b"]), max_size=12))
    def test_nothing_at_any_depth_is_left(self, parts: list[str]) -> None:
        depth, public = 0, []
        for part in parts:
            if part == "<private>":
                public += [PRIVATE] if not depth else []
                depth += 1
            elif part == "</private>" and depth:
                depth -= 1
            elif not depth:
                public.append(part)
        self.assertEqual(hidden("".join(parts)).text, "".join(public))


class Effort(SynchronousTestCase):
    def test_a_hostile_text_takes_time_in_proportion_to_its_length(self) -> None:
        for unit in (
            "sk-",
            "eyJ",
            "<private",
            "://a:",
            "password: ",
            "-----BEGIN PRIVATE KEY-----",
            "curl -u ",
            "--a-password ",
            "login password ",
        ):
            found = hidden((unit * 40_000)[:100_000])
            self.assertEqual(Counter(found.kinds), Counter())
