"""
What secrets look like. Pure.

The shapes of the tokens of well-known services are those of C{detect-secrets}
(U{https://github.com/Yelp/detect-secrets}); what it does not know, or what would take it longer
than linear time on a hostile text, is here. Nothing is judged by its entropy alone: hashes,
UUIDs and code would not survive that.
"""

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

_DETECTORS: Final[tuple[tuple[str, type[RegexBasedDetector]], ...]] = (
    ("aws access key", AWSKeyDetector),
    ("azure storage key", AzureStorageKeyDetector),
    ("discord token", DiscordBotTokenDetector),
    ("github token", GitHubTokenDetector),
    ("gitlab token", GitLabTokenDetector),
    ("mailchimp key", MailchimpDetector),
    ("pypi token", PypiTokenDetector),
    ("sendgrid key", SendGridDetector),
    ("slack token", SlackDetector),
    ("square secret", SquareOAuthDetector),
    ("stripe key", StripeDetector),
    ("telegram token", TelegramBotTokenDetector),
    ("twilio key", TwilioKeyDetector),
)

# The kind, what cannot be missing where there is one, and its shape.
_TOKENS: Final[tuple[tuple[str, str, str], ...]] = (
    ("anthropic key", "sk-ant-", r"sk-ant-[\w-]{20,}"),
    ("openai key", "sk-", r"sk-(?:proj|svcacct|admin)-[\w-]{20,}|sk-[A-Za-z0-9]{32,}"),
    ("github token", "github_pat_", r"github_pat_\w{22,}"),
    ("google api key", "aiza", r"AIza[\w-]{35}"),
    ("hugging face token", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    ("npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    ("slack token", "xapp-", r"xapp-\d-[A-Z0-9]+-\d+-[A-Za-z0-9]+"),
    ("slack token", "xox", r"xox[a-z]-(?=[A-Za-z-]*\d)[A-Za-z0-9-]{16,}"),
    ("stripe key", "k_", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("age key", "age-secret-key-", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    ("databricks token", "dapi", r"dapi[0-9a-f]{32}"),
    ("digitalocean token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    ("docker token", "dckr_pat_", r"dckr_pat_[\w-]{20,}"),
    ("google token", "ya29.", r"ya29\.[\w-]{20,}"),
    ("groq key", "gsk_", r"gsk_[A-Za-z0-9]{40,}"),
    ("shopify token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    ("vault token", "hv", r"hv[bs]\.[\w-]{24,}"),
    ("json web token", "eyj", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+"),
)

_PASSWORD = r"pass[_ -]?word|passwd|pwd|pass[_-]?phrase|passcode"

# What C{pass} alone has to stand behind, to be no word.
_OF = r"db|mysql|pg|postgres|redis|smtp|e?mail|ftp|ssh|sudo|root|admin|user|login|auth|key"
_PASS = rf"(?:{_OF})[_-]?pass|(?-i:(?<=[A-Z0-9]_)PASS)"
_KEY = (
    r"api[_ -]?key"
    r"|(?:secret|private|account|encryption|signing|access|auth)[_ -]?(?:access[_ -]?)?key"
)
_OTHER = r"secret|token"

# What follows such a name and makes it the name of something else.
_ABOUT = r"url|uri|type|name|id|exp|len|count|path|file|field|ttl|limit|size|column|header|reset"

_NAME = rf"(?P<password>{_PASSWORD}|{_PASS})|(?P<key>{_KEY})|(?P<other>{_OTHER})"

_BARE = r"(?P<bare>[^\s\"'`,;(){}\[\]<>]{6,512})"

_ASSIGNED = (
    rf"(?i:{_NAME})"
    rf"(?i:[_-](?!{_ABOUT})[a-z0-9]{{1,16}})?(?![A-Za-z0-9])"
    r"[\"'`\]]{0,2}[ \t]{0,4}(?::=|=>|={1,3}|:)[ \t]{0,4}"
    r"(?:\"(?P<double>[^\"\s]{4,512})\"|'(?P<single>[^'\s]{4,512})'|`(?P<ticked>[^`\s]{4,512})`"
    rf"|{_BARE})"
)

_FLAG = rf"(?<![\w-])--(?i:(?:[a-z]{{1,16}}-){{0,2}}(?:{_NAME}))[ \t]{{1,4}}[\"']?{_BARE}"

_SAID = (
    rf"(?i:\b(?:(?:{_PASSWORD})[ \t]+(?:is|was|set to|changed to)"
    r"|login[ \t]+\S{1,64}[ \t]+password)[ \t]+)"
    r"[\"'`]?(?P<said>[^\s\"'`]{6,128})"
)

_TO_A_COMMAND = (
    r"\b(?:curl\b[^\n]{0,120}?[ \t](?:-u|--user)[ \t=]{0,4}[\"']?[^\s:\"']{1,64}:"
    r"|sshpass[ \t]+-p[ \t]?[\"']?)(?P<value>[^\s\"'`]{3,128})"
)

_IN_ADDRESS = (
    r"(?i:\b[a-z][a-z0-9+.-]{1,20}://)[^\s:/@\"'`<>]{0,128}:"
    r"(?P<value>[^\s/\"'`<>]{3,256})@(?=[\w\[])"
)

_CARRIED = r"(?i:\bbearer)[ \t]+(?P<value>[A-Za-z0-9._~+/-]{20,}={0,2})"

_AUTHORIZED = (
    r"(?i:\bauthorization[\"']?[ \t]*[:=][ \t]*[\"']?(?:basic|token|apikey)[ \t]+)"
    r"(?P<value>[A-Za-z0-9._~+/-]{8,}={0,2})"
)


@frozen
class Pattern:
    """
    The look of one kind of secret.

    @ivar kind: what it is called; C{""} where the name before it tells
    @ivar hints: one of these is in every text, in small letters, that holds one; empty where
        that cannot be told
    @ivar whole: whether it is one only where no letter or digit stands beside it
    """

    kind: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = ()
    whole: bool = False

    def may_be_in(self, lowered: str) -> bool:
        """Whether to look closer at a text that reads so in small letters."""
        return not self.hints or any(hint in lowered for hint in self.hints)


def _patterns() -> Iterator[Pattern]:
    yield from (
        Pattern("password", re.compile(_IN_ADDRESS), ("://",)),
        Pattern("bearer token", re.compile(_CARRIED), ("bearer",)),
        Pattern("authorization", re.compile(_AUTHORIZED), ("authorization",)),
        Pattern("password", re.compile(_TO_A_COMMAND), ("curl", "sshpass")),
    )
    for kind, hint, token in _TOKENS:
        yield Pattern(kind, re.compile(rf"(?<![\w-])(?:{token})"), (hint,))
    for kind, detector in _DETECTORS:
        # What AWS calls the secret key is found by its name.
        shapes = list(detector().denylist)[: 1 if detector is AWSKeyDetector else None]
        yield from (Pattern(kind, shape, whole=True) for shape in shapes)
    yield Pattern("", re.compile(_ASSIGNED), ("pass", "pwd", "key", "secret", "token"))
    yield Pattern("", re.compile(_FLAG), ("--",))
    yield Pattern("password", re.compile(_SAID), ("pass", "pwd"))


PATTERNS: Final[tuple[Pattern, ...]] = tuple(_patterns())
"""All of them; of two that meet, what the earlier one calls it stands."""

BLOCK: Final = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
"""The line with which a private key begins."""

BLOCK_END: Final = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
"""The line with which it ends."""

BLOCK_LINE: Final = re.compile(r"[A-Za-z0-9+/=]{32}")
"""What a key has in it, and the mention of one has not."""

BLOCK_BODY: Final = re.compile(r"(?:(?:\s|\\[nr]|[\"'+,])*[A-Za-z0-9+/=]{16,})*")
"""As much of a key as can be told where that line is missing."""
