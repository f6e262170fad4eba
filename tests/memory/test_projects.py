import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.projects import LONGEST, is_path, place_of, project_of


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

    def test_a_root_within_another_is_a_root_of_its_own(self) -> None:
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


class Repositories(SynchronousTestCase):
    """Folders as git lays them out; git itself is not needed."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.main = self.folder / "mnemo"
        self.repository(self.main / ".git")

    def repository(self, at: Path) -> Path:
        for name in ("objects", "refs"):
            (at / name).mkdir(parents=True)
        (at / "HEAD").write_text("ref: refs/heads/main\n")
        return at

    def worktree(self, at: Path, of: Path, commondir: str = "../..\n") -> Path:
        """As C{git worktree add} makes one."""
        private = of / "worktrees" / at.name
        private.mkdir(parents=True)
        (private / "commondir").write_text(commondir)
        (private / "gitdir").write_text(f"{at / '.git'}\n")
        at.mkdir(parents=True)
        (at / ".git").write_text(f"gitdir: {private}\n")
        return at

    def test_worktrees_share_the_project_of_their_repository(self) -> None:
        beside = self.worktree(self.folder / "fix-login", self.main / ".git")
        within = self.worktree(self.main / "trees" / "try-it", self.main / ".git")
        (within / "src").mkdir()
        for place in (self.main, beside, within, within / "src"):
            self.assertEqual(project_of(str(place)), "mnemo")

    def test_a_worktree_is_a_place_of_its_own(self) -> None:
        within = self.worktree(self.main / "trees" / "try-it", self.main / ".git")
        self.assertEqual(place_of(str(within / "src")).root, within)
        self.assertEqual(place_of(str(self.main / "src")).root, self.main)
        self.assertIsNone(place_of("mnemo").root)
        self.assertIsNone(place_of("/no/such/place").root)

    def test_the_ways_between_the_folders_may_be_relative_or_not(self) -> None:
        tree = self.worktree(self.folder / "a", self.main / ".git", f"{self.main}/.git\n")
        self.assertEqual(project_of(str(tree)), "mnemo")
        tree = self.worktree(self.folder / "b", self.main / ".git")
        (tree / ".git").write_text("gitdir: ../mnemo/.git/worktrees/b")
        self.assertEqual(project_of(str(tree)), "mnemo")

    def test_a_submodule_is_a_repository_of_its_own(self) -> None:
        self.repository(self.main / ".git" / "modules" / "parser")
        part = self.main / "vendor" / "parser"
        part.mkdir(parents=True)
        (part / ".git").write_text("gitdir: ../../.git/modules/parser\n")
        self.assertEqual(place_of(str(part)), place_of(f"{part}/src"))
        self.assertEqual((place_of(str(part)).root, project_of(str(part))), (part, "parser"))

    def test_a_worktree_of_a_submodule_is_the_submodule_s(self) -> None:
        module = self.repository(self.main / ".git" / "modules" / "parser")
        tree = self.worktree(self.folder / "parser-fix", module)
        self.assertEqual(project_of(str(tree)), "parser")

    def test_a_bare_repository_is_named_without_its_ending(self) -> None:
        bare = self.repository(self.folder / "klein.git")
        self.assertEqual(project_of(str(bare)), "klein")
        self.assertEqual(project_of(str(self.worktree(self.folder / "main", bare))), "klein")

    def test_worktrees_around_a_hidden_bare_repository_are_named_after_its_folder(self) -> None:
        home = self.folder / "twisted"
        bare = self.repository(home / ".bare")
        (home / ".git").write_text("gitdir: ./.bare\n")
        tree = self.worktree(home / "trunk", bare)
        self.assertEqual((project_of(str(home)), project_of(str(tree))), ("twisted", "twisted"))
        self.assertEqual(place_of(str(tree)).root, tree)

    def test_the_folder_of_the_repository_itself_belongs_to_it(self) -> None:
        self.assertEqual(project_of(str(self.main / ".git")), "mnemo")
        self.assertEqual(project_of(str(self.main / ".git" / "hooks")), "mnemo")

    def test_what_leads_nowhere_is_named_after_its_own_folder(self) -> None:
        odd = self.folder / "odd"
        odd.mkdir()
        for pointer in (b"", b"gitdir:", b"gitdir: /no/such/place", b"\xff\0", b"x" * 100_000):
            (odd / ".git").write_bytes(pointer)
            self.assertEqual(project_of(str(odd)), "odd", pointer[:40])
        tree = self.worktree(self.folder / "lost", self.main / ".git", "../../../gone")
        self.assertEqual(project_of(str(tree)), "lost")
