-- The text as it counts for "the same": see mnemo.store.sqlite.digest.
ALTER TABLE memories ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
UPDATE memories SET digest = digest(text);
CREATE INDEX memories_twins ON memories (project, digest) WHERE archived IS NULL;
ALTER TABLE memories ADD COLUMN compared INTEGER NOT NULL DEFAULT 0;
CREATE INDEX memories_uncompared ON memories (key) WHERE compared = 0 AND embedded = 1;

-- What was found by comparing, and is found again: never a word of the agent's.
CREATE TABLE likenesses (
    source INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    target INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    relation TEXT NOT NULL,
    PRIMARY KEY (source, target, relation)
) WITHOUT ROWID;
CREATE INDEX likenesses_to ON likenesses (target);

-- The spans in which a memory was forgotten.
CREATE TABLE absences (
    memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    since REAL NOT NULL,
    until REAL
);
CREATE INDEX absences_of ON absences (memory);
INSERT INTO absences SELECT key, archived, NULL FROM memories WHERE archived IS NOT NULL;

CREATE TRIGGER memory_forgotten AFTER UPDATE OF archived ON memories
WHEN OLD.archived IS NULL AND NEW.archived IS NOT NULL
BEGIN
    INSERT INTO absences VALUES (NEW.key, NEW.archived, NULL);
END;

CREATE INDEX versions_by_end ON versions (until);
