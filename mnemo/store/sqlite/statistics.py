"""Counts of what is kept."""

import sqlite3
from collections import Counter

from mnemo.store.records import Statistics


def statistics(db: sqlite3.Connection, now: float) -> Statistics:
    """Counts as they are at the time C{now}. Those by a field leave out what is archived."""
    states: Counter[str] = Counter()
    by_type: Counter[str] = Counter()
    by_project: Counter[str] = Counter()
    by_source: Counter[str] = Counter()
    unembedded = 0
    # One pass over the memories: at a hundred thousand each takes a while.
    for kind, project, source, archived, fading, embedded, count in db.execute(
        "SELECT type, project, source, archived IS NOT NULL, fades <= ?, embedded, count(*)"
        " FROM memories GROUP BY 1, 2, 3, 4, 5, 6",
        (now,),
    ):
        unembedded += 0 if embedded else count
        states["archived" if archived else "fading" if fading else "active"] += count
        if not archived:
            by_type[kind] += count
            by_project[project] += count
            by_source[source] += count
    live, sessions = db.execute(
        "SELECT count(*) FILTER (WHERE ended IS NULL), count(*) FROM sessions"
    ).fetchone()
    (size,) = db.execute(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    ).fetchone()
    return Statistics(
        active=states["active"],
        fading=states["fading"],
        archived=states["archived"],
        unembedded=unembedded,
        by_type=dict(by_type.most_common()),
        by_project=dict(by_project.most_common()),
        by_source=dict(by_source.most_common()),
        feedback=dict(db.execute("SELECT quality, count(*) FROM feedback GROUP BY quality")),
        sessions_live=live,
        sessions_ended=sessions - live,
        database_bytes=size,
    )
