"""What a client does about its tasks: C{tasks/get}, C{tasks/update}, C{tasks/cancel}."""

from collections.abc import Mapping
from typing import Any

from mnemo.mcp.errors import invalid_params, method_not_found
from mnemo.mcp.task import Task, told
from mnemo.mcp.tasks import Tasks, knows_tasks, no_tasks


async def answer(
    tasks: Tasks,
    method: str,
    params: Mapping[str, Any],
    capabilities: Mapping[str, Any],
    principal: str,
) -> Mapping[str, Any]:
    """
    The result of a method of the extension.

    Raises L{ProtocolError}, for every C{tasks/} method that there is not, too.
    """
    work = {"tasks/get": _get, "tasks/update": _update, "tasks/cancel": _cancel}.get(method)
    if work is None:
        raise method_not_found(method)
    if not knows_tasks(capabilities):
        raise no_tasks()
    return await work(tasks, params, principal)


async def _get(tasks: Tasks, params: Mapping[str, Any], principal: str) -> Mapping[str, Any]:
    """How far a task is, or what came of it."""
    found = await tasks.find(_named(params), principal)
    return found.told() if isinstance(found, Task) else told(found)


async def _update(tasks: Tasks, params: Mapping[str, Any], principal: str) -> Mapping[str, Any]:
    """Take answers to what a task has asked."""
    answers = params.get("inputResponses")
    if type(answers) is not dict or any(type(each) is not dict for each in answers.values()):
        raise invalid_params("inputResponses must be an object, and each response in it one")
    found = await tasks.find(_named(params), principal)
    if isinstance(found, Task):
        found.answer(answers)
    return {}


async def _cancel(tasks: Tasks, params: Mapping[str, Any], principal: str) -> Mapping[str, Any]:
    """End a task, if it has not ended."""
    found = await tasks.find(_named(params), principal)
    if isinstance(found, Task):
        await tasks.cancel(found)
    return {}


def _named(params: Mapping[str, Any]) -> str:
    name = params.get("taskId")
    if type(name) is not str:
        raise invalid_params("taskId must be a string")
    return name
