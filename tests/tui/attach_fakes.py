"""A source to attach, without an engine: what the attach screen asks for is answered at once, or held until a test lets go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import replace

from dsterm.core.attachments import LeftOut, PackChoice, SourceFile, Survey, WorkStage, WorkState
from dsterm.core.errors import UsageError

WINDOW = 1_048_576
PER_MILLION = {"Pro": ("1.6", "0.135"), "Flash": ("0.14", "0.028")}
SIZES = {
    "README.md": 2_100,
    "docs/guide.md": 18_000,
    "docs/reference.md": 31_000,
    "src/shop/__init__.py": 20,
    "src/shop/cart.py": 3_400,
    "src/shop/orders/models.py": 9_100,
    "src/shop/orders/views.py": 7_800,
    "src/shop/static/logo.png": 5_000,
    "tests/test_cart.py": 2_700,
    "tests/test_orders.py": 4_900,
    "uv.lock": 34_000,
    "注文/説明書.md": 1_500,
}
REASONS = {"uv.lock": "lock file"}
BY_CONTENT = {"src/shop/static/logo.png": "binary"}


class FakeQuote(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    tokens: int
    share: float
    miss_dollars: Decimal | None
    hit_dollars: Decimal | None
    missing: int


class FakeDesk:
    """`sizes` are the tokens of each file; `room` is how many fit; `hold` makes the count wait for `gate`, with
    the `known` first files counted; `has_sizes` is whether the listing tells sizes.
    """

    def __init__(self, sizes: Mapping[str, int] = SIZES, room: int = 900_000) -> None:
        self.sizes = dict(sizes)
        self.room = room
        self.hold = False
        self.gate = asyncio.Event()
        self.surveyed: list[tuple[str, PackChoice]] = []
        self.stopped = 0
        self.outlines: list[str] = []
        self.named = (LeftOut(path="vendor/lib", reason="submodule"),)
        self.has_prices = True
        self.has_sizes = True
        self.known = 0

    async def survey(self, source: str, choice: PackChoice, tell: Callable[[WorkState], None]) -> Survey:
        self.surveyed.append((source, choice))
        if source == "nowhere":
            raise UsageError("There is no folder 'nowhere' here; give another one.")
        tell(WorkState(stage=WorkStage.LISTING))
        await asyncio.sleep(0)
        paths = {**self.sizes, **({"vendor/lib/x.c": 800} if choice.enters else {})}
        if not choice.tracked_only:
            paths["notes.txt"] = 300
        files = tuple(
            SourceFile(path=path, blob=path, size=tokens * 4 if self.has_sizes else -1, reason=REASONS.get(path, ""))
            for path, tokens in sorted(paths.items(), key=lambda item: item[0].encode())
        )
        return Survey(
            source=source,
            folder=Path("/w"),
            place="",
            commit="1d293da5e1f2",
            is_dirty=True,
            files=files,
            named=() if choice.enters else self.named,
            changed=frozenset({"README.md"}) if choice.since else frozenset(),
        )

    async def count(
        self,
        source: str,
        choice: PackChoice,
        tell: Callable[[WorkState], None],
        fill: Callable[[Survey], Awaitable[None]] | None = None,
    ) -> Survey:
        survey = await self.survey(source, choice, tell)
        self.surveyed.pop()
        tell(WorkState(stage=WorkStage.COUNTING, done=5, total=13, tokens=61_000))
        if fill is not None and self.known:
            await fill(self._counted(survey, self.known))
        try:
            if self.hold:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        return self._counted(survey, len(survey.files))

    def _counted(self, survey: Survey, first: int) -> Survey:
        sizes = {**self.sizes, "notes.txt": 300, "vendor/lib/x.c": 800}
        counted = tuple(
            replace(file, tokens=sizes[file.path], reason=BY_CONTENT.get(file.path, file.reason))
            for file in survey.files[:first]
        )
        return replace(survey, files=(*counted, *survey.files[first:]))

    async def outlined(self, survey: Survey, paths: Sequence[str]) -> Mapping[str, int]:
        self.outlines += paths
        return {path: self.sizes.get(path, 0) // 10 for path in paths}

    def quotes(self, tokens: int) -> Sequence[FakeQuote]:
        return [
            FakeQuote(
                title=title,
                tokens=tokens,
                share=tokens / WINDOW,
                miss_dollars=Decimal(first) * tokens / 1_000_000 if self.has_prices else None,
                hit_dollars=Decimal(again) * tokens / 1_000_000 if self.has_prices else None,
                missing=max(0, tokens - self.room),
            )
            for title, (first, again) in PER_MILLION.items()
        ]
