from __future__ import annotations

import pytest

from dsterm.engine.steps.announcements import announces_only

ANNOUNCED = (
    "Let me check the tests.",
    "Let me check…",
    "Let me check the config...",
    "I see the problem. Let me look at `config.py` first.",
    "I'll read the file now.",
    "I’ll start by reading the parser.",
    "Okay, now I will run the tests.",
    "The bug is in a.py. Next, I'll fix it.",
    "I'm going to search for callers of `total`.",
    "I need to see the other module.",
    "Great! Now let's update the docs.",
    "Here is what I will change:",
    "Let me check the file you mentioned.",
    "**Let me verify this.**",
    "Checking the tests…",
    "Running the suite now...",
    "Ich schaue mir die Datei an.",
    "Lass mich die Tests prüfen.",
    "Gut. Ich werde jetzt die Konfiguration lesen.",
    "Zuerst prüfe ich die Tests.",
    "Ich prüfe das jetzt.",
    "Als Nächstes werde ich den Fehler beheben.",
    "Lassen Sie mich zuerst den Code ansehen.",
    "让我检查一下这个文件。",
    "好的，我先看看代码。",
    "接下来我会运行测试。",
    "我来修复这个问题。",
    "现在让我读取配置文件：",
)
FINISHED = (
    "",
    "The tests pass.",
    "Let me know if you need anything else.",
    "Done. Let me know what you think.",
    "I'll run the tests once you confirm.",
    "I'll wait for your answer.",
    "I'll be here.",
    "Should I fix it? Let me check first.",
    "Do you want me to run it?",
    "I will use snake_case from now on.",
    "I have read the file, and the bug is in line 3.",
    "You can let me check it with --trust.",
    "To fix it, run `pip install x`.",
    "If it fails, I'll look again.",
    "I'll fix it after you have saved the file.",
    "The function says: I'll be back.",
    "Run this:\n```\nmake test\n```",
    "# Plan\n\n1. Read a.py.\n2. I'll fix it.",
    "I checked all of it. " * 30 + "Let me check more.",
    "I would start with the parser.",
    "We looked at it; the code will check the key.",
    "Lass mich wissen, ob das passt.",
    "Ich werde es testen, sobald Sie zustimmen.",
    "Ich habe die Datei gelesen und den Fehler behoben.",
    "Die Prüfung sieht gut aus.",
    "Soll ich das jetzt prüfen?",
    "测试通过了。",
    "如果需要，我会运行测试。",
    "我已经修复了这个问题。",
    "要我运行测试吗？",
    "请让我知道结果。",
    "等你确认后我会修改。",
)


@pytest.mark.parametrize("text", ANNOUNCED)
def test_an_announcement_is_seen(text: str) -> None:
    assert announces_only(text)


@pytest.mark.parametrize("text", FINISHED)
def test_a_finished_answer_is_left_alone(text: str) -> None:
    assert not announces_only(text)
