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
