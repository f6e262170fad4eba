"""The variables of an older WebSocket daemon."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo import legacy_environment
from mnemo.config_sources import KEYS, ConfigError, Loaded, load
from mnemo.legacy_environment import Alias

TOKEN = "a-token-of-sixteen-and-more"


class ReadTests(SynchronousTestCase):
    """What the variables say."""

    def read(self, **environ: str) -> tuple[list[Alias], list[str]]:
        warnings: list[str] = []
        return list(legacy_environment.read(environ, warnings.append)), warnings

    def test_each_sets_a_key_that_there_is(self) -> None:
        self.assertLessEqual(set(legacy_environment.KEYS.values()), set(KEYS))
        for variable, key in legacy_environment.KEYS.items():
            self.assertEqual(self.read(**{variable: "x"}), ([Alias(variable, key, "x")], []))

    def test_blanks_and_comments_are_passed_over_with_a_warning(self) -> None:
        for text in ("8765 #x", " 8765", "8765\t# the port", "8765\r", " 8765 # a # b"):
            aliases, warnings = self.read(EXAI_WS_PORT=text)
            self.assertEqual(aliases, [Alias("EXAI_WS_PORT", "server.port", "8765")])
            self.assertEqual(len(warnings), 1)
            self.assertIn("EXAI_WS_PORT", warnings[0])

    def test_no_warning_shows_a_value(self) -> None:
        _, warnings = self.read(EXAI_WS_TOKEN=f"{TOKEN} # secret")
        self.assertNotIn(TOKEN, warnings[0])

    def test_a_number_sign_within_a_value_is_part_of_it(self) -> None:
        self.assertEqual(self.read(EXAI_WS_TOKEN="a#b")[0][0].text, "a#b")

    def test_an_empty_one_says_nothing(self) -> None:
        self.assertEqual(self.read(EXAI_WS_PORT=""), ([], []))
        self.assertEqual(self.read(EXAI_WS_PORT="# 8765")[0], [])

    def test_one_without_a_counterpart_is_named_in_a_warning(self) -> None:
        aliases, (warning,) = self.read(EXAI_WS_MAX_BYTES="1")
        self.assertEqual(aliases, [])
        self.assertIn("EXAI_WS_MAX_BYTES does nothing here", warning)

    def test_the_log_level_counts_beside_another_alone(self) -> None:
        self.assertEqual(self.read(LOG_LEVEL="DEBUG"), ([], []))
        aliases, _ = self.read(LOG_LEVEL="WARNING", EXAI_WS_PORT="1")
        self.assertEqual(aliases[1], Alias("LOG_LEVEL", "log.level", "warn"))


class ConfigTests(SynchronousTestCase):
    """How they come into the configuration."""

    def load(self, **environ: str) -> Loaded:
        user = Path(self.mktemp()).absolute()
        user.mkdir()
        return load({"HOME": str(user), **environ})

    def test_they_are_where_a_value_came_from(self) -> None:
        loaded = self.load(EXAI_WS_PORT=" 8765 # the daemon", EXAI_WS_TOKEN=TOKEN, LOG_LEVEL="INFO")
        self.assertEqual(loaded.config.server.port, 8765)
        self.assertEqual(loaded.config.server.tokens, (TOKEN,))
        self.assertEqual(loaded.origins["server.port"], "EXAI_WS_PORT")
        self.assertEqual(loaded.origins["log.level"], "LOG_LEVEL")
        self.assertEqual(len(loaded.warnings), 1)

    def test_mnemo_s_own_win(self) -> None:
        loaded = self.load(EXAI_WS_PORT="8765", MNEMO_SERVER_PORT="9000")
        self.assertEqual(loaded.config.server.port, 9000)
        self.assertEqual(loaded.origins["server.port"], "MNEMO_SERVER_PORT")

    def test_a_wrong_one_is_refused_by_its_name(self) -> None:
        error = self.assertRaises(ConfigError, self.load, EXAI_WS_PORT="eight")
        self.assertIn("EXAI_WS_PORT: server.port must be", str(error))

    def test_a_short_token_is_refused_and_not_shown(self) -> None:
        error = self.assertRaises(ConfigError, self.load, EXAI_WS_TOKEN="short")
        self.assertIn("EXAI_WS_TOKEN", str(error))
        self.assertNotIn("short", str(error).replace("EXAI_WS_TOKEN", ""))
