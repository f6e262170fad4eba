"""
A year of work in three projects, lived through the tools, and what has to be known at its end.

What agents do comes from a seed. Beside it runs a ledger of what was said, amended, forgotten and
judged: nothing in it comes from the store.
"""

from pathlib import Path
from random import Random
from typing import Any, Final

from attrs import define, field
from twisted.internet.task import Clock

from mnemo.sessions.interfaces import Session
from tests.lifecycle.house import House
from tests.lifecycle.words import ASPECTS, Words

MINUTE: Final = 60.0
DAY: Final = 86400.0
BEGIN: Final = 1_735_689_600.0
"""2025-01-01T00:00:00Z."""

PROJECTS: Final = ("heron", "kiln", "otter")
COMPONENTS: Final = 8
DAYS: Final = 365
SESSIONS_A_DAY: Final = 0.7
RESTARTS: Final = frozenset(range(29, DAYS, 41))
CRASH: Final = 171
QUARTERS: Final = (90, 181, 272)
TWINS_ON: Final = (0, 30, 60)
TWINS: Final = 4


@define(eq=False)
class Fact:
    """
    Something that was said, as the ledger has it.

    @ivar texts: each version with when it began to hold
    @ivar absent: the spans in which it was forgotten; the last may be open
    @ivar superseded: by which fact, and since when
    """

    id: str
    project: str
    kind: str
    question: str
    texts: list[tuple[float, str]]
    session: str
    absent: list[tuple[float, float | None]] = field(factory=list)
    supersedes: "Fact | None" = None
    superseded: bool = False
    purged: bool = False
    irrelevant: int = 0

    @property
    def text(self) -> str:
        return self.texts[-1][1]

    @property
    def created(self) -> float:
        return self.texts[0][0]

    @property
    def forgotten(self) -> bool:
        return bool(self.absent) and self.absent[-1][1] is None

    @property
    def suppressed(self) -> bool:
        return self.irrelevant >= 3

    def text_at(self, moment: float) -> str | None:
        """What it said at a moment; C{None} where it was not there."""
        if self.purged or any(a <= moment and (b is None or moment < b) for a, b in self.absent):
            return None
        held = [text for since, text in self.texts if since <= moment]
        return held[-1] if held else None


@define(eq=False)
class Twins:
    """Decisions, and hunches that have as much to do with the same question."""

    question: str
    project: str
    decisions: list[Fact] = field(factory=list)
    noise: list[Fact] = field(factory=list)


@define(eq=False)
class Sunk:
    """
    How far noise has sunk.

    @ivar rank: its mean rank among the twins, from 1
    @ivar prior: what is left of the strongest
    """

    rank: float
    prior: float


@define(eq=False)
class Start:
    """
    What a session was shown when it began, and what it should have been.

    @ivar expected: the kind of note and the session that left it, or C{None}
    @ivar shown: likewise, of what came first
    """

    expected: tuple[str, str] | None
    shown: tuple[str, str] | None


@define(eq=False)
class Looked:
    """
    A question of the year and its answer.

    @ivar rank: at which place the answer was, from 1; 0 where it was not
    """

    day: int
    fact: Fact
    rank: int
    found: dict[str, Any]


