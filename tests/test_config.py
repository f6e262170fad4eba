"""The configuration: what is accepted, what wins, and what a wrong value is told."""

import math
from pathlib import Path
from typing import Any, ClassVar

from attrs import fields
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo import config_reference
from mnemo.config import (
    Config,
    InferenceConfig,
    LogConfig,
    ServerConfig,
    SessionsConfig,
    StdioConfig,
    UnderstandingConfig,
)
from mnemo.config_sources import (
    KEYS,
    OTHER_VARIABLES,
    ConfigError,
    Loaded,
    from_here,
    load,
    sections,
    variable_of,
)


class ConfigTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.user = Path(self.mktemp()).absolute()
        self.home = self.user / ".mnemo"
        self.home.mkdir(parents=True)
        self.file = self.home / "mnemo.toml"

    def load(
        self,
        toml: str | None = None,
        flags: dict[str, object] | None = None,
        config_file: Path | None = None,
        **environ: str,
    ) -> Loaded:
        if toml is not None:
            self.file.write_text(toml, "utf-8")
        return load({"HOME": str(self.user), **environ}, flags, config_file)

    def refusal(self, toml: str | None = None, **given: Any) -> str:
        """The error's line, with the file's path as FILE."""
        text = str(self.assertRaises(ConfigError, self.load, toml, **given))
        self.assertNotIn("\n", text)
        return text.replace(str(self.file), "FILE")


class DefaultTests(ConfigTestCase):
    def test_with_nothing_said_everything_has_its_default(self) -> None:
        loaded = self.load()
        self.assertEqual(
            loaded.config,
            Config(
                home=self.home,
                models=self.user / ".cache/mnemo/models",
                server=ServerConfig("127.0.0.1", 9999, (), ()),
                sessions=SessionsConfig(30.0, 10_000, 8, 32),
                inference=InferenceConfig("all-MiniLM-L6-v2", "auto", 0),
                stdio=StdioConfig(True),
                log=LogConfig("info"),
            ),
        )
        self.assertEqual(set(loaded.origins.values()), {"default"})
        self.assertEqual(list(loaded.origins), list(KEYS))
        self.assertEqual(loaded.file, self.file)

    def test_models_lie_in_the_cache_directory_of_the_user(self) -> None:
        models = self.load(XDG_CACHE_HOME="/var/cache/me").config.models
        self.assertEqual(models, Path("/var/cache/me/mnemo/models"))

    def test_a_cache_directory_that_is_empty_or_relative_is_ignored(self) -> None:
        for cache in ("", "cache"):
            models = self.load(XDG_CACHE_HOME=cache).config.models
            self.assertEqual(models, self.user / ".cache/mnemo/models")

    def test_without_a_home_variable_the_user_still_has_one(self) -> None:
        self.assertEqual(load({}).config.home, Path.home() / ".mnemo")


class PrecedenceTests(ConfigTestCase):
    TOML = "[server]\nport = 1\n"

    def port(self, loaded: Loaded) -> tuple[int, str]:
        return loaded.config.server.port, loaded.origins["server.port"]

    def test_the_file_wins_over_the_default(self) -> None:
        self.assertEqual(self.port(self.load(self.TOML)), (1, str(self.file)))

    def test_the_environment_wins_over_the_file(self) -> None:
        loaded = self.load(self.TOML, MNEMO_SERVER_PORT="2")
        self.assertEqual(self.port(loaded), (2, "MNEMO_SERVER_PORT"))

    def test_a_flag_wins_over_all(self) -> None:
        for flag in (3, "3"):
            loaded = self.load(self.TOML, {"server.port": flag}, MNEMO_SERVER_PORT="2")
            self.assertEqual(self.port(loaded), (3, "--port"))

    def test_a_flag_that_was_not_given_says_nothing(self) -> None:
        loaded = self.load(self.TOML, {"server.port": None, "home": None})
        self.assertEqual(self.port(loaded), (1, str(self.file)))

    def test_each_value_knows_where_it_came_from(self) -> None:
        loaded = self.load(
            '[log]\nlevel = "debug"', {"stdio.start_daemon": False}, MNEMO_INFERENCE_GPU="off"
        )
        said = {key: origin for key, origin in loaded.origins.items() if origin != "default"}
        self.assertEqual(
            said,
            {
                "log.level": str(self.file),
                "stdio.start_daemon": "--start-daemon",
                "inference.gpu": "MNEMO_INFERENCE_GPU",
            },
        )

    def test_a_wrong_value_is_refused_even_where_another_wins(self) -> None:
        line = self.refusal("[server]\nport = 70000", flags={"server.port": 1})
        self.assertEqual(
            line, "FILE: server.port must be a whole number from 0 to 65535, not 70000"
        )


