"""The text and vector indexes: beside the truth, and rebuilt from it."""
