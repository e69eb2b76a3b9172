from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsterm.boot.crash import describe_crash, report_crashes, write_crash_log

KEY = "plain-known-key-77"


@pytest.fixture
def hooks() -> Iterator[None]:
    kept = sys.excepthook, threading.excepthook, sys.unraisablehook, list(logging.getLogger().handlers)
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = kept[:3]
    logging.getLogger().handlers[:] = kept[3]


def fail(words: str) -> None:
    local_value = "value-of-a-local"
    raise RuntimeError(f"{words} after {len(local_value)}")


def caught(words: str) -> RuntimeError:
    with pytest.raises(RuntimeError) as info:
        fail(words)
    return info.value


def test_a_crash_is_one_sentence_and_a_log_for_the_user_alone(
    hooks: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report_crashes(tmp_path / "logs", {KEY})
    error = caught(f"with {KEY} and sk-0123456789abcdef")
    sys.excepthook(type(error), error, error.__traceback__)
    said = capsys.readouterr()
    log = tmp_path / "logs/crash.log"
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert str(log) in said.err
    text = log.read_text()
    assert "RuntimeError: with [redacted] and [redacted]" in text
    assert "in fail" in text
    assert not any(secret in text + said.err for secret in (KEY, "0123456789abcdef", "value-of-a-local = "))
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o777 == 0o700


def test_causes_are_told_but_never_the_text_that_was_parsed() -> None:
    def parse() -> None:
        try:
            compile("name = = 'words of the user'", "notes.txt", "exec")
        except SyntaxError as error:
            raise ExceptionGroup("both", [ValueError(KEY), error]) from error

    with pytest.raises(ExceptionGroup) as info:
        parse()
    text = describe_crash(info.value, {KEY})
    assert "SyntaxError" in text
    assert "direct cause" in text
    assert "name = =" not in text.replace("compile(\"name = = 'words of the user'\"", "")
    assert KEY not in text


def test_keys_that_become_known_later_are_masked_too(hooks: None, tmp_path: Path) -> None:
    keys: set[str] = set()
    report_crashes(tmp_path, keys)
    keys.add(KEY)
    error = caught(KEY)
    sys.excepthook(type(error), error, error.__traceback__)
    assert KEY not in (tmp_path / "crash.log").read_text()


def test_what_fails_beside_the_screen_is_in_the_log_alone(
    hooks: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Odd:
        def __del__(self) -> None:
            fail(f"closing {KEY}")

    async def forget_a_task() -> None:
        async def lost() -> None:
            fail(f"task {KEY}")

        task = asyncio.create_task(lost())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task

    report_crashes(tmp_path, {KEY})
    thread = threading.Thread(target=fail, args=(f"thread {KEY}",))
    thread.start()
    thread.join()
    Odd()
    asyncio.run(forget_a_task())
    gc.collect()
    logging.getLogger("library").warning("it says %s", KEY)
    text = (tmp_path / "crash.log").read_text()
    for words in ("thread [redacted]", "closing [redacted]", "task [redacted]", "library: it says [redacted]"):
        assert words in text
    assert KEY not in text
    assert capfd.readouterr() == ("", "")


def test_a_text_that_is_no_text_can_still_be_logged(tmp_path: Path) -> None:
    assert "send it" in write_crash_log(tmp_path, "half a pair: \udc80")
    assert "\\udc80" in (tmp_path / "crash.log").read_text()


def test_a_log_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "flat").write_text("")
    assert "could not be written" in write_crash_log(tmp_path / "flat" / "logs", "x")