class FileTests(ConfigTestCase):
    def test_the_file_is_in_the_home(self) -> None:
        other = self.user / "other"
        other.mkdir()
        (other / "mnemo.toml").write_text("[server]\nport = 7\n")
        for said in ({"flags": {"home": str(other)}}, {"MNEMO_HOME": str(other)}):
            loaded = self.load(**said)
            self.assertEqual((loaded.config.home, loaded.config.server.port), (other, 7))

    def test_another_file_can_be_named_by_a_flag_or_a_variable(self) -> None:
        named, other = self.user / "a.conf", self.user / "b.conf"
        named.write_text("[server]\nport = 7\n")
        other.write_text("[server]\nport = 8\n")
        loaded = self.load("[server]\nport = 1", config_file=named, MNEMO_CONFIG=str(other))
        self.assertEqual((loaded.config.server.port, loaded.file), (7, named))
        loaded = self.load(MNEMO_CONFIG="~/b.conf")
        self.assertEqual((loaded.config.server.port, loaded.file), (8, other))

    def test_a_named_file_must_be_there(self) -> None:
        missing = self.user / "missing.toml"
        line = self.refusal(config_file=missing)
        self.assertEqual(line, f"{missing}: there is no such file")
        self.assertEqual(self.refusal(MNEMO_CONFIG=str(missing)), line)

    def test_every_key_can_be_in_it(self) -> None:
        loaded = self.load(
            """
            models = "~/models"
            [server]
            host = "::1"
            port = 0
            allowed_hosts = ["box.lan", "box.lan:80", "10.0.0.1:*", "[fe80::1]:1"]
            allowed_origins = ["https://example.org", "vscode-webview://abc", "http://box:*"]
            trust_forwarded_host = true
            tokens = ["0123456789abcdef", "ci:fedcba9876543210"]
            listen = ["tcp:8765:interface=127.0.0.1"]
            [sessions]
            idle_minutes = 5
            limit = 1
            running = 1
            waiting = 0
            project = "mnemo"
            [inference]
            model = "other"
            gpu = 1
            threads = 3
            language_model = "writer"
            gpu_layers = 12
            keep_alive = 0
            slots = 3
            context = 4096
            step_ms = 10
            mirror = "/mirror"
            fallbacks = ["http://127.0.0.1:1/v1 model=m"]
            [understanding]
            patterns = true
            gists = true
            [stdio]
            start_daemon = false
            [log]
            level = "error"
            """
        )
        config = loaded.config
        self.assertEqual(config.models, self.user / "models")
        self.assertEqual((config.server.host, config.server.port), ("::1", 0))
        self.assertEqual(
            config.server.allowed_hosts, ("box.lan", "box.lan:80", "10.0.0.1:*", "[fe80::1]:1")
        )
        self.assertEqual(
            config.server.allowed_origins,
            ("https://example.org", "vscode-webview://abc", "http://box:*"),
        )
        self.assertEqual(config.sessions, SessionsConfig(5.0, 1, 1, 0, "mnemo"))
        self.assertEqual(config.server.tokens, ("0123456789abcdef", "ci:fedcba9876543210"))
        self.assertTrue(config.server.trust_forwarded_host)
        self.assertEqual(config.server.listen, ("tcp:8765:interface=127.0.0.1",))
        self.assertIsInstance(config.sessions.idle_minutes, float)
        self.assertEqual(
            config.inference,
            InferenceConfig(
                model="other",
                gpu=1,
                threads=3,
                language_model="writer",
                gpu_layers=12,
                keep_alive=0.0,
                slots=3,
                context=4096,
                step_ms=10.0,
                mirror="/mirror",
                fallbacks=("http://127.0.0.1:1/v1 model=m",),
            ),
        )
        self.assertEqual(config.understanding, UnderstandingConfig(True, True))
        self.assertEqual((config.stdio.start_daemon, config.log.level), (False, "error"))
        origins = [key for key in KEYS if loaded.origins[key] != str(self.file)]
        self.assertEqual(origins, ["home"])

    def test_a_model_may_be_that_of_a_server(self) -> None:
        here = "http://box:8080/v1 model=qwen3:8b"
        more = "https://[::1]/v1 key=THE_KEY window=32768 model=a/b for=background"
        loaded = self.load(f'[inference]\nlanguage_model = "{here}"\nfallbacks = ["{more}", "x"]')
        self.assertEqual(loaded.config.inference.language_models, (here, more, "x"))

    def test_what_is_said_of_a_server_must_be_known(self) -> None:
        for line in (
            "http://box/v1",
            "http://box/v1 model=",
            "http://me:secret@box/v1 model=m",
            "http://box/v1 model=m key=not-a-name",
            "http://box/v1 model=m window=many",
            "http://box/v1 model=m for=fun",
            "http://box/v1 model=m for=background please",
        ):
            said = self.refusal(f'[inference]\nlanguage_model = "{line}"')
            self.assertIn("inference.language_model must be a model's name, the path", said)
        said = self.refusal('[inference]\nmodel = "http://box/v1 model=m for=background"')
        self.assertIn("inference.model must be", said)

    def test_there_is_room_for_one_language_model_of_this_machine(self) -> None:
        said = self.refusal('[inference]\nlanguage_model = "a"\nfallbacks = ["b"]')
        self.assertIn("inference.fallbacks must be servers", said)
        said = self.refusal('[inference]\nfallbacks = ["b"]')
        self.assertIn("inference.fallbacks must be empty while inference.language_model is", said)

    def test_an_unknown_key_is_told_the_nearest(self) -> None:
        for toml, line in {
            "[server]\nprot = 1": "'server.prot' is unknown; did you mean server.port?",
            "port = 1": "'port' is unknown; did you mean server.port?",
            "[sever]\nport = 1": "'sever' is unknown; did you mean server.port?",
            "[log]\nlevels = 1": "'log.levels' is unknown; did you mean log.level?",
            "model = 'x'": "'model' is unknown; did you mean models?",
        }.items():
            self.assertEqual(self.refusal(toml), f"FILE: {line}")

    def test_an_unknown_key_that_is_like_no_other_is_told_all(self) -> None:
        line = self.refusal("zzzzzzzz = 1")
        self.assertIn("FILE: 'zzzzzzzz' is unknown; known are models, server.host, ", line)

    def test_the_home_is_no_key_of_the_file(self) -> None:
        self.assertIn("FILE: 'home' is unknown", self.refusal("home = '/x'"))

    def test_a_section_must_be_a_table(self) -> None:
        self.assertEqual(
            self.refusal("server = 9999"), "FILE: server must be a table, [server], not 9999"
        )

    def test_a_key_of_a_key_is_unknown_or_of_a_wrong_type(self) -> None:
        self.assertEqual(
            self.refusal("[server.port]\nnumber = 1"),
            "FILE: server.port must be a whole number from 0 to 65535, not {'number': 1}",
        )
        self.assertIn("'server.x' is unknown", self.refusal("[server.x]\ny = 1"))

    def test_what_is_not_toml_is_told_where(self) -> None:
        line = self.refusal("[server]\nport = \n")
        self.assertRegex(line, r"^FILE: is not TOML in UTF-8: .*line 2")

    def test_what_is_not_utf8_is_told(self) -> None:
        self.file.write_bytes(b"models = '\xff'")
        self.assertRegex(self.refusal(), "^FILE: is not TOML in UTF-8: ")

    def test_what_is_no_file_is_told(self) -> None:
        self.file.mkdir()
        self.assertEqual(self.refusal(), "FILE: cannot be read: Is a directory")

    def test_a_relative_folder_in_the_file_is_refused(self) -> None:
        self.assertEqual(
            self.refusal("models = 'here'"),
            "FILE: models must be a path; in the file an absolute one, or one that begins with "
            "~/, not 'here'",
        )


