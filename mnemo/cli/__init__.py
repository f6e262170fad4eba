"""The C{mnemo} command: one module a group of commands."""
