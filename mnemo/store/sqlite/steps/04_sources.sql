CREATE TABLE files (
    key INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    path TEXT NOT NULL,
    hash TEXT NOT NULL,
    taken REAL NOT NULL,
    UNIQUE (project, path)
);

CREATE TABLE chunks (
    memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
    file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    position INTEGER NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX chunks_of ON chunks (file, position);

-- Of what was removed for good no trace stays, and no word that it has been read.
CREATE TRIGGER file_without_chunks AFTER DELETE ON chunks
WHEN NOT EXISTS (SELECT 1 FROM chunks WHERE file = OLD.file)
BEGIN
    DELETE FROM files WHERE key = OLD.file;
END;

CREATE TABLE imports (
    key TEXT PRIMARY KEY,
    memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX imports_of ON imports (memory);

CREATE TABLE exclusions (
    pattern TEXT PRIMARY KEY,
    added REAL NOT NULL
) WITHOUT ROWID;