class EnvironmentTests(ConfigTestCase):
    def test_every_key_has_a_variable(self) -> None:
        loaded = self.load(
            MNEMO_HOME=str(self.user),
            MNEMO_MODELS="~/m",
            MNEMO_SERVER_HOST="localhost",
            MNEMO_SERVER_PORT="0",
            MNEMO_SERVER_ALLOWED_HOSTS="box.lan, box.lan:80",
            MNEMO_SERVER_ALLOWED_ORIGINS="https://example.org",
            MNEMO_SERVER_TRUST_FORWARDED_HOST="true",
            MNEMO_SERVER_TOKENS="0123456789abcdef, ci:fedcba9876543210",
            MNEMO_SERVER_LISTEN="unix:/run/mnemo.sock:mode=600",
            MNEMO_SESSIONS_IDLE_MINUTES="0.5",
            MNEMO_SESSIONS_LIMIT="10",
            MNEMO_SESSIONS_RUNNING="1",
            MNEMO_SESSIONS_WAITING="2",
            MNEMO_SESSIONS_PROJECT="/work/mnemo",
            MNEMO_INFERENCE_MODEL="0",
            MNEMO_INFERENCE_GPU="0",
            MNEMO_INFERENCE_THREADS="4",
            MNEMO_INFERENCE_LANGUAGE_MODEL="1",
            MNEMO_INFERENCE_GPU_LAYERS="2",
            MNEMO_INFERENCE_KEEP_ALIVE="3",
            MNEMO_INFERENCE_SLOTS="5",
            MNEMO_INFERENCE_CONTEXT="512",
            MNEMO_INFERENCE_STEP_MS="6",
            MNEMO_INFERENCE_MIRROR="/mirror",
            MNEMO_INFERENCE_FALLBACKS="http://127.0.0.1:1/v1 model=m",
            MNEMO_UNDERSTANDING_PATTERNS="true",
            MNEMO_UNDERSTANDING_GISTS="true",
            MNEMO_STDIO_START_DAEMON="false",
            MNEMO_LOG_LEVEL="warn",
        )
        self.assertEqual(
            loaded.config,
            Config(
                home=self.user,
                models=self.user / "m",
                server=ServerConfig(
                    "localhost",
                    0,
                    ("box.lan", "box.lan:80"),
                    ("https://example.org",),
                    True,
                    ("0123456789abcdef", "ci:fedcba9876543210"),
                    ("unix:/run/mnemo.sock:mode=600",),
                ),
                sessions=SessionsConfig(0.5, 10, 1, 2, "/work/mnemo"),
                inference=InferenceConfig(
                    model="0",
                    gpu=0,
                    threads=4,
                    language_model="1",
                    gpu_layers=2,
                    keep_alive=3.0,
                    slots=5,
                    context=512,
                    step_ms=6.0,
                    mirror="/mirror",
                    fallbacks=("http://127.0.0.1:1/v1 model=m",),
                ),
                understanding=UnderstandingConfig(True, True),
                stdio=StdioConfig(False),
                log=LogConfig("warn"),
            ),
        )
        self.assertEqual(loaded.origins, {key: variable_of(key) for key in KEYS})

    def test_an_empty_list_is_empty(self) -> None:
        loaded = self.load("[server]\nallowed_hosts = ['box']", MNEMO_SERVER_ALLOWED_HOSTS="")
        self.assertEqual(loaded.config.server.allowed_hosts, ())

    def test_a_relative_folder_is_below_the_current_one(self) -> None:
        self.assertEqual(self.load(MNEMO_HOME="x").config.home, Path("x").absolute())
        self.assertEqual(self.load(flags={"home": "."}).config.home, Path.cwd())

    def test_an_unknown_variable_is_told_the_nearest(self) -> None:
        self.assertEqual(
            self.refusal(MNEMO_PORT="1"),
            "environment: 'MNEMO_PORT' is unknown; did you mean MNEMO_SERVER_PORT?",
        )

    def test_variables_of_other_commands_are_passed_over(self) -> None:
        self.assertEqual(self.load(MNEMO_URL="http://127.0.0.1:1/mcp"), self.load())

    def test_variables_of_others_are_passed_over(self) -> None:
        self.load(MNEMOSYNE="1", mnemo_port="x", PORT="1")

    def test_a_wrong_value_names_the_variable_the_key_and_what_is_accepted(self) -> None:
        for said, line in {
            ("MNEMO_SERVER_PORT", "http"): "server.port must be a whole number from 0 to 65535, "
            "not 'http'",
            ("MNEMO_SERVER_PORT", ""): "server.port must be a whole number from 0 to 65535, not ''",
            ("MNEMO_STDIO_START_DAEMON", "no"): "stdio.start_daemon must be true or false, "
            "not 'no'",
            ("MNEMO_HOME", ""): "home must be a path, not ''",
            ("MNEMO_INFERENCE_GPU", "cuda"): 'inference.gpu must be "auto", "off", a GPU\'s '
            "number from 0, or its UUID (\"GPU-…\"), not 'cuda'",
        }.items():
            self.assertEqual(self.refusal(**dict([said])), f"{said[0]}: {line}")

    def test_a_wrong_flag_is_named(self) -> None:
        self.assertEqual(
            self.refusal(flags={"server.port": "x"}),
            "--port: server.port must be a whole number from 0 to 65535, not 'x'",
        )


