"""What memories are wanted, as SQL."""

from collections.abc import Iterable

from mnemo.store.search import Filter


def condition(wanted: Filter) -> tuple[str, list[object]]:
    """A filter as SQL, meaning what L{mnemo.store.index.columns.passes} means."""
    terms = ["salience >= ?"]
    values: list[object] = [wanted.min_salience]

    def also(term: str, *more: object) -> None:
        terms.append(term)
        values.extend(more)

    if wanted.state == "archived":
        also("archived IS NOT NULL")
    else:
        also("archived IS NULL")
        if wanted.state == "fading":
            also("fades <= ?", wanted.now)
        elif wanted.state == "active":
            also("fades > ?", wanted.now)
    for column in ("project", "source", "session"):
        value = getattr(wanted, column)
        if value is not None:
            also(f"{column} = ?", value)
    if wanted.types:
        also(f"type IN {marks(wanted.types)}", *wanted.types)
    if wanted.since is not None:
        also("created >= ?", wanted.since)
    if wanted.until is not None:
        also("created < ?", wanted.until)
    for start, concepts in (("", wanted.concepts), ("NOT ", wanted.exclude_concepts)):
        if concepts:
            also(
                f"{start}EXISTS (SELECT 1 FROM json_each(concepts)"
                f" WHERE casefold(value) IN {marks(concepts)})",
                *(concept.casefold() for concept in concepts),
            )
    return " AND ".join(terms), values


def marks(values: Iterable[object]) -> str:
    """The placeholders of a list of values."""
    return f"({','.join('?' for _ in values)})"
