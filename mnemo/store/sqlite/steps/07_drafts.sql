ALTER TABLE queries ADD COLUMN kind TEXT NOT NULL DEFAULT 'recall';
CREATE INDEX queries_of_session ON queries (session);
CREATE INDEX queries_by_time ON queries (at);

-- The handoffs that sessions did not leave: see mnemo.store.sqlite.drafts.
CREATE TABLE drafts (
    session TEXT NOT NULL,
    project TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    due REAL NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    lease TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL DEFAULT 0,
    made REAL NOT NULL DEFAULT 0,
    model TEXT NOT NULL DEFAULT '',
    prompt TEXT NOT NULL DEFAULT '',
    sources TEXT NOT NULL DEFAULT '[]',
    text TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (session, project)
) WITHOUT ROWID;
CREATE INDEX drafts_due ON drafts (due) WHERE state = 'waiting';
CREATE INDEX drafts_of ON drafts (project, at) WHERE text != '';

-- A call may end after its session, and so does what is carried in.
CREATE TRIGGER memory_for_draft AFTER INSERT ON memories WHEN NEW.session != ''
BEGIN
    INSERT OR IGNORE INTO drafts (session, project)
        SELECT NEW.session, NEW.project FROM sessions
        WHERE id = NEW.session AND ended IS NOT NULL;
    UPDATE drafts SET state = 'waiting', due = 0, tries = 0, lease = '', text = '',
        sources = '[]' WHERE session = NEW.session AND project = NEW.project;
END;

CREATE TRIGGER memory_changed_for_draft AFTER UPDATE OF version, archived ON memories
WHEN NEW.session != ''
BEGIN
    UPDATE drafts SET state = 'waiting', due = 0, tries = 0, lease = '', text = '',
        sources = '[]' WHERE session = NEW.session AND project = NEW.project;
END;

CREATE TRIGGER memory_gone_for_draft AFTER DELETE ON memories WHEN OLD.session != ''
BEGIN
    UPDATE drafts SET state = 'waiting', due = 0, tries = 0, lease = '', text = '',
        sources = '[]' WHERE session = OLD.session AND project = OLD.project;
    DELETE FROM drafts WHERE session = OLD.session AND project = OLD.project
        AND NOT EXISTS (
            SELECT 1 FROM memories WHERE session = OLD.session AND project = OLD.project
        );
END;
