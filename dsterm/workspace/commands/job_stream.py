"""From the bytes of a command to lines: decoded, secrets masked, kept for the model, logged, and shown as they come.

Secrets are looked for in whole lines, and after escape sequences are gone, so that neither a pause nor a colour in the
middle of a key lets half of it through. Memory is bounded whatever comes: a line without an end is taken in parts, and
when the log is full only the newest of what comes faster than ten times a second is looked at, the rest counted.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable

from dsterm.workspace.commands.job_log import JobLog
from dsterm.workspace.commands.job_output import JobOutputText, ShownOutput
from dsterm.workspace.commands.plain_output import has_binary, plain_output
from dsterm.workspace.commands.screen_feed import ScreenFeed

_LONGEST_PENDING = 16_384
_LONGEST_SECRET = 512
_BACKLOG = 128 * 1024
_KEY_BEGINNING = re.compile(r"[A-Za-z0-9_+/=-]{8,}\Z")


class JobStream:
    """Takes the bytes of one job. `redact` masks secrets in whole lines."""

    def __init__(self, log: JobLog, redact: Callable[[str], str]) -> None:
        self.log = log
        self.output = JobOutputText()
        self._redact = redact
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._on_screen = ""
        self._screen: ScreenFeed | None = None
        self._backlog: deque[bytes] = deque()
        self._backlog_size = 0
        self._unseen = 0
        self._has_gap = False

    @property
    def lines(self) -> int:
        """Lines so far, one that has no end yet among them."""
        return self.output.lines_with(self._pending)

    def show(self, progress: Callable[[str], None]) -> None:
        """Hand pieces to `progress` from now on: whole lines, and what is new of a line that pauses."""
        self._screen = ScreenFeed(progress, self._unfinished)

    def hide(self) -> None:
        """Nobody looks any more."""
        if self._screen:
            self._screen.abandon()
        self._screen = None

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self.log.is_full:
            self._put_off(data)
        else:
            self._take(self._decoder.decode(data))
        if self._screen:
            self._screen.add("")

    def catch_up(self) -> None:
        """Look at the newest of what was put off."""
        if not self._backlog:
            return
        data = b"".join(self._backlog)
        self._backlog.clear()
        self._backlog_size = 0
        if self._has_gap:
            # What stands first is the end of a line, and maybe of a key.
            start = data.find(b"\n") + 1 or min(len(data), _LONGEST_SECRET)
            self._pending, self._on_screen = "", ""
            self._decoder.reset()
            self.output.skip(self._unseen + data.count(b"\n", 0, start))
            if self._screen:
                self._screen.skip(self._unseen)
            self._unseen, self._has_gap, data = 0, False, data[start:]
        self._take(self._decoder.decode(data))

    def finish(self) -> None:
        """No more comes."""
        self.catch_up()
        self._take(self._decoder.decode(b"", final=True))
        rest, self._pending = self._pending, ""
        self._keep(rest)
        if self._screen:
            self._screen.close()
        self._screen = None
        self.log.close()

    def shown(self) -> ShownOutput:
        """Head and tail of what came so far."""
        self.catch_up()
        return self.output.shown(self._masked(self._pending))

    def unfinished_line(self) -> str:
        """The line that has no end yet, as it may be shown."""
        return self._masked(self._pending)

    def _put_off(self, data: bytes) -> None:
        self._backlog.append(data)
        self._backlog_size += len(data)
        while self._backlog_size - len(self._backlog[0]) > _BACKLOG:
            oldest = self._backlog.popleft()
            self._backlog_size -= len(oldest)
            self._unseen += oldest.count(b"\n")
            self._has_gap = True

    def _take(self, text: str) -> None:
        buffer = self._pending + text
        end = buffer.rfind("\n") + 1
        if end:
            self._keep(buffer[:end])
        self._pending = self._shortened(buffer[end:])
        if len(self._pending) > _LONGEST_PENDING:
            cut = self._safe_cut(self._pending)
            part, self._pending = self._pending[:cut], self._pending[cut:]
            self._keep(part)

    def _keep(self, raw: str) -> None:
        """Whole lines (or a part of a very long one) to the log, the model's view and the screen."""
        if not raw:
            return
        plain = plain_output(raw)
        masked = self._redact(plain)
        self.output.add(masked)
        self.log.write(masked)
        if self._screen:
            shown, self._on_screen = self._on_screen, ""
            as_it_came = masked == plain and not has_binary(raw)
            whole = raw if as_it_came else masked
            self._screen.add(whole[len(shown) :] if whole.startswith(shown) else f"\n{whole}")

    def _shortened(self, rest: str) -> str:
        """A line that writes over itself is only its last state."""
        start = rest.rstrip("\r").rfind("\r")
        if start <= 0:
            return rest
        self._on_screen = ""
        return rest[start:]

    def _safe_cut(self, line: str) -> int:
        """Where to cut a line that is too long, so that no secret is cut in two."""
        for back in range(_LONGEST_SECRET, _LONGEST_PENDING // 2, _LONGEST_SECRET // 2):
            cut = len(line) - back
            before, after = line[cut - _LONGEST_SECRET : cut], line[cut : cut + _LONGEST_SECRET]
            if self._masked(before + after) == self._masked(before) + self._masked(after):
                return cut
        return len(line)

    def _masked(self, raw: str) -> str:
        return self._redact(plain_output(raw)) if raw else ""

    def _unfinished(self) -> str:
        """What is new of the unfinished line; what may be the beginning of a key waits for the rest of it."""
        self.catch_up()
        if not self._pending or self._masked(self._pending) != plain_output(self._pending) or has_binary(self._pending):
            return ""
        ready = _KEY_BEGINNING.sub("", self._pending)
        new = ready.removeprefix(self._on_screen) if ready.startswith(self._on_screen) else ""
        self._on_screen += new
        return new
