-- The text comes last: reading the short columns before it touches no overflow page.
CREATE TABLE memories (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,
    project TEXT NOT NULL,
    session TEXT NOT NULL,
    salience REAL NOT NULL,
    fades REAL NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    archived REAL,
    embedded INTEGER NOT NULL DEFAULT 0,
    concepts TEXT NOT NULL,
    change INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX memories_by_time ON memories (created);
CREATE INDEX memories_of_project ON memories (project, created);
CREATE INDEX memories_of_session ON memories (session, created);
CREATE INDEX memories_by_change ON memories (change);
CREATE INDEX memories_unembedded ON memories (key) WHERE embedded = 0;

CREATE TABLE versions (
    memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    version INTEGER NOT NULL,
    since REAL NOT NULL,
    until REAL NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (memory, version)
);

CREATE TABLE links (
    source INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    target INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    relation TEXT NOT NULL,
    PRIMARY KEY (source, target, relation)
) WITHOUT ROWID;
CREATE INDEX links_to ON links (target);

CREATE TABLE vectors (
    memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
    version INTEGER NOT NULL,
    model TEXT NOT NULL,
    vector BLOB NOT NULL
);

-- Tombstones: what an index that was not told of a removal needs to catch up.
CREATE TABLE removed (change INTEGER PRIMARY KEY, key INTEGER NOT NULL);

CREATE TABLE queries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    session TEXT NOT NULL,
    project TEXT NOT NULL,
    returned TEXT NOT NULL,
    at REAL NOT NULL
);

CREATE TABLE feedback (
    query TEXT NOT NULL,
    memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    quality TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (query, memory)
) WITHOUT ROWID;
CREATE INDEX feedback_on ON feedback (memory);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    version TEXT NOT NULL,
    client TEXT NOT NULL,
    client_version TEXT NOT NULL,
    principal TEXT NOT NULL,
    project TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    lookup TEXT NOT NULL,
    created REAL NOT NULL,
    active REAL NOT NULL,
    ended REAL,
    reason TEXT NOT NULL,
    memories INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_activity ON sessions (active);
CREATE INDEX sessions_live ON sessions (id) WHERE ended IS NULL;

CREATE TABLE state (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
INSERT INTO state VALUES ('model', ''), ('dimensions', 0), ('scrubbed', 0);

-- Changes are counted from anywhere: so the number up to which an index is complete
-- also tells whether it is of this database.
INSERT INTO state VALUES ('origin', abs(random() % 4503599627370496));
INSERT INTO state SELECT 'change', value FROM state WHERE name = 'origin';
