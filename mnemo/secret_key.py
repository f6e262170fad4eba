"""The key that seals what clients bring back, in a file of the home: made once, kept."""

import fcntl
import os
import secrets
from pathlib import Path
from typing import Final

from twisted.logger import Logger

NAME: Final = "secret.key"
LENGTH: Final = 32
"""Bytes: as long as the digest it is for (RFC 2104, section 3)."""

_log = Logger()


def secret_key(home: Path) -> bytes:
    """
    The key of this home, the same for every process that asks; made where there is none.

    A file that holds something else is replaced, with a line in the log.

    @param home: an existing directory
    @raise OSError: where the file can be neither read nor written
    """
    path = home / NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        # Of two processes that come at once, the second waits and reads what the first made.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        key = os.pread(descriptor, LENGTH + 1, 0)
        if len(key) == LENGTH:
            return key
        # An empty one was only just made, by us or by a process that died over it.
        if key:
            _log.warn(
                "{path} was damaged and is replaced: what was sealed before will not open",
                path=str(path),
            )
        return _make(descriptor)
    finally:
        os.close(descriptor)


def _make(descriptor: int) -> bytes:
    key = secrets.token_bytes(LENGTH)
    os.fchmod(descriptor, 0o600)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, key, 0)
    os.fsync(descriptor)
    return key
