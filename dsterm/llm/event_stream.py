"""Server-sent events cut out of raw bytes, in linear time and with a cap on one event.

Lines end at CR, LF or CRLF and nowhere else. Only `data` matters to chat completions; other fields are dropped.
"""

from __future__ import annotations

from dsterm.core.errors import ProviderError

MAX_EVENT_BYTES = 10 * 1024 * 1024
"""The most bytes one event may hold before the stream is given up."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_COLON = ord(":")
_NOT_DATA = len(_BYTE_ORDER_MARK + b"data: ")


class EventSplitter:
    """Turns bytes, however they were cut up on the way, into the data of each event; None stands for a comment."""

    def __init__(self, cap: int = MAX_EVENT_BYTES) -> None:
        self._cap = cap
        self._is_at_start = True
        self._ended_in_return = False
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._data: list[bytes] = []
        self._data_size = 0

    def feed(self, data: bytes) -> list[bytes | None]:
        """The events that `data` completes; raises ProviderError when an event is larger than the cap."""
        if self._ended_in_return and data:
            self._ended_in_return = False
            data = data.removeprefix(b"\n")
        if not data:
            return []
        self._ended_in_return = data.endswith(b"\r")
        lines = data.splitlines()
        tail = b"" if data.endswith((b"\n", b"\r")) else lines.pop()
        if lines and self._tail:
            lines[0] = self._take_tail() + lines[0]
        events = self._read(lines) if lines else []
        if tail:
            self._tail.append(tail)
            self._tail_size += len(tail)
            self._check(self._tail_size + self._data_size - _NOT_DATA)
        return events

    def finish(self) -> list[bytes | None]:
        """What is left when the stream is over: an event whose closing blank line never came, perhaps cut short."""
        lines = [self._take_tail()] if self._tail else []
        return self._read([*lines, b""])

    def _take_tail(self) -> bytes:
        tail = b"".join(self._tail)
        self._tail.clear()
        self._tail_size = 0
        return tail

    def _read(self, lines: list[bytes]) -> list[bytes | None]:
        if self._is_at_start:
            self._is_at_start = False
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        events: list[bytes | None] = []
        data = self._data
        for line in lines:
            if line.startswith(b"data:") or line == b"data":
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
                # Each line counts, be it empty: an event must not grow by them for ever.
                self._data_size += len(data[-1]) + (1 if len(data) > 1 else 0)
                self._check(self._data_size)
            elif not line:
                if data:
                    events.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
                self._data_size = 0
            elif line[0] == _COLON:
                events.append(None)
        return events

    def _check(self, size: int) -> None:
        if size > self._cap:
            raise ProviderError(
                f"One event of the stream is larger than {self._cap:,} bytes, so the answer was given up."
            )