class AcceptedTests(ConfigTestCase):
    """What each key takes, in the file."""

    REFUSED: ClassVar[dict[str, list[object]]] = {
        "server.host": ["''", "'example.org'", "'[::1]'", 1],
        "server.port": [-1, 65536, 1.0, "'1'", "true", "[1]"],
        "server.allowed_hosts": ["'box'", "['']", "['a b']", "['http://a']", "['a/b']", "[1]", 1],
        "server.allowed_origins": ["'x'", "['null']", "['example.org']", "['http://a/']", "[1]"],
        "server.trust_forwarded_host": [1, "'true'"],
        "server.tokens": [
            "'0123456789abcdef'",
            "['']",
            "['0123456789abcde']",
            "['name:0123456789abcde']",
            "['0123456789 abcdef']",
            "['a:b:0123456789abcdef']",
            "['a:0123456789abcdef', 'b:0123456789abcdef']",
            "[1]",
        ],
        "server.listen": [
            "'tcp:1'",
            "['8765']",
            "['tcp:']",
            "['tcp:many']",
            "['ssl:8765']",
            "['tcp:1:interface=x']",
            "['unix:']",
            "[1]",
        ],
        "sessions.idle_minutes": [0, -1, "inf", "nan", "'1'", "true"],
        "sessions.limit": [0, 1.5, "'1'"],
        "sessions.running": [0, -1],
        "sessions.waiting": [-1, "'all'"],
        "sessions.project": [1, "['x']"],
        "inference.model": ["''", 1],
        "inference.gpu": [-1, 1.0, "'on'", "true", "'0'", "'GPU-'"],
        "inference.threads": [-1, "'auto'"],
        "inference.language_model": [1],
        "inference.gpu_layers": [-1, 1.0, "'all'"],
        "inference.keep_alive": [-1, "'never'"],
        "inference.slots": [-1, 65, "'all'"],
        "inference.context": [255, 1.5],
        "inference.step_ms": [0, -1, "'1'"],
        "inference.mirror": [1, "'models'", "'ftp://box/models'"],
        "inference.fallbacks": [1, "'x'", "['']"],
        "understanding.patterns": [1, "'true'"],
        "understanding.gists": [0, "'no'"],
        "stdio.start_daemon": [1, "'true'", "'yes'"],
        "log.level": ["'INFO'", "'trace'", 1],
        "models": ["''", 1, "['/x']", '"/\\u0000"'],
    }

    ACCEPTED: ClassVar[dict[str, list[object]]] = {
        "server.host": ["'localhost'", "'127.0.0.1'", "'127.8.9.10'", "'::1'"],
        "server.port": [0, 1, 65535],
        "server.allowed_hosts": ["[]", "['box']", "['box:*']"],
        "server.trust_forwarded_host": ["true", "false"],
        "server.tokens": [
            "[]",
            "['0123456789abcdef', 'me:0123456789abcdeF', 'me:-._~+/=-._~+/=00']",
        ],
        "server.listen": [
            "[]",
            "['tcp:8765:interface=127.0.0.1', 'tcp6:1:interface=\\:\\:1']",
            "['unix:/run/x.sock', 'unix:/x:mode=600', 'systemd:domain=INET:index=0']",
        ],
        "sessions.project": ["''", "'mnemo'", "'/work/mnemo'"],
        "sessions.idle_minutes": [1, 0.01, 1e6],
        "inference.gpu": ["'auto'", "'off'", 0, 7, "'GPU-5d0f3c1e-8a'"],
        "inference.gpu_layers": ["'auto'", 0, 99],
        "inference.mirror": ["''", "'/mnt/models'", "'~/models'", "'https://box.lan/models'"],
        "log.level": ["'debug'", "'info'", "'warn'", "'error'"],
        "models": ["'/x'", "'~/x'", "'~'"],
    }

    def test_what_is_refused_is_told_what_is_accepted(self) -> None:
        self.assertEqual(set(self.REFUSED), set(KEYS) - {"home"})
        for key, values in self.REFUSED.items():
            for value in values:
                line = self.refusal(f"{key} = {value}")
                accepts = KEYS[key].metadata["accepts"]
                self.assertTrue(line.startswith(f"FILE: {key} must be {accepts}"), line)

    def test_what_is_accepted_is_taken(self) -> None:
        for key, values in self.ACCEPTED.items():
            for value in values:
                self.assertEqual(self.load(f"{key} = {value}").origins[key], str(self.file))

    def test_the_classes_themselves_refuse_what_cannot_be(self) -> None:
        self.assertRaises(ValueError, SessionsConfig, limit=0)
        self.assertRaises(ValueError, ServerConfig, host="0.0.0.0")

    def test_other_machines_reach_it_only_where_it_asks_for_a_token(self) -> None:
        for host in ("0.0.0.0", "::", "192.168.0.1"):
            self.assertEqual(
                self.refusal(f"server.host = '{host}'"),
                "FILE: server.host must be on a loopback address (localhost, 127.0.0.0/8 or ::1)"
                f" while server.tokens is empty, not '{host}'",
            )
        for listen in ("tcp:8765", "tcp6:8765", "tcp:1:interface=10.0.0.1"):
            line = self.refusal(f"server.listen = ['{listen}']")
            self.assertIn(f"server.tokens is empty, not '{listen}'", line)
        tokens = "server.tokens = ['0123456789abcdef']\n"
        self.assertEqual(self.load(f"{tokens}server.host = '::'").config.server.host, "::")
        self.load(f"{tokens}server.listen = ['tcp:8765']")

    def test_a_token_is_repeated_nowhere(self) -> None:
        line = self.refusal("server.tokens = ['a secret of mine']")
        self.assertNotIn("secret", line)
        line = self.refusal(MNEMO_SERVER_TOKENS="a:0123456789abcdef,b:short")
        self.assertNotIn("0123", line)
        self.assertNotIn("short", line.partition("must be")[0])
        self.assertTrue(line.endswith("none twice"), line)
        self.assertNotIn("0123", repr(ServerConfig(tokens=("0123456789abcdef",))))

    @given(st.floats())
    def test_any_number_is_taken_as_it_is_or_refused(self, minutes: float) -> None:
        if minutes > 0 and math.isfinite(minutes):
            loaded = load({"MNEMO_HOME": "/none"}, {"sessions.idle_minutes": minutes})
            self.assertEqual(loaded.config.sessions.idle_minutes, minutes)
        else:
            with self.assertRaises(ConfigError):
                load({"MNEMO_HOME": "/none"}, {"sessions.idle_minutes": minutes})

    @given(st.sampled_from(sorted(KEYS)), st.text(st.characters(exclude_categories=["Cs"])))
    def test_any_text_is_taken_or_refused_with_one_line(self, key: str, text: str) -> None:
        try:
            load({"MNEMO_HOME": "/none", variable_of(key): text})
        except ConfigError as refusal:
            self.assertEqual(len(str(refusal).splitlines()), 1)
            if key != "home":  # A name that is too long is told of the file in it.
                self.assertTrue(str(refusal).startswith(f"{variable_of(key)}: {key} must be "))