class Year:
    """
    @ivar facts: by id
    @ivar starts: of each session
    @ivar looked: each question for a decision
    @ivar sunk: for each month of its age, how far noise has sunk
    @ivar offers: what get_context brought that it should not have
    @ivar quarters: the moments at which quarters ended
    """

    def __init__(self, directory: Path, seed: int = 2025) -> None:
        self.random = Random(seed)
        self.words = Words(self.random)
        self.clock = Clock()
        self.clock.advance(BEGIN)
        self.house = House(directory, self.clock)
        self.house.open()
        self.components = {
            project: [self.words.name() for _ in range(COMPONENTS)] for project in PROJECTS
        }
        self.free = {
            project: [(c, a) for c in names for a in ASPECTS]
            for project, names in self.components.items()
        }
        for pairs in self.free.values():
            self.random.shuffle(pairs)
        self.facts: dict[str, Fact] = {}
        self.left: dict[str, tuple[str, str] | None] = dict.fromkeys(PROJECTS)
        self.shown: dict[str, set[str]] = {}
        self.starts: list[Start] = []
        self.looked: list[Looked] = []
        self.sunk: dict[int, list[Sunk]] = {}
        self.offers: list[str] = []
        self.offered = 0
        self.quarters: list[float] = []
        self.twins: list[Twins] = []
        self.secrets: list[str] = []
        self.sessions = 0
        self.judgements = 0

    # -- living

    def live(self) -> None:
        """From the first of January to the last of December."""
        for day in range(DAYS):
            self.clock.advance(9 * 60 * MINUTE)
            for _ in range(sum(self.random.random() < SESSIONS_A_DAY / 3 for _ in range(3))):
                self.work(day, self.random.choice(PROJECTS))
            if day in TWINS_ON:
                self.make_twins()
            if day % 30 == 0:
                self.look_at_twins()
            if day % 5 == 0:
                self.house.settle()
            if day in RESTARTS:
                self.house.close()
                self.house.open()
            if day in QUARTERS:
                self.quarters.append(float(int(self.clock.seconds())))
            self.clock.advance(BEGIN + (day + 1) * DAY - self.clock.seconds())

    def work(self, day: int, project: str) -> None:
        """A session from its beginning to its end."""
        session = self.begin(project)
        self.sessions += 1
        for step in self.random.choices(
            ("decide", "err", "find", "chat", "ask", "amend", "supersede", "forget", "restore",
             "judge", "offer", "purge"),
            (10, 6, 4, 14, 14, 3, 3, 3, 1, 4, 4, 0.4),
            k=self.random.randrange(0, 9),
        ):  # fmt: skip
            self.clock.advance(self.random.uniform(1, 5) * MINUTE)
            getattr(self, step)(session, day)
        self.clock.advance(MINUTE)
        # What the project had in the same words already is not this session's.
        wrote = any(
            each.session == session.id and not each.forgotten and not each.purged
            for each in self.facts.values()
        )
        self.end(session, wrote, day)

    def begin(self, project: str) -> Session:
        session = self.house.session(project)
        self.shown[session.id] = set()
        answer = self.call(session, "recall_project")
        shown = None
        if "draft" in answer:
            shown = ("draft", answer["draft"]["session_id"])
        elif "handoff" in answer:
            shown = ("handoff", answer["handoff"]["session_id"])
        self.starts.append(Start(self.left[project], shown))
        return session

    def end(self, session: Session, wrote: bool, day: int) -> None:
        how = self.random.random()
        if how < 0.5:
            self.hand_off(session)
            self.left[session.project] = ("handoff", session.id)
        elif wrote:
            self.left[session.project] = ("draft", session.id)
        if day >= CRASH and self.house.drafting and not self.crashed and wrote and how >= 0.5:
            # The process dies between the end of the session and its draft.
            self.crashed = True
            self.house.drafting = False
            self.house.end(session)
            self.clock.advance(2.0)
            self.house.kill()
        elif how < 0.8:
            self.house.end(session)
        else:
            self.clock.advance(31 * MINUTE)

    crashed = False

    # -- what agents do

    def decide(self, session: Session, day: int) -> None:
        component, aspect = self.free[session.project].pop()
        question = f"What did we decide on the {aspect} of {component}?"
        self.keep(session, "decision", self.words.decision(component, aspect), question)

    def err(self, session: Session, day: int) -> None:
        self.say(session, "error", self.words.error(self.component(session)))

    def find(self, session: Session, day: int) -> None:
        self.say(session, "insight", self.words.insight(self.component(session)))

    def chat(self, session: Session, day: int) -> None:
        self.say(session, "general", self.words.chatter(self.component(session)))

    def ask(self, session: Session, day: int) -> None:
        fact = self.some(session, "decision")
        if fact is not None:
            rank, answer = self.rank(session, fact)
            self.looked.append(Looked(day, fact, rank, answer))
            if self.random.random() < 0.3 and rank:
                self.call(
                    session,
                    "feedback",
                    query_id=answer["query_id"],
                    memory_ids=[fact.id],
                    quality="helpful",
                )
                self.judgements += 1

    def amend(self, session: Session, day: int) -> None:
        fact = self.some(session, "decision")
        if fact is not None:
            text = fact.text.replace("because", f"now with {self.words.name()}, because")
            self.call(session, "amend", memory_id=fact.id, corrected_content=text)
            fact.texts.append((self.clock.seconds(), text))
            self.drafted_anew(fact)

    def supersede(self, session: Session, day: int) -> None:
        old = self.some(session, "decision")
        if old is None:
            return
        aspect, component = old.question.removesuffix("?").split(" on the ")[1].split(" of ")
        text = self.words.decision(component, aspect)
        new = self.keep(session, "decision", text, old.question, supersedes=old.id)
        new.supersedes, old.superseded = old, True
        old.absent.append((self.clock.seconds(), None))
        self.drafted_anew(old)

    def forget(self, session: Session, day: int) -> None:
        fact = self.some(session, "general")
        if fact is not None:
            self.call(session, "forget", memory_id=fact.id)
            fact.absent.append((self.clock.seconds(), None))
            self.drafted_anew(fact)

    def restore(self, session: Session, day: int) -> None:
        gone = [
            each for each in self.facts.values()
            if each.forgotten and not each.superseded and not each.purged
        ]  # fmt: skip
        if gone:
            fact = self.random.choice(gone)
            self.call(session, "forget", memory_id=fact.id, restore=True)
            since, _ = fact.absent[-1]
            fact.absent[-1] = since, self.clock.seconds()
            self.drafted_anew(fact)

    def judge(self, session: Session, day: int) -> None:
        """Some chatter is in the way again and again."""
        fact = self.some(session, "general")
        if fact is not None:
            for _ in range(self.random.choice((1, 3))):
                answer = self.call(session, "recall", query=fact.text, limit=5)
                found = [each["id"] for each in answer["memories"]]
                if fact.id in found:
                    self.call(
                        session,
                        "feedback",
                        query_id=answer["query_id"],
                        memory_ids=[fact.id],
                        quality="irrelevant",
                    )
                    fact.irrelevant += 1
                    self.judgements += 1

    def offer(self, session: Session, day: int) -> None:
        answer = self.house.call(session, "get_context", since_minutes=60)
        for each in answer["suggestions"]:
            fact = self.facts.get(each["id"])
            self.offered += 1
            if fact is None or fact.purged or fact.forgotten or fact.suppressed:
                self.offers.append(f"{each['id']} is gone or suppressed")
            elif fact.project != session.project:
                self.offers.append(f"{fact.id} is of another project")
            elif fact.session == session.id or fact.id in self.shown[session.id]:
                self.offers.append(f"{fact.id} was shown in this session")
            self.shown[session.id].add(each["id"])

    def purge(self, session: Session, day: int) -> None:
        """Something slips out, is amended, and has to go for good."""
        secret, other = self.words.name(), self.words.name()
        fact = self.keep(session, "general", f"The vault of {secret} opens at noon.", "")
        self.call(
            session, "amend", memory_id=fact.id, corrected_content=f"The vault of {other} is open."
        )
        self.clock.advance(MINUTE)
        self.call(session, "forget", memory_id=fact.id, hard=True)
        fact.purged = True
        self.secrets += [secret, other]

    def hand_off(self, session: Session) -> None:
        task, other = self.words.name(), self.words.name()
        component = self.component(session)
        answer = self.call(
            session,
            "create_handoff",
            completed=[f"the {self.words.aspect()} of {component}"],
            pending=[f"finish the {task} of {component}", f"ask about {other}"],
            next_session_hint=f"begin with {task}",
        )
        (kept,) = self.call(session, "recall_session", session_id="current", limit=1)["memories"]
        question = f"Is the {task} of {component} finished?"
        assert kept["id"] == answer["id"]
        self.note(session, answer["id"], "handoff", kept["text"], question)

    # -- twins

    def make_twins(self) -> None:
        """Decisions and noise that say as much of the same, in sessions that hold nothing else."""
        project = PROJECTS[len(self.twins)]
        component, aspect = self.words.name(), self.words.aspect()
        question = f"{aspect} {component}"
        twins = Twins(question, project)
        for number in range(2 * TWINS):
            text = f"{aspect} {component}: {self.words.as_far_from(question)}"
            session = self.house.session(project)
            kind = "insight" if number % 2 else "decision"
            fact = self.keep(session, kind, text, question)
            (twins.noise if number % 2 else twins.decisions).append(fact)
            self.house.end(session)
            self.clock.advance(MINUTE)
            self.left[project] = ("draft", session.id)
        self.twins.append(twins)

    def look_at_twins(self) -> None:
        """How noise stands among decisions, by its age in months."""
        for twins in self.twins:
            session = self.house.session(twins.project)
            answer = self.house.call(
                session, "recall", query=twins.question, limit=2 * TWINS, explain=True,
                max_tokens=20_000,
            )  # fmt: skip
            self.house.end(session)
            found = [each["id"] for each in answer["memories"]]
            noise = [each.id for each in twins.noise]
            prior = [
                next(term["value"] for term in each["explanation"] if term["name"] == "prior")
                for each in answer["memories"]
                if each["id"] in noise
            ]
            since = self.clock.seconds() - twins.noise[0].created
            self.sunk.setdefault(round(since / (30 * DAY)), []).append(
                Sunk(sum(found.index(one) + 1 for one in noise) / TWINS, max(prior))
            )

    # -- the ledger

    def call(self, session: Session, name: str, **arguments: Any) -> dict[str, Any]:
        answer = self.house.call(session, name, **arguments)
        shown = self.shown.setdefault(session.id, set())
        for part in ("memories", "brief"):
            shown.update(each["id"] for each in answer.get(part, ()))
        return answer

    def say(self, session: Session, kind: str, text: str) -> None:
        self.keep(session, kind, text, "")

    def keep(self, session: Session, kind: str, text: str, question: str, **more: Any) -> Fact:
        answer = self.call(session, "remember", text=text, type=kind, **more)
        if answer["id"] in self.facts:
            return self.facts[answer["id"]]
        return self.note(session, answer["id"], kind, text, question)

    def note(self, session: Session, id: str, kind: str, text: str, question: str) -> Fact:
        said = [(self.clock.seconds(), text)]
        fact = Fact(id, session.project, kind, question, said, session.id)
        self.facts[id] = fact
        return fact

    def drafted_anew(self, fact: Fact) -> None:
        """
        A change takes away the draft of a session that has ended; it comes back, unless nothing
        is left to say.
        """
        if self.left[fact.project] == ("draft", fact.session):
            self.clock.advance(MINUTE)
            if not any(
                each.session == fact.session and not each.forgotten and not each.purged
                for each in self.facts.values()
            ):
                self.left[fact.project] = None

    def component(self, session: Session) -> str:
        return self.random.choice(self.components[session.project])

    def some(self, session: Session, kind: str) -> Fact | None:
        """A fact of the session's project that is there."""
        there = [
            each for each in self.facts.values()
            if each.project == session.project and each.kind == kind
            and not (each.forgotten or each.purged or each.suppressed)
            and not any(each in twins.decisions for twins in self.twins)
        ]  # fmt: skip
        return self.random.choice(there) if there else None

    def rank(
        self, session: Session, fact: Fact, limit: int = 10, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        """At which place a fact is among the answers to its question, from 1; 0 for none."""
        answer = self.call(
            session, "recall", query=fact.question, limit=limit, max_tokens=20_000, **more
        )
        found = [each["id"] for each in answer["memories"]]
        return (found.index(fact.id) + 1 if fact.id in found else 0), answer
