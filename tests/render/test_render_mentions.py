from __future__ import annotations

from dsterm.core.mentions import Mention, MentionKind
from dsterm.render.mention_notes import mentions_note


def mention(written: str, tokens: int = 10, problem: str = "") -> Mention:
    return Mention(kind=MentionKind.FILE, written=written, tokens=tokens, problem=problem)


def test_what_was_sent_is_named_with_its_tokens() -> None:
    note = mentions_note([mention("@src/app.py:10-40", 1_900), mention("@.env", problem="no")])
    assert note is not None
    assert note.text == "with @src/app.py:10-40 1.9k tok"
    assert mentions_note([mention("@.env", problem="no")]) is None


def test_many_are_counted_and_hostile_names_are_drawn_as_text() -> None:
    note = mentions_note([mention("@a\x1b[31m\u202e")] + [mention(f"@{number}") for number in range(8)])
    assert note is not None
    assert note.text.startswith("with @a␛[31m⟨U+202E⟩ 10 tok, @0 10 tok")
    assert note.text.endswith("and 3 others")
