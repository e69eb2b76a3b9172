from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_world import KEY, World

from dsterm.core.command_plan import Confinement
from dsterm.core.tools import Lack
from dsterm.workspace.commands.job_log import JobLog
from dsterm.workspace.commands.job_output import JobOutputText
from dsterm.workspace.commands.job_stream import JobStream
from dsterm.workspace.commands.lack import seeming_lack
from dsterm.workspace.commands.plain_output import plain_output


def mask(text: str) -> str:
    return text.replace(KEY, "[redacted]")


def streamed(*pieces: bytes, log: JobLog | None = None) -> JobStream:
    stream = JobStream(log or JobLog(None), mask)
    for piece in pieces:
        stream.feed(piece)
    stream.finish()
    return stream


def logged(stream: JobStream) -> str:
    return "\n".join(stream.log.stretch(1, 10**9, 10**9).lines)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("a\x1b[31mb\x1b[0mc", "abc"),
        ("\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        ("\x1b]52;c;unended\nnext", "\nnext"),
        ("\x1bPdcs\x1b\\x\x1b(By\x1b7", "xy"),
        ("10%\r20%\r100%\r\ndone", "100%\ndone"),
        ("bold b\x08bo\x08o", "bold bo"),
        ("bell\x07\tnul\x00\x7f\x85", "bell\tnul␀␡"),
        ("text\n" + "\x00\x01\x02\ufffd" * 100 + "\nend", "text\n[binary output, about 400 bytes, not shown]\nend"),
        ("\x00\x01\x02\ufffd" * 10 + "\na\x00\n" + "\x01" * 9 + "\n", "[binary output, about 51 bytes, not shown]\n"),
    ],
)
def test_the_model_gets_plain_lines(raw, plain):
    assert plain_output(raw) == plain


@given(st.text(alphabet=st.sampled_from("ab\r\n\t\x1b[;0m]\x07\x08\x00\x9b\ufffdé"), max_size=60))
def test_plain_output_has_no_control_but_newline_and_tab(raw):
    assert not any(
        ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0
        for character in plain_output(raw).replace("\n", "").replace("\t", "")
    )


@given(
    st.lists(
        st.sampled_from([b"a", b"\n", "ü".encode(), KEY.encode(), b" ", b"long " * 9000, b"x" * 17_000]), max_size=12
    ),
    st.data(),
)
def test_neither_the_pieces_nor_the_length_of_lines_let_a_key_through(parts, data):
    raw = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    pieces = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    stream = streamed(*pieces)
    assert logged(stream) == mask(raw.decode()).removesuffix("\n")
    assert KEY[:-4] not in stream.shown().text
    assert stream.lines == len(raw.decode().splitlines())


def test_a_colour_in_the_middle_of_a_key_does_not_let_it_through(tmp_path):
    seen: list[str] = []

    async def run() -> None:
        stream = JobStream(JobLog(tmp_path / "log"), mask)
        stream.show(seen.append)
        stream.feed(f"\x1b[31m{KEY[:5]}\x1b[0m{KEY[5:]}\nplain \x1b[32mgreen\x1b[0m\n".encode())
        stream.finish()

    asyncio.run(run())
    assert (tmp_path / "log").read_text() == "[redacted]\nplain green\n"
    assert "".join(seen) == "[redacted]\nplain green\n", "colours go when something beside them is masked"


def test_a_key_that_straddles_the_part_of_a_flood_that_is_left_out_is_not_shown():
    log = JobLog(None, cap=100)
    stream = JobStream(log, mask)
    stream.feed(b"begin\n" * 50)
    for _ in range(40):
        stream.feed((f"{KEY} " * 400).encode())
    stream.feed(f"\nthe last {KEY}\n".encode())
    stream.finish()
    shown = stream.shown()
    assert shown.text.startswith("begin\n") and shown.text.endswith("the last [redacted]\n")
    assert KEY[-8:] not in shown.text.replace("[redacted]", "")


def test_memory_stays_bounded_and_the_tail_true():
    log = JobLog(None, cap=10_000)
    stream = JobStream(log, mask)
    for start in range(0, 3_000_000, 10_000):
        stream.feed("".join(f"{number}\n" for number in range(start, start + 10_000)).encode())
    stream.finish()
    assert stream.lines == 3_000_000
    shown = stream.shown()
    assert shown.is_cut and shown.text.startswith("0\n1\n") and shown.text.endswith("\n2999998\n2999999\n")
    assert len(shown.text) < 32_000


@given(st.lists(st.integers(0, 3000), max_size=60), st.data())
def test_head_and_tail_together_hold_all_that_fits_and_say_what_does_not(lengths, data):
    lines = [f"{number}:" + "x" * length for number, length in enumerate(lengths)]
    text = "".join(f"{line}\n" for line in lines)
    output = JobOutputText()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        output.add(text[start:end])
    shown = output.shown()
    assert output.lines_with("") == len(lines)
    assert len(shown.text.encode()) <= 35_000
    if not shown.is_cut:
        assert shown.text == text
        return
    kept = shown.text.splitlines()
    if said := [line for line in kept if line.endswith("lines left out here]")]:
        missing = int(said[0].split()[0].lstrip("[").replace(",", ""))
        assert missing + len(kept) - 1 == len(lines)


