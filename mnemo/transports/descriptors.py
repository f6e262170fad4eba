"""How many connections the system lets this process have."""

import resource

WANTED = 65_536
"""Each connection takes a descriptor. Systems begin with 1,024 of them, or with 256."""


def allow_many() -> None:
    """Raise the limit of open files as far as it may go without rights, if it is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    # An unlimited one is below zero.
    if 0 <= soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            # Some systems have a lower limit than they say; theirs will have to do.
            return
