"""One key of a configuration file changes, and nothing else."""

import tomllib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.config_file import set_key
from mnemo.config_sources import ConfigError


class SetKeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "home" / "mnemo.toml"

    def changed(self, before: str, key: str, value: object) -> str:
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(before)
        set_key(self.file, key, value)
        self.assertEqual(list(self.file.parent.iterdir()), [self.file])
        return self.file.read_text()

    def test_a_file_that_is_not_there_is_made_for_its_owner_alone(self) -> None:
        set_key(self.file, "inference.model", "mine")
        self.assertEqual(self.file.read_text(), '[inference]\nmodel = "mine"\n')
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)

    def test_a_value_is_replaced_where_it_is(self) -> None:
        before = "[inference]\n# why\nmodel = 'a' # this\nthreads = 1\n"
        self.assertEqual(
            self.changed(before, "inference.model", "b"),
            '[inference]\n# why\nmodel = "b" # this\nthreads = 1\n',
        )

    def test_dotted_keys_will_do_as_well(self) -> None:
        self.assertEqual(
            self.changed("inference.model = 'a'\n", "inference.model", "b"),
            'inference.model = "b"\n',
        )

    def test_who_may_read_it_and_where_it_leads_stay(self) -> None:
        real = self.folder / "real.toml"
        real.touch(mode=0o640)
        real.chmod(0o640)
        link = self.folder / "link.toml"
        link.symlink_to(real)
        set_key(link, "inference.model", "b")
        self.assertTrue(link.is_symlink())
        self.assertEqual(real.stat().st_mode & 0o777, 0o640)
        self.assertIn("model", real.read_text())

    def test_what_is_not_toml_is_left_as_it_is(self) -> None:
        for before in ("[inference", "inference = 1\n"):
            with self.assertRaisesRegex(ConfigError, "is not TOML"):
                self.changed(before, "inference.model", "b")
            self.assertEqual(self.file.read_text(), before)

    def test_what_cannot_be_written_is_told(self) -> None:
        (self.folder / "home").touch()
        with self.assertRaisesRegex(ConfigError, "cannot be written: File exists"):
            set_key(self.file, "inference.model", "b")

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.text())
    def test_any_text_can_be_a_value(self, value: str) -> None:
        self.changed("[log]\nlevel = 'info'\n", "inference.model", value)
        tree = tomllib.loads(self.file.read_text("utf-8"))
        self.assertEqual(tree["inference"]["model"], value)
