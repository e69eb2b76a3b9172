"""A program of its own: a document on standard input, the form it has as its argument, its text on standard output.

Documents come from strangers and can be made to take for ever, to fill the memory or to break what reads them. A process can be
limited and ended; nothing of it is believed but the text that it prints.
"""

from __future__ import annotations

import codecs
import io
import re
import sys
import unicodedata
from collections.abc import Iterator

import msgspec

from dsterm.workspace.page_text import text_of_html

MOST_CHARACTERS = 16_000_000
"""Of a document's text; four times as much as fits any window."""

CPU_SECONDS = 90
_MOST_MEMORY = 1 << 30
_MOST_UNPACKED = 200_000_000
"""Bytes that all parts of a DOCX have together once they are unpacked."""

_MOST_PAGES = 20_000
_MOST_PARTS = 10_000
_HEAD = 1_024
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_ATTRIBUTES = r"(?:\s[^<>]*+)?>"
_HEADING = re.compile(rf"<h([1-6]){_ATTRIBUTES}", re.IGNORECASE)
_ITEM = re.compile(rf"<li{_ATTRIBUTES}(?:\s*+<p{_ATTRIBUTES})?", re.IGNORECASE)
_CELL = re.compile(rf"<t[dh]{_ATTRIBUTES}(?:\s*+<p{_ATTRIBUTES})?", re.IGNORECASE)
_CELL_END = re.compile(r"(?:</p>\s*+)?</t[dh]>", re.IGNORECASE)
_LIKE_A_MARK = re.compile(r"^(?=\[page \d+\]$)", re.MULTILINE)
_LINE_ENDS = re.compile(r"\r\n?|[\v\f\u0085\u2028\u2029]")
_END_BLANKS = re.compile(r"[ \t\u00a0]+$", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n{3,}")


class Unreadable(Exception):
    """A document whose text can't be had; says why, as words after "unreadable: "."""


class Extract(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed: the text of a document, or why there is none, which does not change where it `is_lasting`."""

    text: str = ""
    reason: str = ""
    is_lasting: bool = True


def extract(form: str, data: bytes) -> Extract:
    """The text of the document `data` of the form `pdf`, `docx` or `html`."""
    try:
        pieces = {"pdf": _pdf, "docx": _docx, "html": _html}[form](data)
        return Extract(text=_joined(pieces))
    except Unreadable as error:
        return Extract(reason=str(error))
    except MemoryError:
        return Extract(reason="reading it takes more than 1 GB of memory", is_lasting=False)
    except RecursionError:
        return Extract(reason="it is nested too deeply")
    except Exception as error:  # noqa: BLE001  whatever a damaged document makes a library raise is one reason
        # Another version of what reads it, or of what that stands on, may do better.
        return Extract(reason=f"it is damaged ({type(error).__name__})", is_lasting=False)


def _joined(pieces: Iterator[str]) -> str:
    kept: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > MOST_CHARACTERS:
            raise Unreadable(f"it has more than {MOST_CHARACTERS:,} characters of text")
        kept.append(piece)
    return "".join(kept).rstrip("\n") + "\n"


def _pdf(data: bytes) -> Iterator[str]:
    """Every page after its mark."""
    if b"%PDF-" not in data[:_HEAD]:
        raise Unreadable("it is no PDF")
    from pypdf import PdfReader  # noqa: PLC0415  an extra
    from pypdf.errors import DependencyError  # noqa: PLC0415  an extra

    reader = PdfReader(io.BytesIO(data))
    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("it is encrypted")
    except DependencyError as error:
        raise Unreadable("it is encrypted") from error
    count = len(reader.pages)
    if count > _MOST_PAGES:
        raise Unreadable(f"it has more than {_MOST_PAGES:,} pages")
    has_text = False
    for number in range(count):
        text = _plain(reader.pages[number].extract_text()).strip("\n")
        has_text = has_text or bool(text.strip())
        # What stands in it must not be taken for the mark of a page.
        text = _LIKE_A_MARK.sub(r"\\", text)
        yield f"[page {number + 1}]\n{text}\n\n" if text else f"[page {number + 1}]\n\n"
    if not has_text:
        raise Unreadable("it has no text, only pictures, as a scan does")


def _docx(data: bytes) -> Iterator[str]:
    """Its sections, with headings as in Markdown."""
    import zipfile  # noqa: PLC0415  the process that only starts this one doesn't need it

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile as error:
        raise Unreadable("it is no DOCX") from error
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_UNPACKED:
        raise Unreadable(f"unpacked it has more than {_MOST_UNPACKED:,} bytes or {_MOST_PARTS:,} parts")
    if not any(part.filename == "[Content_Types].xml" for part in parts):
        raise Unreadable("it is no DOCX")
    import mammoth  # noqa: PLC0415  an extra

    no_pictures = mammoth.images.img_element(lambda _image: {})
    html = mammoth.convert_to_html(io.BytesIO(data), convert_image=no_pictures).value
    yield _sections(html)


def _html(data: bytes) -> Iterator[str]:
    """Its sections, with headings as in Markdown."""
    yield _sections(_decoded(data))


def _sections(html: str) -> str:
    for tag, mark in ((_HEADING, lambda found: f"{found[0]}{'#' * int(found[1])} "), (_ITEM, "<li>- "), (_CELL, " | ")):
        html = tag.sub(mark, html)
    text = _plain(text_of_html(_CELL_END.sub(" ", html))).strip("\n")
    if not text.strip():
        raise Unreadable("it has no text")
    return f"{text}\n"


def _decoded(data: bytes) -> str:
    """As it says itself, else as UTF-8, else as what browsers take then."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    if b"\0" in data[:_HEAD]:
        raise Unreadable("it is no HTML")
    try:
        return data.decode()
    except UnicodeDecodeError:
        named = _CHARSET.search(data[:_HEAD])
        name = named[1].decode("ascii", "replace") if named else ""
        return data.decode(name if _is_charset(name) else "cp1252", "replace")


def _is_charset(name: str) -> bool:
    """Whether it names an encoding of text that is another one than was tried already."""
    try:
        "a".encode(name)
        return codecs.lookup(name).name != "utf-8"
    except (LookupError, UnicodeError):
        return False


def _plain(text: str) -> str:
    """The same for the same document: one kind of line end, no control characters, no blanks at ends of lines."""
    text = _LINE_ENDS.sub("\n", text)
    if not text.replace("\n", "").replace("\t", "").isprintable():
        text = "".join(each for each in text if each in "\n\t" or unicodedata.category(each) not in {"Cc", "Cs"})
    return _EMPTY_LINES.sub("\n\n", _END_BLANKS.sub("", text))


def limit_process() -> None:
    """Let this process have so much time and memory, no file to write and no core to dump."""
    import resource  # noqa: PLC0415  not on every system

    limits = {resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    if sys.platform == "linux":
        limits[resource.RLIMIT_AS] = _MOST_MEMORY
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        own = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (own, own))


def main() -> None:
    """Read the one document on standard input."""
    limit_process()
    found = extract(sys.argv[1], sys.stdin.buffer.read())
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
