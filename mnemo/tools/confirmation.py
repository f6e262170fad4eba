"""Asking the user before something that cannot be undone."""

from collections.abc import Mapping
from typing import Any

from mnemo.tools.base import Call
from mnemo.tools.interfaces import MissingCapability, Question, ToolError
from mnemo.tools.shown import shown

CONFIRMATION = "confirmation"
"""The key of the question."""

_DECLINED = {"decline": "the user declined", "cancel": "the user did not decide"}


async def confirmation(
    call: Call, message: str, name: str, wanted: Mapping[str, Any], instead: str
) -> Any:
    """
    What the user enters in a form with one field. Nothing may have been done before.

    @param name: the name of the field
    @param wanted: its schema
    @param instead: what else there is to do, where the client cannot ask its user
    @return: C{None} where nothing was entered
    @raise ToolError: the user cannot be asked, or does not want it
    """
    form = {"type": "object", "properties": {name: wanted}, "required": [name]}
    question = Question("elicitation/create", {"message": shown(message), "requestedSchema": form})
    try:
        answers = await call.context.client.ask({CONFIRMATION: question})
    except MissingCapability:
        raise ToolError(
            "nothing was removed: this cannot be undone, so the user has to confirm it, and this "
            f"client cannot ask (it declares no elicitation). {instead}"
        ) from None
    answer = answers.get(CONFIRMATION, {})
    action = answer.get("action")
    if action != "accept":
        why = _DECLINED.get(action if isinstance(action, str) else "", "there was no answer")
        raise ToolError(f"nothing was removed: {why}. Do not ask again unless the user wants it.")
    content = answer.get("content")
    return content.get(name) if isinstance(content, Mapping) else None
