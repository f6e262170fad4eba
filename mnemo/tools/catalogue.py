"""All the tools there are, and the page that describes them."""

from mnemo.memory.memories import Memories
from mnemo.tools import reference
from mnemo.tools.audit import AuditEncodings
from mnemo.tools.base import ChooseProject, ResolveProject, Tool, describe, offer
from mnemo.tools.check import CheckMemory
from mnemo.tools.coaching import CoachLocalLlm
from mnemo.tools.context import GetContext
from mnemo.tools.dismissing import DismissAbstraction, DismissPattern
from mnemo.tools.feedback import Feedback
from mnemo.tools.forget import Forget
from mnemo.tools.handoff import CreateHandoff
from mnemo.tools.ingest import ExcludePath, IngestProject, ListExclusions
from mnemo.tools.insights import GetInsights
from mnemo.tools.interfaces import ITool
from mnemo.tools.link import Link
from mnemo.tools.overview import RecallProject, RecallTimeline
from mnemo.tools.patterns import GetPatterns
from mnemo.tools.pin import Pin
from mnemo.tools.projects import ActivateProject
from mnemo.tools.purge import PurgeProject
from mnemo.tools.recall import BatchRecall, Recall
from mnemo.tools.remember import Amend, Remember
from mnemo.tools.sessions import ListSessions, RecallSession, SummariseSession
from mnemo.tools.status import Status
from mnemo.tools.training import TrainModel
from mnemo.tools.transfer import Export, ImportMemories
from mnemo.transfer.transfer import Transfer

TOOLS: tuple[type[Tool], ...] = (
    ActivateProject,
    Amend,
    AuditEncodings,
    BatchRecall,
    CheckMemory,
    CoachLocalLlm,
    CreateHandoff,
    DismissAbstraction,
    DismissPattern,
    ExcludePath,
    Export,
    Feedback,
    Forget,
    GetContext,
    GetInsights,
    GetPatterns,
    ImportMemories,
    IngestProject,
    Link,
    ListExclusions,
    ListSessions,
    Pin,
    PurgeProject,
    Recall,
    RecallProject,
    RecallSession,
    RecallTimeline,
    Remember,
    Status,
    SummariseSession,
    TrainModel,
)
"""Every tool class."""


def all_tools(
    memories: Memories,
    transfer: Transfer,
    resolve_project: ResolveProject,
    choose_project: ChooseProject,
) -> list[ITool]:
    """
    Every tool, in order of name.

    @param resolve_project: the name of the project that a path stands for
        (L{mnemo.memory.projects.project_of}, off the reactor thread)
    @param choose_project: lets a session work in a project until it chooses another
    """
    offers = [offer(tool, memories, transfer, resolve_project, choose_project) for tool in TOOLS]
    return sorted(offers, key=lambda each: each.description.name)


def render_reference() -> str:
    """The page of the documentation that describes every tool."""
    return reference.page([describe(tool) for tool in TOOLS])