def test_one_endless_line_is_shown_by_its_ends():
    stream = streamed(b"begin ", b"x" * 500_000, b" end")
    shown = stream.shown()
    assert shown.text.startswith("begin xxx") and shown.text.endswith("xxx end") and shown.is_cut
    assert len(shown.text) < 5_000 and stream.lines == 1


def test_a_full_log_ends_with_a_whole_line_and_says_so(tmp_path):
    log = JobLog(tmp_path / "log", cap=1_000_000)
    log.write("0123456789\n" * 50_000)
    log.write("0123456789\n" * 50_000)
    log.write("more\n")
    assert log.is_full and log.trouble == "[only the first 1 MB of the output are kept]"
    data = (tmp_path / "log").read_bytes()
    assert len(data) <= 1_000_000 and data.endswith(b"789\n")
    log.close()


def test_a_log_is_never_written_through_a_link(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "log").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="exists"):
        JobLog(tmp_path / "log")
    assert (tmp_path / "target").read_text() == "precious"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_and_the_tail_goes_on(tmp_path):
    log = JobLog(tmp_path / "log")
    log.close()
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the log closes it
    log._file = full
    stream = streamed(b"one\n", b"two\n", log=log)
    assert log.is_full and log.trouble == "[the rest of the output could not be kept: No space left on device]"
    assert stream.shown().text == "one\ntwo\n"


async def test_the_screen_gets_pieces_as_they_come(tmp_path):
    world = World(tmp_path)
    loop = asyncio.get_running_loop()
    started = loop.time()
    seen: list[tuple[float, str]] = []
    command = (
        "echo first; printf 'part'; sleep 0.4; echo ' whole'; printf '\\e[31mred\\e[0m\\n1\\r2\\r'; sleep 0.3; echo 3"
    )
    done = await world.run(command, lambda text: seen.append((loop.time() - started, text)))
    pieces = [text for _, text in seen]
    assert pieces[0].startswith("first\n") and seen[0][0] < 0.3
    assert "part" in "".join(text for when, text in seen if when < 0.35), "a line that pauses is shown"
    assert "\x1b[31mred\x1b[0m" in "".join(pieces)
    assert done.text == "first\npart whole\nred\n3"
    await world.jobs.close()


async def test_a_key_is_not_shown_while_it_is_half_there(tmp_path):
    world = World(tmp_path)
    seen: list[str] = []
    command = f"printf 'key: {KEY[:15]}'; sleep 0.3; echo '{KEY[15:]} end'"
    done = await world.run(command, seen.append)
    assert done.text == "key: [redacted] end"
    assert KEY[:15] not in "".join(seen) and "".join(seen).endswith("key: [redacted] end\n")
    assert KEY not in Path(done.job.log).read_text()
    await world.jobs.close()


@pytest.mark.parametrize(
    ("output", "lack"),
    [
        ("curl: (6) Could not resolve host: example.org", Lack.NETWORK),
        ("ssh: connect to host x port 22: Network is unreachable", Lack.NETWORK),
        ("npm error code EAI_AGAIN\nnpm error request to https://registry.npmjs.org failed", Lack.NETWORK),
        ("Error: getaddrinfo ENOTFOUND registry.npmjs.org", Lack.NETWORK),
        ("warning: spurious network error (3 tries remaining): [6] Couldn't resolve host name", Lack.NETWORK),
        ("go: x: dial tcp: lookup proxy.golang.org on 1.1.1.1:53: no such host", Lack.NETWORK),
        (
            "NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
            Lack.NETWORK,
        ),
        ("curl: (7) Failed to connect to 10.0.0.1 port 80 after 1 ms", Lack.NETWORK),
        ("curl: (7) Failed to connect to localhost port 80 after 1 ms: Connection refused", None),
        ("touch: cannot touch '/usr/x': Read-only file system", Lack.RIGHTS),
        ("OSError: [Errno 30] Read-only file system: '/usr/x'", Lack.RIGHTS),
        ("mkdir: cannot create directory '/opt/x': Permission denied", Lack.RIGHTS),
        ("sandbox: Operation not permitted", Lack.RIGHTS),
        ("git@github.com: Permission denied (publickey).", None),
        ("AssertionError: 1 != 2", None),
        ("Read-only file system\n" + "line\n" * 60, None),
        ("", None),
    ],
)
def test_what_a_command_lacked_is_told_by_its_last_lines(output, lack):
    assert seeming_lack(output, 1, Confinement.SANDBOX) is lack
    assert seeming_lack(output, 0, Confinement.SANDBOX) is None
    assert seeming_lack(output, None, Confinement.SANDBOX) is None
    assert seeming_lack(output, 1, Confinement.OPEN) is None
    with_network = seeming_lack(output, 1, Confinement.NETWORK)
    assert with_network is (lack if lack is Lack.RIGHTS else None)


def test_a_file_that_is_not_executable_is_no_lack_of_rights():
    assert seeming_lack("bash: ./x: Permission denied", 126, Confinement.SANDBOX) is None
