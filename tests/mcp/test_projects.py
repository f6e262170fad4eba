"""Which project a client works in."""

import gc
from weakref import ref

from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import projects
from mnemo.mcp.projects import Projects
from mnemo.sessions.interfaces import Opening, Session
from tests.mcp.fakes import FakeSessions, Resolver, done


class ProjectsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions()
        self.resolver = Resolver()
        self.projects = Projects(self.sessions, self.resolver)

    def open(self, project: str = "") -> Session:
        return done(self.sessions.open(Opening("2025-11-25", "c", "1", "local", project)))

    def work(self, hint: str = "", handle: str = "", client: str = "c") -> Session:
        return done(self.projects.work("2026-07-28", client, "1", "local", handle, hint))


class EnterTests(ProjectsTests):
    def test_a_hint_sets_the_project_of_the_session(self) -> None:
        session = self.open()
        done(self.projects.enter(session, "/src/alpha"))
        self.assertEqual(session.project, "alpha")

    def test_the_same_hint_is_asked_about_once(self) -> None:
        session = self.open()
        for hint in ("/a", "/a", "/b", "/a", "/b"):
            done(self.projects.enter(session, hint))
            self.assertEqual(session.project, hint[1:])
        self.assertEqual(self.resolver.asked, ["/a", "/b"])

    def test_another_session_asks_anew(self) -> None:
        for _ in range(2):
            done(self.projects.enter(self.open(), "/a"))
        self.assertEqual(self.resolver.asked, ["/a", "/a"])

    def test_the_hint_of_the_opening_is_not_asked_about_again(self) -> None:
        session = self.open("a")
        self.projects.opened(session, "/a")
        done(self.projects.enter(session, "/a"))
        self.assertEqual(self.resolver.asked, [])

    def test_no_hint_changes_nothing(self) -> None:
        session = self.open("a")
        self.projects.opened(session, "")
        done(self.projects.enter(session, ""))
        self.assertEqual((session.project, self.sessions.moves), ("a", []))
        self.assertFalse(self.projects.hinted(session))

    def test_a_hint_that_names_no_project_changes_nothing(self) -> None:
        session = self.open("a")
        done(self.projects.enter(session, "/"))
        self.assertEqual((session.project, self.sessions.moves), ("a", []))
        self.assertFalse(self.projects.hinted(session))

    def test_a_project_that_is_set_already_is_not_set_again(self) -> None:
        session = self.open("a")
        done(self.projects.enter(session, "/a"))
        self.assertEqual(self.sessions.moves, [])
        self.assertTrue(self.projects.hinted(session))

    def test_hints_without_end_are_not_kept_without_end(self) -> None:
        session = self.open()
        for number in range(3 * projects.HINTS):
            done(self.projects.enter(session, f"/{number}"))
        self.assertEqual(session.project, str(3 * projects.HINTS - 1))
        self.assertLessEqual(len(self.projects._hints[session].meant), projects.HINTS)

    def test_nothing_keeps_a_session_that_has_gone(self) -> None:
        session = self.open()
        done(self.projects.enter(session, "/a"))
        done(self.sessions.end(session, "idle"))
        gone = ref(session)
        del session
        gc.collect()
        self.assertIsNone(gone())


class ChosenTests(ProjectsTests):
    """A session that has chosen its project stays there."""

    def test_no_hint_moves_it(self) -> None:
        session = self.open("a")
        done(self.sessions.choose_project(session, "mine"))
        for hint in ("/b", "/a", "/mine"):
            done(self.projects.enter(session, hint))
            self.assertEqual(session.project, "mine")
        self.assertEqual(self.resolver.asked, [])

    def test_no_root_moves_it(self) -> None:
        session = self.open("a")
        done(self.sessions.choose_project(session, "mine"))
        done(self.projects.move(session, "b"))
        self.assertEqual(session.project, "mine")

    def test_another_session_is_where_it_was(self) -> None:
        chooser, other = self.open("a"), self.open("a")
        done(self.sessions.choose_project(chooser, "mine"))
        self.assertEqual(other.project, "a")
        done(self.projects.enter(other, "/b"))
        self.assertEqual((chooser.project, other.project), ("mine", "b"))

    def test_a_work_session_that_chose_is_found_by_the_same_hint_as_before(self) -> None:
        first = self.work("/a")
        done(self.sessions.choose_project(first, "mine"))
        again = self.work("/a")
        self.assertIs(first, again)
        self.assertEqual(again.project, "mine")
        self.assertEqual(self.work("/b", handle=first.id).project, "mine")
        self.assertEqual(self.work("/b").project, "b")


class WorkTests(ProjectsTests):
    def test_the_session_is_found_by_the_project_of_the_hint(self) -> None:
        first, second, again = self.work("/src/a"), self.work("/src/b"), self.work("/home/a")
        self.assertEqual((first.project, second.project), ("a", "b"))
        self.assertIs(first, again)
        self.assertIsNot(first, second)

    def test_the_same_hint_is_asked_about_once_while_its_session_lives(self) -> None:
        for _ in range(3):
            session = self.work("/a")
        self.assertEqual(self.resolver.asked, ["/a"])
        done(self.sessions.end(session, "idle"))
        del session
        gc.collect()
        self.work("/a")
        self.assertEqual(self.resolver.asked, ["/a", "/a"])

    def test_without_a_hint_nobody_is_asked(self) -> None:
        self.assertEqual(self.work().project, "")
        self.assertEqual(self.resolver.asked, [])

    def test_a_handle_names_the_session_and_the_hint_moves_it(self) -> None:
        first = self.work("/a")
        second = self.work("/b", handle=first.id)
        self.assertIs(first, second)
        self.assertEqual(second.project, "b")
        self.assertEqual(self.work("/a", handle=first.id).project, "a")
        self.assertEqual(self.work("/b", handle=first.id).project, "b")
        self.assertEqual(self.work("", handle=first.id).project, "b")

    def test_callers_without_end_are_not_kept_without_end(self) -> None:
        self.sessions.limit = 10**6
        for number in range(projects.CALLERS + 10):
            self.work("/a", client=str(number))
        self.assertLessEqual(len(self.projects._callers), projects.CALLERS)


class DefaultTests(ProjectsTests):
    """The project of those who say none."""

    def setUp(self) -> None:
        super().setUp()
        self.projects.default = "/src/house"

    def test_it_is_theirs_and_is_asked_about_once(self) -> None:
        for client in ("a", "b"):
            self.assertEqual(done(self.projects.name("")), "house")
            self.assertEqual(self.work(client=client).project, "house")
        self.assertEqual(self.resolver.asked, ["/src/house"])

    def test_whoever_says_one_has_that(self) -> None:
        self.assertEqual(done(self.projects.name("/src/alpha")), "alpha")
        self.assertEqual(self.work(hint="/src/alpha").project, "alpha")

    def test_a_call_that_says_none_leaves_the_session_where_it_is(self) -> None:
        session = self.work(hint="/src/alpha")
        self.assertIs(self.work(handle=session.id), session)
        self.assertEqual(session.project, "alpha")

    def test_it_leaves_open_what_the_client_may_still_say(self) -> None:
        done(self.projects.name(""))
        places = [("house", True), ("", True), ("alpha", False)]
        self.assertEqual(
            [(name, self.projects.is_open(self.open(name))) for name, _ in places], places
        )
