"""The conversation as the guide sees it: the newest request, and what its tools have said since.

Tool results are plain text made for models; they are read generously, whatever the exact shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from dsterm.core.models import ThinkingMode
from dsterm.demo.patch_reading import without_data
from dsterm.demo.planning import is_acceptance, is_planning
from dsterm.demo.request import ChatRequest, Role, SentMessage

_NUMBERED = re.compile(r"\s*(\d+)(?:\t|→|│ ?|\| ?|: ?)(.*)")
_HIT = re.compile(r"(?P<path>[^\s:][^:]*):(?P<line>\d+)[:-](?P<text>.*)")
_HIT_OF_GROUP = re.compile(r"\s*(?:Line )?(?P<line>\d+)(?:\t|: ?|- ?|\| ?|→|│ ?)(?P<text>.*)")
_PATH = re.compile(r"[\w.@+~-]+(?:[/\\][\w.@+~ -]+)*")
_GO_ON = re.compile(r"\boffset\W{0,3}([\d,]+)")
_LAST_WORDS = 2_000
_NOTE = re.compile(r"\A(?:\[[^\[\]]*\]\s*)+(?=\S)")
"""Notes of dsterm's own stand in square brackets before the words."""

_BLOCK = re.compile(r"<(\w[\w-]*)(?: [^<>]*)?>.*?</\1>", re.DOTALL)


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call of this turn with its result."""

    name: str
    arguments: dict[str, object]
    result: str

    @property
    def path(self) -> str:
        """The file that the call names."""
        return str(self.arguments.get("file_path", ""))


class Hit(msgspec.Struct, frozen=True):
    """A line that a search found."""

    path: str
    line: int
    text: str


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file: its lines by number, counted from 1, and where to read on (0: nowhere, it is whole)."""

    path: str
    lines: dict[int, str]
    next_line: int = 0

    @property
    def text(self) -> str:
        """The file's text, as far as it was read from the top without a gap."""
        known: list[str] = []
        while len(known) + 1 in self.lines:
            known.append(self.lines[len(known) + 1])
        return "".join(f"{line}\n" for line in known)


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """What the guide decides from: `steps` counts its answers in this turn, `is_first` holds until its very first one.

    `prompt` is the newest request, for an accepted plan the one that led to it; `data` is the message with all that came with it.
    """

    prompt: str
    exchanges: tuple[Exchange, ...]
    steps: int
    is_first: bool
    mode: ThinkingMode
    tools: frozenset[str]
    is_planning: bool = False
    data: str = ""

    def results(self, name: str) -> list[Exchange]:
        """The calls of one tool in this turn."""
        return [exchange for exchange in self.exchanges if exchange.name == name]

    def last(self, name: str) -> Exchange | None:
        """The last call of a tool in this turn."""
        return next((exchange for exchange in reversed(self.exchanges) if exchange.name == name), None)

    def after_last(self, name: str) -> Talk:
        """The talk as if it began behind the last call of a tool."""
        places = [place for place, exchange in enumerate(self.exchanges) if exchange.name == name]
        return msgspec.structs.replace(self, exchanges=self.exchanges[places[-1] + 1 :]) if places else self

    def has_read(self, path: str) -> bool:
        """Whether a file was asked for, with or without success."""
        return any(exchange.path == path for exchange in self.results("read"))

    def files(self) -> dict[str, FileView]:
        """The files read in this turn, with the newest text of each line."""
        views: dict[str, FileView] = {}
        for exchange in self.results("read"):
            lines = dict(numbered_lines(exchange.result))
            if lines:
                earlier = views[exchange.path].lines if exchange.path in views else {}
                views[exchange.path] = FileView(
                    path=exchange.path, lines=earlier | lines, next_line=next_line(exchange.result)
                )
        return views


def talk_of(request: ChatRequest) -> Talk:
    """The talk that `request` carries."""
    messages = request.messages
    newest = max((place for place, message in enumerate(messages) if message.role is Role.USER), default=-1)
    turn = messages[newest + 1 :]
    results = {message.call_id: message.text or "" for message in turn if message.role is Role.TOOL}
    calls = [call for message in turn for call in message.calls or ()]
    return Talk(
        prompt=_words(messages),
        exchanges=tuple(
            Exchange(name=call.name, arguments=call_arguments(call.arguments), result=results.get(call.id, ""))
            for call in calls
        ),
        steps=sum(message.role is Role.ASSISTANT for message in turn),
        is_first=not any(message.role is Role.ASSISTANT for message in messages),
        mode=request.mode,
        tools=frozenset(tool.name for tool in request.tools),
        is_planning=is_planning(request),
        data=request.prompt,
    )


def _words(messages: Sequence[SentMessage]) -> str:
    """What the user wants: the newest words, for an accepted plan those before it, without what dsterm put beside them."""
    spoken = [plain_words(message.text or "") for message in messages if message.role is Role.USER]
    while len(spoken) > 1 and is_acceptance(spoken[-1]):
        spoken.pop()
    return spoken[-1] if spoken else ""


def plain_words(text: str, most: int = _LAST_WORDS) -> str:
    """What the user said in a message, without what dsterm put beside it; of long ones the last `most` characters."""
    words = _NOTE.sub("", _BLOCK.sub(" ", without_data(text)[-most:]).strip())
    return words.replace("@", "").strip()


def numbered_lines(result: str) -> Iterator[tuple[int, str]]:
    """The lines of a file out of a read result; lines that don't go on counting are notes of the tool."""
    expected = 0
    for line in result.split("\n"):
        match = _NUMBERED.fullmatch(line)
        if match and (not expected or int(match[1]) == expected):
            expected = int(match[1]) + 1
            yield expected - 1, match[2]


def next_line(result: str) -> int:
    """Where a read result says to go on, 0 where it reached the end."""
    match = _GO_ON.search(result.rstrip().rpartition("\n")[2])
    return int(match[1].replace(",", "")) if match else 0


def listed_paths(result: str) -> list[str]:
    """The files out of a glob result, in the order of their names."""
    lines = sorted(line.strip() for line in result.split("\n"))
    return [line.replace("\\", "/") for line in lines if _PATH.fullmatch(line) and ("." in line or "/" in line)]


def found_hits(result: str) -> list[Hit]:
    """The lines out of a grep result, grouped by file or with the file on each line."""
    hits, path = [], ""
    for line in result.split("\n"):
        grouped = _HIT_OF_GROUP.fullmatch(line)
        if grouped and path:
            hits.append(Hit(path, int(grouped["line"]), grouped["text"]))
            continue
        single = _HIT.fullmatch(line)
        if single:
            hits.append(Hit(single["path"].removeprefix("./"), int(single["line"]), single["text"]))
        elif _PATH.fullmatch(line.strip().rstrip(":")):
            path = line.strip().rstrip(":").removeprefix("./")
    return hits


def call_arguments(text: str) -> dict[str, object]:
    """The arguments of a call; none where they can't be read."""
    try:
        decoded: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
