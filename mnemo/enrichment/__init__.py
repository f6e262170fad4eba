"""What is derived from a memory: beside its text, never in it, and always made again."""
