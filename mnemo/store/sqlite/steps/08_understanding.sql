-- What is understood of many memories together: see mnemo.store.sqlite.studies.
CREATE TABLE cursors (
    work TEXT PRIMARY KEY,
    recipe TEXT NOT NULL,
    cursor INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE studies (
    work TEXT NOT NULL,
    subject INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    due REAL NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    lease TEXT NOT NULL DEFAULT '',
    problem TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (work, subject)
) WITHOUT ROWID;

CREATE TABLE patterns (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    said TEXT NOT NULL,
    source INTEGER NOT NULL,
    model TEXT NOT NULL,
    centroid BLOB,
    made REAL NOT NULL,
    dismissed REAL
);
CREATE INDEX patterns_of ON patterns (project);

CREATE TABLE evidence (
    memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
    pattern INTEGER NOT NULL REFERENCES patterns ON DELETE CASCADE
);
CREATE INDEX evidence_of ON evidence (pattern);

CREATE TABLE abstractions (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    level INTEGER NOT NULL,
    title TEXT NOT NULL,
    statement TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    scores TEXT NOT NULL,
    basis TEXT NOT NULL,
    made REAL NOT NULL,
    dismissed REAL
);

CREATE TABLE abstracted (
    pattern INTEGER PRIMARY KEY REFERENCES patterns ON DELETE CASCADE,
    abstraction INTEGER NOT NULL REFERENCES abstractions ON DELETE CASCADE
);
CREATE INDEX abstracted_into ON abstracted (abstraction);

CREATE TABLE gists (
    memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    gist INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    dropped INTEGER NOT NULL,
    PRIMARY KEY (memory, gist)
) WITHOUT ROWID;
CREATE INDEX gists_of ON gists (gist);

-- Who amends or removes a memory takes its words from what was made of them. What is
-- left is looked at again.
CREATE TRIGGER evidence_amended AFTER UPDATE OF version ON memories
BEGIN
    DELETE FROM evidence WHERE memory = NEW.key;
END;

CREATE TRIGGER evidence_gone AFTER DELETE ON evidence
BEGIN
    DELETE FROM patterns WHERE key = OLD.pattern
        AND NOT EXISTS (SELECT 1 FROM evidence WHERE pattern = OLD.pattern);
    UPDATE patterns SET title = '', said = '', centroid = NULL WHERE key = OLD.pattern;
    INSERT OR REPLACE INTO studies (work, subject)
        SELECT 'patterns', memory FROM evidence WHERE pattern = OLD.pattern;
END;

CREATE TRIGGER pattern_blank AFTER UPDATE OF title ON patterns WHEN NEW.title = ''
BEGIN
    UPDATE abstractions SET title = '', statement = '', scores = '{}', basis = ''
        WHERE key = (SELECT abstraction FROM abstracted WHERE pattern = NEW.key);
END;

CREATE TRIGGER pattern_gone AFTER DELETE ON abstracted
BEGIN
    DELETE FROM abstractions WHERE key = OLD.abstraction
        AND NOT EXISTS (SELECT 1 FROM abstracted WHERE abstraction = OLD.abstraction);
    UPDATE abstractions SET title = '', statement = '', scores = '{}', basis = ''
        WHERE key = OLD.abstraction;
    INSERT OR REPLACE INTO studies (work, subject)
        SELECT 'insights', pattern FROM abstracted WHERE abstraction = OLD.abstraction;
END;
