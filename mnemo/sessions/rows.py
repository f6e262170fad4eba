"""A live session as a row of the store, and back."""

from mnemo.sessions.interfaces import Opening, Session
from mnemo.store.sessions import SessionRow


def row_of(session: Session) -> SessionRow:
    """The row of a live session."""
    opening = session.opening
    return SessionRow(
        id=session.id,
        kind=session.kind,
        version=opening.version,
        client=opening.client,
        client_version=opening.client_version,
        principal=opening.principal,
        project=session.project,
        capabilities=opening.capabilities,
        lookup=session.lookup,
        created=session.created,
        active=session.active,
        subscriptions=session.subscriptions,
        chosen=session.chosen,
    )


def session_of(row: SessionRow) -> Session:
    """The session that a live row stands for."""
    return Session(
        id=row.id,
        kind=row.kind,
        opening=Opening(
            version=row.version,
            client=row.client,
            client_version=row.client_version,
            principal=row.principal,
            project=row.project,
            capabilities=row.capabilities,
        ),
        project=row.project,
        created=row.created,
        active=row.active,
        lookup=row.lookup,
        subscriptions=row.subscriptions,
        chosen=row.chosen,
    )
