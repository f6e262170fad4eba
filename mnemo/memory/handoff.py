"""The note one session leaves to the next. Pure."""

from collections.abc import Sequence


def compose(
    completed: Sequence[str] = (),
    pending: Sequence[str] = (),
    to_test: Sequence[str] = (),
    known_issues: Sequence[str] = (),
    next_session_hint: str = "",
) -> str:
    """
    The headed text of a handoff, each entry word for word; C{""} where all are blank.
    """
    parts = [
        _part("Completed", completed),
        _part("Pending", pending),
        _part("To test", to_test),
        _part("Known issues", known_issues),
        f"Next session: {next_session_hint}" if next_session_hint.strip() else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _part(heading: str, entries: Sequence[str]) -> str:
    lines = [f"- {entry}" for entry in entries if entry.strip()]
    return "\n".join([f"{heading}:", *lines]) if lines else ""
