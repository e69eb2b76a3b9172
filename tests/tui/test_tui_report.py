from __future__ import annotations

import pytest
from screen_fakes import FakeConversation
from screen_pilot import Start, screen_text, send, settle

from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.core.report_events import Part, Picture, ReportShown, ReportTable, Role, Sentences, TableRow


def report() -> ReportShown:
    rows = (
        TableRow(cells=("system text", "2,400", "<1 %", "$0.0003", "hit"), role=Role.SYSTEM),
        TableRow(cells=("flask\x1b[2J (81 files)", "48,100", "5 %", "$0.0065", "hit 99 %"), role=Role.PACK),
        TableRow(cells=("src/", "40,000", "4 %", "$0.0054", ""), depth=2),
        TableRow(cells=("free", "998,076", "95 %", "", ""), role=Role.FREE),
    )
    parts = (
        Part(role=Role.SYSTEM, tokens=2_400),
        Part(role=Role.PACK, tokens=48_100),
        Part(role=Role.FREE, tokens=998_076),
    )
    return ReportShown(
        title="The window of Pro, Think: 51k of 1.05M tokens, 5 %",
        sections=(
            Picture(parts=parts),
            ReportTable(header=("", "tokens", "window", "$ again", "cached"), rows=rows, drops=(2, 4)),
            Sentences(texts=("Likely cached: 50k, 0.6k new.",)),
        ),
    )


@pytest.mark.parametrize("size", [(80, 24), (50, 24), (140, 45)])
async def test_a_report_is_drawn_at_every_width(start: Start, size: tuple[int, int]) -> None:
    conversation = FakeConversation([report(), TurnEnded(reason=TurnEnd.ANSWERED)])
    async with start(conversation, size=size) as (app, pilot):
        await send(pilot, app, "what fills it?")
        await settle(app, pilot)
        text = screen_text(app)
    shown = "\n".join(text)
    assert "\x1b" not in shown
    assert any(row.strip().startswith("■") and "█" in row and row.rstrip().endswith("·") for row in text)
    assert any("█ flask" in row and "48,100" in row and "$0.0065" in row for row in text)
    assert any("src/" in row and "40,000" in row for row in text)
    assert ("hit 99 %" in shown) is (size[0] >= 80)
    assert "Likely cached: 50k" in shown
