from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from git_world import git, git_loop, hook
from scripted import answer
from work_loop import WorkLoop

from dsterm.core.command_events import UserCommandEnded, UserCommandStarted
from dsterm.core.delta_events import ToolProgress
from dsterm.core.errors import ProviderError, UsageError
from dsterm.core.events import AsideEnded, Notice, NoticeLevel
from dsterm.core.provider import Ended, Failure, FailureKind, StopReason
from dsterm.core.questions import Answer
from dsterm.core.review import EDITED, FileReview
from dsterm.engine.slash.commit import commit, tidy_message

MESSAGE = "Count from two\n\nOne was taken."
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2


def committing(folder: Path, text: str = MESSAGE, **parts: object) -> WorkLoop:
    """A session whose model proposes `text`, in a repository where a.py has changed."""
    loop = git_loop(folder, [answer(text)], **parts)
    (loop.root / "a.py").write_text("a = 2\n")
    return loop


def staged(folder: Path, text: str = MESSAGE, **parts: object) -> WorkLoop:
    loop = committing(folder, text, **parts)
    git(loop.root, "add", "a.py")
    (loop.root / "b.py").write_text("b = 2\n")
    return loop


def message_of(loop: WorkLoop) -> str:
    return git(loop.root, "log", "-1", "--format=%B").strip()


def files_of(loop: WorkLoop) -> list[str]:
    return git(loop.root, "show", "--name-only", "--format=", "HEAD").split("\n")


def commits(loop: WorkLoop) -> int:
    return int(git(loop.root, "rev-list", "--count", "HEAD"))


def last_notice(loop: WorkLoop) -> Notice:
    return loop.of(Notice)[-1]


def sent(loop: WorkLoop) -> str:
    return loop.provider.requests[0].messages[0].text


async def test_what_is_staged_is_committed_with_the_proposed_message(tmp_path):
    loop = staged(tmp_path)
    loop.answers = ["once"]
    await commit(loop.live, "")
    assert message_of(loop) == MESSAGE
    assert files_of(loop) == ["a.py"]
    assert (loop.root / "b.py").read_text() == "b = 2\n"
    short = git(loop.root, "rev-parse", "--short", "HEAD")
    assert last_notice(loop).text == f"Committed {short} Count from two\na.py"
    assert git(loop.root, "log", "-1", "--format=%an <%ae>") == "Ada <ada@example.org>"


async def test_message_is_shown_once_with_its_question_and_its_price_is_told(tmp_path):
    loop = staged(tmp_path)
    loop.answers = ["deny"]
    await commit(loop.live, "")
    assert loop.questions[0].text == "Commit a.py with this message?"
    assert loop.proposed == [f"{MESSAGE}\n"]
    assert [notice.text for notice in loop.of(Notice)] == ["Nothing was committed."]
    assert loop.of(AsideEnded)[0].purpose == "commit message"


async def test_diff_goes_out_as_data_and_the_hint_as_the_users_word(tmp_path):
    loop = staged(tmp_path)
    loop.answers = ["deny"]
    await commit(loop.live, "it's for Bob's \"test\"")
    text = sent(loop)
    assert text.startswith("The user says about it: it's for Bob's \"test\"\n\n<data-")
    assert "-a = 1\n+a = 2\n" in text
    assert "b = 2" not in text


@pytest.mark.parametrize("how", ["staged", "chosen"])
async def test_no_leaves_everything_as_it_was(tmp_path, how):
    loop = staged(tmp_path) if how == "staged" else committing(tmp_path)
    before = git(loop.root, "status", "--porcelain")
    loop.answers = ["deny"] if how == "staged" else ["all", "deny"]
    await commit(loop.live, "")
    assert git(loop.root, "status", "--porcelain") == before
    assert commits(loop) == 1
    assert last_notice(loop).text == "Nothing was committed."


