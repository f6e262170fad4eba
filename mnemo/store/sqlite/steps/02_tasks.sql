ALTER TABLE sessions ADD COLUMN subscriptions TEXT NOT NULL DEFAULT '[]';

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    expires REAL NOT NULL,
    outcome TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX tasks_by_expiry ON tasks (expires);
CREATE INDEX tasks_of_principal ON tasks (principal);
