import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.projects import LONGEST, is_path, project_of


class Names(SynchronousTestCase):
    def test_a_name_is_itself(self) -> None:
        self.assertEqual(project_of("mnemo"), "mnemo")
        self.assertEqual(project_of("  the  big\nthing "), "the big thing")

    def test_a_name_may_have_a_slash(self) -> None:
        self.assertEqual(project_of("twisted/klein"), "twisted/klein")

    def test_a_long_name_is_cut(self) -> None:
        self.assertEqual(project_of("x" * 500), "x" * LONGEST)

    def test_nothing_and_the_star_name_nothing(self) -> None:
        for hint in ("", "  ", "*", "/", "file://", "file:///"):
            self.assertEqual(project_of(hint), "", hint)

    @given(st.text() | st.text().map("/".__add__) | st.text().map("file://".__add__))
    def test_no_hint_is_too_strange(self, hint: str) -> None:
        self.assertLessEqual(len(project_of(hint)), LONGEST)


class Paths(SynchronousTestCase):
    def setUp(self) -> None:
        # Not below the checkout, which is a repository itself.
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve() / "repo"
        self.inner = self.root / "src" / "deep"
        self.inner.mkdir(parents=True)

    def test_only_places_are_paths(self) -> None:
        self.assertTrue(all(map(is_path, ("/a", "~/a", "file:///a"))))
        self.assertFalse(any(map(is_path, ("a", "a/b", "https://a/b", "./a", "~a"))))

    def test_a_path_is_named_after_the_repository_around_it(self) -> None:
        (self.root / ".git").mkdir()
        self.assertEqual(project_of(str(self.inner)), "repo")
        self.assertEqual(project_of(str(self.root)), "repo")
        self.assertEqual(project_of(f"{self.root}/"), "repo")

    def test_a_worktree_is_a_root_of_its_own(self) -> None:
        (self.root / ".git").mkdir()
        (self.root / "src" / ".git").write_text("gitdir: elsewhere")
        self.assertEqual(project_of(str(self.inner)), "src")

    def test_a_mark_makes_a_root_without_git(self) -> None:
        (self.root / ".mnemo").mkdir()
        self.assertEqual(project_of(str(self.inner)), "repo")

    def test_the_data_of_mnemo_in_the_home_directory_mark_no_project(self) -> None:
        (self.root / ".mnemo").mkdir()
        self.patch(os, "environ", os.environ | {"HOME": str(self.root)})
        self.assertEqual(project_of(str(self.inner / "new")), "new")

    def test_a_path_with_no_repository_around_it_is_named_after_its_last_part(self) -> None:
        self.assertEqual(project_of("/no/such/place"), "place")

    def test_an_address_is_a_path_with_its_characters_decoded(self) -> None:
        (self.inner / ".git").mkdir()
        spaced = self.root / "my work"
        (spaced / ".git").mkdir(parents=True)
        self.assertEqual(project_of(f"file://{self.root}/my%20work/lib"), "my work")
        self.assertEqual(project_of(f"file://localhost{self.inner}"), "deep")

    def test_a_path_from_the_home_directory_is_found(self) -> None:
        (self.root / ".git").mkdir()
        self.patch(os, "environ", os.environ | {"HOME": str(self.root)})
        self.assertEqual(project_of("~/src"), "repo")

    def test_a_place_that_cannot_be_is_named_after_its_last_part(self) -> None:
        self.assertEqual(project_of("/a/b\0c"), "b\0c")
        self.assertEqual(project_of("/" + "x" * 5000), "x" * LONGEST)
