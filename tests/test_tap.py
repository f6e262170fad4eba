"""C{twistd mnemo}."""

import os
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from mnemo.lock import Holder, HomeLock
from mnemo.service import Daemon
from mnemo.tap import Options, makeService


class TapTests(SynchronousTestCase):
    """From a command line to a service."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        for name in [name for name in os.environ if name.startswith("MNEMO_")]:
            self.patch_environment(name, None)

    def patch_environment(self, name: str, value: str | None) -> None:
        before = os.environ.pop(name, None)
        self.addCleanup(lambda: os.environ.pop(name, None))
        if before is not None:
            self.addCleanup(os.environ.__setitem__, name, before)
        if value is not None:
            os.environ[name] = value

    def make(self, *arguments: str) -> Daemon:
        options = Options()
        options.parseOptions([*arguments])
        service = makeService(options)
        assert isinstance(service, Daemon)
        return service

    def refused(self, *arguments: str) -> str:
        ending = self.assertRaises(SystemExit, self.make, *arguments)
        self.assertNotIn("\n", str(ending.code))
        return str(ending.code)

    def test_twistd_finds_it(self) -> None:
        self.assertIn("mnemo", [maker.tapname for maker in getPlugins(IServiceMaker)])

    def test_flags_win_over_the_environment_and_the_file(self) -> None:
        self.home.mkdir()
        (self.home / "mnemo.toml").write_text('[server]\nport = 1111\nhost = "127.0.0.2"\n')
        self.patch_environment("MNEMO_SERVER_PORT", "2222")
        config = self.make("start", f"--home={self.home}", "--port=3333").core.config
        self.assertEqual((config.home, config.server.port), (self.home, 3333))
        self.assertEqual(config.server.host, "127.0.0.2")

    def test_start_is_what_is_done_where_nothing_else_is_said(self) -> None:
        self.patch_environment("MNEMO_HOME", str(self.home))
        self.assertEqual(self.make().core.config.home, self.home)

    def test_another_file_can_be_named(self) -> None:
        file = Path(self.mktemp()).absolute()
        file.write_text("[server]\nport = 4444\n")
        daemon = self.make("start", f"--home={self.home}", f"--config={file}")
        self.assertEqual(daemon.core.config.server.port, 4444)
        self.assertEqual(daemon.config_file, file)

    def test_a_configuration_that_cannot_be_used_ends_it_in_a_line(self) -> None:
        reason = self.refused("start", f"--home={self.home}", "--port=many")
        self.assertTrue(reason.startswith("mnemo: --port: server.port must be"), reason)

    def test_a_home_that_is_served_ends_it_in_a_line(self) -> None:
        lock = HomeLock(self.home)
        lock.take(Holder(4711, "127.0.0.1", 9999, 0.0))
        self.addCleanup(lock.release)
        reason = self.refused("start", f"--home={self.home}")
        self.assertIn("pid 4711 on port 9999", reason)

    def test_the_project_of_those_who_say_none_has_many_names(self) -> None:
        for option in ("--project", "--project-root", "--project-file"):
            daemon = self.make("start", f"--home={self.home}", f"{option}=/src/alpha")
            self.assertEqual(daemon.core.config.sessions.project, "/src/alpha")
            self.assertEqual(daemon.core.server.projects.default, "/src/alpha")
        daemon = self.make("start", f"--home={self.home}", "--project-from-cwd")
        self.assertEqual(daemon.core.config.sessions.project, os.getcwd())

    def test_a_transport_is_what_the_user_is_told_of(self) -> None:
        daemon = self.make("start", f"--home={self.home}", "--transport=sse")
        self.assertEqual(daemon.transport, "sse")
        self.assertEqual(self.make("start", f"--home={self.home}").transport, "http")
        parse = Options().parseOptions
        self.assertRaises(UsageError, parse, ["start", "--transport=pigeon"])

    def test_a_token_that_is_too_short_ends_it_and_is_not_repeated(self) -> None:
        self.patch_environment("MNEMO_SERVER_TOKENS", "short-secret")
        reason = self.refused("start", f"--home={self.home}")
        self.assertTrue(reason.startswith("mnemo: MNEMO_SERVER_TOKENS: server.tokens must be "))
        self.assertNotIn("short-secret", reason)

    def test_an_unknown_option_is_an_error_of_usage(self) -> None:
        self.assertRaises(UsageError, Options().parseOptions, ["start", "--nonsense"])

    def test_making_it_starts_nothing(self) -> None:
        self.make("start", f"--home={self.home}")
        self.assertFalse(self.home.exists())
