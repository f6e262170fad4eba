"""
Downloads a file, going on from where an earlier try was interrupted.

What has come lies in a file of its own until all of it is there and its checksum is right, so
that half a model is never taken for one. This is blocking code for the command line.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from mnemo import __version__
from mnemo.inference.catalogue import FetchError, Report
from mnemo.inference.checksums import digest

_SECONDS: Final = 30.0
_CHUNK: Final = 1 << 20
_NOTE: Final = 4096
_STEPS: Final = 20
_MB: Final = 1_000_000


def download(url: str, part: Path, size: int, sha256: str, report: Report) -> str:
    """
    Bring the file at C{url} into C{part}, which may hold the beginning of it already.

    @param size: how many bytes it has; 0 where that is not known
    @param sha256: what it must be; C{""} where that is not known, so that what an earlier try
        has left is of no use
    @return: its sha256
    @raise FetchError: it could not be had, or is another file. What came of it stays for the next
        try, unless it is wrong
    """
    with _held(part) as file:
        had = file.seek(0, 2)
        if not sha256 or (size and had > size):
            had = file.truncate(0)
        if had:
            report(f"going on from {had // _MB} MB")
        _complete(url, file, size, report)
        found = digest(part)
        if had and found != sha256:
            report("what was there already was of another file; beginning anew")
            file.truncate(0)
            _complete(url, file, size, report)
            found = digest(part)
        if sha256 and found != sha256:
            part.unlink()
            raise FetchError(
                f"what is at {url} is damaged, or another file: its sha256 is {found}, not {sha256}"
            )
        return found


def read_note(url: str) -> str:
    """The small text at C{url}; C{""} where there is none. Raises L{FetchError}."""
    try:
        with _open(url, 0) as response:
            return response.read(_NOTE).decode("utf-8", "replace")
    except HTTPError as problem:
        if problem.code == 404:
            return ""
        raise _failure(url, problem) from None
    except (OSError, HTTPException) as problem:
        raise _failure(url, problem) from None


@contextmanager
def _held(part: Path) -> Iterator[BinaryIO]:
    """The file, which no other process writes meanwhile."""
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FetchError(f"another process is downloading {part.stem}") from None
        try:
            yield file
        finally:
            if not file.seek(0, 2):
                part.unlink(missing_ok=True)


def _complete(url: str, file: BinaryIO, size: int, report: Report) -> None:
    """Add to the file what it lacks. As long as a broken connection brought some, try again."""
    while True:
        had = file.seek(0, 2)
        if size and had == size:
            return
        try:
            if _receive(url, file, had, size, report):
                return
        except HTTPError as problem:
            # The server has less than what is there: that is of another file.
            if problem.code != 416 or not had:
                raise _failure(url, problem) from None
            file.truncate(0)
            continue
        except (URLError, HTTPException, OSError) as problem:
            if file.seek(0, 2) == had:
                raise _failure(url, problem) from None
        if file.seek(0, 2) <= had:
            raise FetchError(f"{url} ends before it is whole")
        report("the connection broke; going on")


def _receive(url: str, file: BinaryIO, had: int, size: int, report: Report) -> bool:
    """Add to the file what one answer has. Whether that is all."""
    with _open(url, had) as response:
        if had and not response.headers.get("Content-Range", "").startswith(f"bytes {had}-"):
            # It sends all of it again.
            had = file.truncate(0)
        length = response.headers.get("Content-Length")
        total = had + int(length) if length else 0
        if size and total and total != size:
            raise FetchError(f"what is at {url} is another file: {total} bytes, not {size}")
        _check_room(Path(file.name).parent, (total or size) - had)
        step = max(_CHUNK, (total or size) // _STEPS)
        done, told = had, had
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            if done - told >= step:
                told = done
                of = f" of {(total or size) // _MB}" if total or size else ""
                report(f"{done // _MB}{of} MB")
        file.flush()
        return not total or done >= total


def _open(url: str, had: int) -> HTTPResponse:
    headers = {"User-Agent": f"mnemo/{__version__}", "Accept-Encoding": "identity"}
    if had:
        headers["Range"] = f"bytes={had}-"
    response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=_SECONDS)
    return response


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FetchError(
            f"{folder} has no room: {needed // _MB} MB are needed, {free // _MB} MB are free"
        )


def _failure(url: str, problem: Exception) -> FetchError:
    if isinstance(problem, HTTPError):
        return FetchError(f"{url}: {problem.code} {problem.reason}")
    reason = problem.reason if isinstance(problem, URLError) else problem
    said = getattr(reason, "strerror", None) or str(reason) or type(problem).__name__
    return FetchError(f"{url} cannot be had: {said}")
