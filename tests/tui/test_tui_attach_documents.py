from __future__ import annotations

from attach_fakes import FakeDesk
from msgspec.structs import replace
from screen_fakes import FakeConversation
from screen_pilot import Start, screen_text

from dsterm.core.attachments import Level, PackChoice, Survey
from dsterm.tui.attach.screen import AttachScreen

PATH = "docs/report.pdf"
REASON = "document (its text is taken when it is ticked or named)"


class PapersDesk(FakeDesk):
    """A repository with a PDF whose text is taken, to be counted, only where it is ticked."""

    def __init__(self) -> None:
        super().__init__({PATH: 7_000, "a.py": 100})
        self.counted: list[PackChoice] = []

    async def survey(self, source, choice, tell) -> Survey:
        found = await super().survey(source, choice, tell)
        files = tuple(replace(file, reason=REASON if file.path == PATH else "") for file in found.files)
        return replace(found, files=files, documents={PATH: "pypdf 7"})

    async def count(self, source, choice, tell, fill=None) -> Survey:
        self.counted.append(choice)
        found = await super().count(source, choice, tell, fill)
        is_ticked = choice.levels.get(PATH) is Level.FULL
        return replace(
            found,
            files=tuple(file if file.path != PATH or is_ticked else replace(file, tokens=-1) for file in found.files),
        )


async def test_a_document_is_counted_once_it_is_ticked(start: Start) -> None:
    conversation = FakeConversation()
    conversation.attachments = PapersDesk()
    async with start(conversation) as (app, pilot):
        await pilot.press("f5")
        await pilot.pause()
        page = app.screen
        assert isinstance(page, AttachScreen)

        async def ready() -> str:
            await page.workers.wait_for_complete(worker for worker in page.workers if worker.node is page)
            await pilot.pause()
            return next((line for line in screen_text(app) if " report.pdf" in line and "[" in line), "")

        await ready()
        page.view.move_to(page.work.rows.reveal(PATH))
        page.changed()
        await pilot.pause()
        assert "[ ]" in await ready()
        await pilot.press("space")
        row = await ready()
        assert "[x] report.pdf" in row
        assert " 7k " in row
        assert len(conversation.attachments.counted) == 2
        await pilot.press("space", "space")
        await ready()
        assert len(conversation.attachments.counted) == 2
