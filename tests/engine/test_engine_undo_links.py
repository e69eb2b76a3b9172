from __future__ import annotations

from pathlib import Path

from dsterm.core.undo_events import FileChange
from dsterm.engine.undoing.change_history import ChangeSet
from dsterm.engine.undoing.reversal import plan_reversal
from dsterm.workspace.saved.checkpoints import Checkpoints


def test_a_link_that_was_changed_since_is_never_merged_but_asked_about(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, None)
    (tmp_path / "link").symlink_to("one\ntwo\nthree\n")
    (before,) = checkpoints.save(["link"])
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("ONE\ntwo\nthree\n")
    (after,) = checkpoints.save(["link"])
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("ONE\ntwo\nTHREE\n")
    changes = ChangeSet(turn="t", seq=1, prompt="p", changes=(FileChange(before=before, after=after),))
    planned = plan_reversal(checkpoints, [changes])
    assert [change.after for change in planned.changes] == [before]
    assert planned.collisions == ("link was edited since in the same places",)


def test_taking_back_a_link_that_a_command_made_removes_the_link_alone(tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    (tmp_path / "outside").write_text("stays")
    checkpoints = Checkpoints(root, None)
    (before,) = checkpoints.save(["link"])
    (root / "link").symlink_to(tmp_path / "outside")
    (after,) = checkpoints.save(["link"])
    planned = plan_reversal(
        checkpoints,
        [ChangeSet(turn="t", seq=1, prompt="p", changes=(FileChange(before=before, after=after),))],
    )
    checkpoints.restore([change.after for change in planned.changes if change.after], [after])
    assert list(root.iterdir()) == []
    assert (tmp_path / "outside").read_text() == "stays"