async def test_edited_message_is_the_one_that_is_committed(tmp_path):
    loop = staged(tmp_path)
    edited = "# 1 is not enough\nsecond line; $(touch hacked) `touch hacked`"
    loop.answers = [Answer(answer=EDITED, reviews=(FileReview(path="COMMIT_EDITMSG", text=f"{edited}\n"),))]
    await commit(loop.live, "")
    assert loop.proposed == [f"{MESSAGE}\n"]
    assert message_of(loop) == edited
    assert not (loop.root / "hacked").exists()


async def test_message_edited_to_nothing_commits_nothing(tmp_path):
    loop = staged(tmp_path)
    loop.answers = [Answer(answer=EDITED, reviews=(FileReview(path="COMMIT_EDITMSG", text=" \n"),))]
    await commit(loop.live, "")
    assert commits(loop) == 1


async def test_all_changed_files_can_be_chosen_new_deleted_and_strangely_named_ones_too(tmp_path):
    loop = committing(tmp_path)
    names = ["new file.py", "-rf", ":(glob)*", "*", "line\nbreak", "ä.py", 'quo"te']
    for name in names:
        (loop.root / name).write_text("x\n")
    (loop.root / "b.py").unlink()
    (loop.root / ".gitignore").write_text("ignored\n")
    (loop.root / "ignored").write_text("x")
    loop.answers = ["all", "once"]
    await commit(loop.live, "")
    committed = git(loop.root, "show", "--name-only", "-z", "--format=", "HEAD").strip("\0").split("\0")
    assert sorted(committed) == sorted([*names, "a.py", "b.py", ".gitignore"])
    assert git(loop.root, "status", "--porcelain") == ""


async def test_files_of_this_session_can_be_chosen_alone(tmp_path):
    loop = committing(tmp_path)
    (loop.root / "*").write_text("not mine\n")
    (loop.root / "b.py").write_text("b = 2\n")
    loop.begin_turn()
    loop.edit("a.py")
    loop.answers = ["session", "once"]
    await commit(loop.live, "")
    assert [option.answer for option in loop.questions[0].options] == ["all", "session", "deny"]
    assert files_of(loop) == ["a.py"]
    assert "not mine" not in sent(loop)


async def test_new_file_that_is_chosen_is_in_the_diff_that_is_sent(tmp_path):
    loop = committing(tmp_path)
    (loop.root / "new.py").write_text("n = 1\n")
    (loop.root / "picture").write_bytes(b"\0\1\2")
    (loop.root / "link").symlink_to("/etc/passwd")
    loop.answers = ["all", "deny"]
    await commit(loop.live, "")
    text = sent(loop)
    assert "+++ b/new.py\n@@ -0,0 +1 @@\n+n = 1\n" in text
    assert "new file: binary" in text
    assert "new file: a link" in text
    assert "root:" not in text


async def test_nothing_chosen_sends_nothing(tmp_path):
    loop = committing(tmp_path)
    loop.answers = ["deny"]
    await commit(loop.live, "")
    assert loop.provider.requests == []


async def test_nothing_changed_is_said_so(tmp_path):
    loop = git_loop(tmp_path)
    with pytest.raises(UsageError, match="Nothing has changed"):
        await commit(loop.live, "")


@pytest.mark.parametrize(("parts", "words"), [({"is_trusted": False}, "not trusted"), ({"can_ask": False}, "nobody")])
async def test_without_trust_or_anybody_to_ask_nothing_runs(tmp_path, parts, words):
    loop = staged(tmp_path, **parts)
    hook(loop.root, "pre-commit", "touch ran")
    with pytest.raises(UsageError, match=words):
        await commit(loop.live, "")
    assert loop.provider.requests == []
    assert not (loop.root / "ran").exists()


async def test_hooks_run_with_their_output_streamed(tmp_path):
    loop = staged(tmp_path)
    hook(loop.root, "pre-commit", "echo checking; echo twice >&2; touch ran")
    hook(loop.root, "commit-msg", 'echo "\nTicket: 7" >> "$1"')
    loop.answers = ["once"]
    await commit(loop.live, "")
    assert (loop.root / "ran").exists()
    assert message_of(loop).endswith("Ticket: 7")
    assert "checking" in "".join(event.text for event in loop.of(ToolProgress))
    (ended,) = loop.of(UserCommandEnded)
    assert (ended.exit_code, ended.is_shared) == (0, False)
    assert "checking\ntwice\n" in ended.output


