"""The text of a PDF."""

from io import BytesIO

from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from mnemo.transfer import pdf
from mnemo.transfer.walk import CannotRead
from tests.transfer.room import TransferTestCase


def made_pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    reference = writer._add_object(font)
    for text in pages:
        page = writer.add_blank_page(200, 200)
        fonts = DictionaryObject({NameObject("/F1"): reference})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


class Reading(TransferTestCase):
    def test_each_page_is_a_piece_that_names_it(self) -> None:
        self.write("a.pdf", made_pdf("The heron stands", "The heron flies"))
        self.assertEqual(self.ingest().added, 2)
        self.assertEqual(
            self.texts(),
            ["a.pdf#page=1\n\nThe heron stands", "a.pdf#page=2\n\nThe heron flies"],
        )

    def test_what_is_no_sound_pdf_is_said(self) -> None:
        sound = made_pdf("one")
        for content in (b"", b"%PDF-1.4 nonsense", sound[: len(sound) // 2], b"\0" * 50):
            try:
                pdf.pages_of(content)
            except CannotRead as problem:
                self.assertIn("no sound PDF", str(problem))

    def test_one_with_too_many_pages_is_refused(self) -> None:
        self.patch(pdf, "MOST_PAGES", 1)
        self.assertRaises(CannotRead, pdf.pages_of, made_pdf("one", "two"))
