"""The embedding model, its one thread, and the scheduler in front of it."""