async def test_no_hook_runs_before_the_yes(tmp_path):
    loop = staged(tmp_path)
    for name in (
        "pre-commit",
        "post-index-change",
        "prepare-commit-msg",
        "reference-transaction",
        "fsmonitor-watchman",
    ):
        hook(loop.root, name, "touch ran")
    git(loop.root, "config", "core.fsmonitor", str(loop.root / ".git/hooks/fsmonitor-watchman"))
    (loop.root / "ran").unlink(missing_ok=True)
    loop.answers = ["deny"]
    await commit(loop.live, "")
    assert not (loop.root / "ran").exists()


async def test_failing_hook_loses_nothing(tmp_path):
    loop = staged(tmp_path)
    hook(loop.root, "pre-commit", "echo 'line 3 is too long' >&2; exit 1")
    loop.answers = ["once"]
    await commit(loop.live, "")
    assert commits(loop) == 1
    assert git(loop.root, "diff", "--cached", "--name-only") == "a.py"
    assert last_notice(loop).level is NoticeLevel.ERROR
    assert MESSAGE in last_notice(loop).text
    assert "line 3 is too long" in loop.of(UserCommandEnded)[0].output


async def test_chosen_files_stay_staged_when_a_hook_refuses_and_that_is_said(tmp_path):
    loop = committing(tmp_path)
    hook(loop.root, "pre-commit", "exit 1")
    loop.answers = ["all", "once"]
    await commit(loop.live, "")
    assert "stay staged" in last_notice(loop).text
    assert git(loop.root, "diff", "--cached", "--name-only") == "a.py"


async def test_hook_sees_no_key_and_no_other_repository(tmp_path):
    loop = staged(tmp_path)
    (tmp_path / "home" / "another.git").mkdir()
    hook(loop.root, "pre-commit", "env > seen.txt; cat >> seen.txt")
    loop.answers = ["once"]
    await commit(loop.live, "")
    seen = (loop.root / "seen.txt").read_text()
    assert "sk_0123456789abcdef" not in seen
    assert "another.git" not in seen
    assert "HOME=" in seen
    assert commits(loop) == 2


async def test_hook_that_leaves_something_running_does_not_hold_it_up(tmp_path):
    loop = staged(tmp_path)
    hook(loop.root, "post-commit", "sleep 30 & echo $! > pid")
    loop.answers = ["once"]
    async with asyncio.timeout(8):
        await commit(loop.live, "")
    assert last_notice(loop).text.startswith("Committed ")
    os.kill(int((loop.root / "pid").read_text()), 9)


async def test_stopping_a_hook_stops_all_of_it_and_leaves_no_lock(tmp_path):
    loop = staged(tmp_path)
    hook(loop.root, "pre-commit", "touch began; sleep 30; touch ended")
    loop.answers = ["once"]
    task = asyncio.create_task(commit(loop.live, ""))
    while not (loop.root / "began").exists():
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert commits(loop) == 1
    assert not (loop.root / ".git/index.lock").exists()
    assert [type(event).__name__ for event in (*loop.of(UserCommandStarted), *loop.of(UserCommandEnded))] == [
        "UserCommandStarted",
        "UserCommandEnded",
    ]
    assert loop.of(UserCommandEnded)[0].exit_code is None


async def test_what_was_staged_after_it_was_shown_is_not_committed(tmp_path):
    loop = staged(tmp_path)
    loop.answers = ["once"]
    asked = loop._answer

    def stage_and_answer(question_id: str) -> None:
        git(loop.root, "add", "b.py")
        asked(question_id)

    loop._answer = stage_and_answer
    await commit(loop.live, "")
    assert commits(loop) == 1
    assert "has changed since" in last_notice(loop).text
    assert MESSAGE in last_notice(loop).text


