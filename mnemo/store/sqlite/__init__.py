"""The default store: one SQLite file, the truth."""
