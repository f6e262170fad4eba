"""Summaries beside the memories of which an answer does not show all."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import evolve

from mnemo.tools.base import Call
from mnemo.tools.budget import Cost, Listing, cost_of, cost_of_view
from mnemo.tools.views import BEGINNING, BriefView, MemoryView, beginning

_Result = TypeVar("_Result", bound=Listing)
_Part = TypeVar("_Part", MemoryView, BriefView)


async def summarised(call: Call, result: _Result, room: Cost) -> _Result:
    """
    A result with what was derived to look over those of its memories that are cut, as far as
    there is room left.

    Nothing else of the result changes: what was derived moves no memory and takes no place of one.
    """
    cut = [view.id for view in result.memories if view.left_out is not None]
    cut += [view.id for view in result.brief]
    if not cut:
        return result
    derived = await call.memories.store.jobs.derived(cut)
    summaries = {
        memory: str(field.value)
        for memory, fields in derived.items()
        for field in fields
        if field.name == "summary"
    }
    if not summaries:
        return result
    left = room - cost_of(result)
    memories, left = _with_summaries(result.memories, summaries, left)
    brief, _ = _with_summaries(result.brief, summaries, left)
    made: _Result = evolve(cast(Any, result), memories=memories, brief=brief)
    return made


def _with_summaries(views: Any, summaries: Mapping[str, str], left: Cost) -> tuple[list[Any], Cost]:
    made: list[Any] = []
    for view in views:
        tried = _with_summary(view, summaries.get(view.id, ""))
        more = cost_of_view(tried) - cost_of_view(view)
        if tried.summary and more.within(left):
            made.append(tried)
            left -= more
        else:
            made.append(view)
    return made, left


def _with_summary(view: _Part, summary: str) -> _Part:
    if isinstance(view, BriefView):
        return evolve(view, summary=beginning(summary))
    # One that begins as the text does tells nothing more, nor does one of what is shown whole.
    told = view.left_out is None or view.text.startswith(summary[:BEGINNING])
    return view if told else evolve(view, summary=summary)