async def test_secret_in_the_changes_is_asked_about_before_anything_is_sent(tmp_path):
    loop = staged(tmp_path)
    (loop.root / "a.py").write_text(f"token = '{TOKEN}'\n")
    git(loop.root, "add", "a.py")
    loop.answers = ["deny"]
    await commit(loop.live, "")
    assert loop.provider.requests == []
    assert commits(loop) == 1
    assert loop.questions[0].reasons
    assert TOKEN not in repr(loop.events)


async def test_secret_is_masked_for_the_model_and_named_again_before_the_commit(tmp_path):
    loop = staged(tmp_path)
    (loop.root / "a.py").write_text(f"token = '{TOKEN}'\n")
    git(loop.root, "add", "a.py")
    loop.answers = ["once", "deny"]
    await commit(loop.live, "")
    assert TOKEN not in sent(loop)
    assert loop.questions[1].reasons == loop.questions[0].reasons


async def test_secret_looking_file_is_warned_of_and_its_content_stays_here(tmp_path):
    loop = committing(tmp_path)
    (loop.root / ".env").write_text("PASSWORD=hunter2\n")
    loop.answers = ["all", "once", "deny"]
    await commit(loop.live, "")
    assert loop.questions[1].reasons[0].startswith(".env looks like")
    assert "hunter2" not in sent(loop)
    assert ".env" in sent(loop)


async def test_no_message_means_no_commit(tmp_path):
    failure = Failure(kind=FailureKind.AUTHENTICATION, message="The key is wrong.")
    loop = git_loop(tmp_path, [[Ended(stop=StopReason.FAILED, failure=failure)]])
    (loop.root / "a.py").write_text("a = 2\n")
    git(loop.root, "add", "a.py")
    with pytest.raises(ProviderError, match=r"No commit message: The key is wrong."):
        await commit(loop.live, "")
    assert commits(loop) == 1


async def test_first_commit_of_a_repository_works(tmp_path):
    loop = staged(tmp_path)
    git(loop.root, "update-ref", "-d", "HEAD")
    loop.answers = ["once"]
    await commit(loop.live, "")
    assert commits(loop) == 1
    assert files_of(loop) == ["a.py", "b.py"]


async def test_large_change_is_cut_and_what_is_missing_is_said(tmp_path):
    loop = staged(tmp_path)
    (loop.root / "a.py").write_text("a line of text\n" * 20_000)
    git(loop.root, "add", "a.py")
    loop.answers = ["deny"]
    await commit(loop.live, "")
    assert len(sent(loop)) < 62_000
    assert "a.py | +20000 -1" in sent(loop)
    assert "Not shown: " in sent(loop)


async def test_files_staged_outside_the_workspace_are_counted_before_the_yes(tmp_path):
    loop = git_loop(tmp_path, [answer(MESSAGE)], at="inner")
    (loop.root / "c.py").write_text("c\n")
    (loop.root.parent / "a.py").write_text("outside\n")
    git(loop.root, "add", "-A", "..")
    loop.answers = ["deny"]
    await commit(loop.live, "")
    assert "1 file outside this folder" in loop.questions[0].reasons[0]
    assert "+outside" not in sent(loop)


async def test_a_subfolder_commits_its_own_files(tmp_path):
    loop = git_loop(tmp_path, [answer(MESSAGE)], at="inner")
    (loop.root / "c.py").write_text("c\n")
    (loop.root.parent / "a.py").write_text("outside\n")
    loop.answers = ["all", "once"]
    await commit(loop.live, "")
    assert files_of(loop) == ["inner/c.py"]


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("Fix it", "Fix it"),
        ("```\nFix it\n\nBecause.\n```", "Fix it\n\nBecause."),
        ("Fix it  \r\nBecause.\r\n", "Fix it\n\nBecause."),
        ("\x1b[31mFix\u202e it\x00", "[31mFix it"),
        ("Fix\u00a0it", "Fix it"),
        ("#1 goes first", "#1 goes first"),
    ],
)
def test_message_is_tidied_and_never_rewritten(text, tidy):
    assert tidy_message(text) == tidy
