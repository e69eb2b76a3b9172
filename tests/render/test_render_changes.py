from __future__ import annotations

from dsterm.core.repo_events import ChangedFile, RepoChanged
from dsterm.render.notes import changes_note


def changed(path: str, **more: object) -> ChangedFile:
    return ChangedFile(path=path, before="1" * 40, after="2" * 40, **more)  # type: ignore[arg-type]


def test_a_note_says_what_was_told_of_attached_files() -> None:
    files = (changed("a.py", added=12, removed=4), changed("b.py"), changed("\x1b[1mc"), changed("d.py", is_stale=True))
    event = RepoChanged(digest="d" * 64, files=files, text="", tokens=420, is_partial=True)
    assert (
        changes_note(event).text
        == "4 attached files changed · +12 −4 · 420 tok · 1 only named · a.py, b.py, ␛[1mc and 1 more"
    )
    one = RepoChanged(digest="d" * 64, files=(changed("a.py", added=1),), text="", tokens=9)
    assert changes_note(one).text == "1 attached file changed · +1 −0 · 9 tok · a.py"