class FromHereTests(SynchronousTestCase):
    """A project on a command line."""

    def test_a_folder_is_where_the_command_is_run(self) -> None:
        here = Path.cwd()
        for said, meant in {
            ".": str(here),
            "./x": str(here / "x"),
            "x/y": str(here / "x/y"),
            "/x": "/x",
            "~/x": str(Path.home() / "x"),
        }.items():
            self.assertEqual(from_here(said), meant)

    def test_anything_else_is_what_it_is(self) -> None:
        for said in (None, "", "mnemo", "file:///x/y"):
            self.assertEqual(from_here(said), said)


class ReferenceTests(SynchronousTestCase):
    """The page is made of the classes, so it cannot lag behind them."""

    def test_each_key_is_there_with_its_variable_default_and_meaning(self) -> None:
        page = config_reference.render_reference()
        for key, attribute in KEYS.items():
            [line] = [line for line in page.splitlines() if line.startswith(f"| `{key}` |")]
            self.assertIn(f"`{variable_of(key)}`", line)
            self.assertIn(attribute.metadata["accepts"], line)
            self.assertIn(attribute.metadata["help"], line)
        self.assertIn("| `server.port` | `MNEMO_SERVER_PORT` | `9999` |", page)
        self.assertIn("| `home` | `MNEMO_HOME` | `~/.mnemo` |", page)

    def test_each_section_and_other_variable_is_there(self) -> None:
        page = config_reference.render_reference()
        for name, _ in sections():
            self.assertIn(f"\n## [{name}]\n", page)
        for name in OTHER_VARIABLES:
            self.assertIn(f"| `{name}` |", page)
        self.assertNotIn("C{", page)

    def test_values_are_shown_as_toml_writes_them(self) -> None:
        for value, text in (
            ('a"b', '"a\\"b"'),
            (Path("/x/ü"), '"/x/ü"'),
            (True, "true"),
            (30.0, "30.0"),
            (0, "0"),
            ((), "[]"),
            (("a", "b"), '["a", "b"]'),
        ):
            self.assertEqual(config_reference.shown(value), text)

    def test_every_key_says_what_it_is_for(self) -> None:
        for section in fields(Config):
            if section.name in KEYS:
                self.assertTrue(section.metadata["help"].endswith("."))
        for key in KEYS.values():
            self.assertEqual({"help", "accepts"} - set(key.metadata), set())
