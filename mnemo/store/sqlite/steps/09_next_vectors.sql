-- As vectors: what the model makes that is to be used next.
CREATE TABLE next_vectors (
    memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
    version INTEGER NOT NULL,
    model TEXT NOT NULL,
    vector BLOB NOT NULL
);
