"""The text of a PDF, by pypdf, which is installed only where it is wanted."""

import logging
from io import BytesIO

from mnemo.transfer.walk import CannotRead

MOST_PAGES = 2_000


def pages_of(content: bytes) -> list[str]:
    """
    The text of each page. Takes long: call it on a thread.

    @raise CannotRead: it cannot be read, or there is no pypdf
    """
    try:
        from pypdf import PdfReader
    except ImportError:
        raise CannotRead("it is a PDF: install mnemo[pdf] to have it read") from None
    # It complains of files that it reads well enough.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        pages = PdfReader(BytesIO(content)).pages
        if len(pages) > MOST_PAGES:
            raise CannotRead(f"it has {len(pages):,} pages; at most {MOST_PAGES:,} are read")
        return [page.extract_text() for page in pages]
    except CannotRead:
        raise
    except Exception as error:
        # Out of a damaged file pypdf raises nearly anything.
        raise CannotRead(f"it is no sound PDF: {type(error).__name__}") from None
