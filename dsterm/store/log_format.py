"""The format of a session log: JSON lines, the first a header, then one envelope each. Bytes to values and back, no I/O.

What this version can't read is kept, never dropped: an event of an unknown kind, or of a known kind with unknown contents,
becomes an UnknownEvent; a line that is no event at all becomes a Notice in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from dsterm.core.events import Envelope, Notice, NoticeLevel, UnknownEvent
from dsterm.core.text import encode_json

FORMAT = 1


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a log: the format's version, the session, the folder it was begun in, when, and by which dsterm."""

    format: int
    id: str
    folder: str
    created: datetime
    dsterm: str


class _RawEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope whose event is not looked into; the fields are those of Envelope, in the same order."""

    id: str
    parent: str
    seq: int
    at: datetime
    event: msgspec.Raw
    lane: str = "main"


class _Tag(msgspec.Struct, frozen=True):
    type: str


_encoder = msgspec.json.Encoder()
_envelope_decoder = msgspec.json.Decoder(Envelope)
_raw_decoder = msgspec.json.Decoder(_RawEnvelope)
_header_decoder = msgspec.json.Decoder(Header)


def header_line(header: Header) -> bytes:
    """The header as a whole line."""
    return encode_json(header, _encoder) + b"\n"


def read_header(line: bytes) -> Header | None:
    """The header in `line`, or None when there is none."""
    try:
        return _header_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def envelope_line(envelope: Envelope) -> bytes:
    """An envelope as a whole line; an unknown event is written as it was read."""
    if not isinstance(envelope.event, UnknownEvent):
        return encode_json(envelope, _encoder) + b"\n"
    raw = _RawEnvelope(
        id=envelope.id,
        parent=envelope.parent,
        seq=envelope.seq,
        at=envelope.at,
        event=envelope.event.raw,
        lane=envelope.lane,
    )
    return _encoder.encode(raw) + b"\n"


def read_envelope(line: bytes) -> Envelope | None:
    """The envelope in `line`, or None when it holds none."""
    try:
        return _envelope_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _read_unknown(line)


def _read_unknown(line: bytes) -> Envelope | None:
    try:
        raw = _raw_decoder.decode(line)
        kind = msgspec.json.decode(raw.event, type=_Tag).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    event = UnknownEvent(kind=kind, raw=raw.event.copy())
    return Envelope(id=raw.id, parent=raw.parent, seq=raw.seq, at=raw.at, event=event, lane=raw.lane)


def read_envelopes(lines: Iterable[bytes], created: datetime) -> Iterator[Envelope]:
    """The envelopes of the lines after the header; a damaged line gives a Notice with its place in the sequence.

    `created` dates a notice that comes before any envelope.
    """
    seq, at, parent = 0, created, ""
    for number, line in enumerate(lines, start=2):
        envelope = read_envelope(line) or _damage(number, seq + 1, at, parent)
        seq, at, parent = envelope.seq, envelope.at, envelope.id
        yield envelope


def _damage(number: int, seq: int, at: datetime, parent: str) -> Envelope:
    text = f"Line {number} of this session's log is damaged: what it said is missing here. The file was left as it is."
    notice = Notice(text=text, level=NoticeLevel.WARNING)
    return Envelope(id=f"damaged-line-{number}", parent=parent, seq=seq, at=at, event=notice)
