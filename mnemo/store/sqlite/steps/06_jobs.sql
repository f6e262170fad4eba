CREATE TABLE jobs (
    memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
    version INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    recipe TEXT NOT NULL DEFAULT '',
    due REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    lease TEXT NOT NULL DEFAULT '',
    problem TEXT NOT NULL DEFAULT ''
);
CREATE INDEX jobs_due ON jobs (due) WHERE state = 'waiting';
CREATE INDEX jobs_fresh ON jobs (due) WHERE state = 'waiting' AND recipe = '';
CREATE INDEX jobs_parked ON jobs (memory) WHERE state = 'parked';

CREATE TABLE derived (
    memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    field TEXT NOT NULL,
    version INTEGER NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    made REAL NOT NULL,
    scores TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (memory, field)
) WITHOUT ROWID;

-- Whatever keeps a text, the same transaction lets it wait.
CREATE TRIGGER memory_waits AFTER INSERT ON memories
BEGIN
    INSERT INTO jobs (memory, version, due) VALUES (NEW.key, NEW.version, 0);
END;

-- Who works on the earlier text has lost his lease.
CREATE TRIGGER memory_waits_again AFTER UPDATE OF version ON memories
BEGIN
    DELETE FROM derived WHERE memory = NEW.key;
    DELETE FROM jobs WHERE memory = NEW.key;
    INSERT INTO jobs (memory, version, due) VALUES (NEW.key, NEW.version, 0);
END;

INSERT INTO state VALUES ('recipe', '');
