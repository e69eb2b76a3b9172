"""Edits and patches in large files and over many files: CPU seconds, and what doubling the size does to them.

Each is one call through the tools over a folder on disk, planned and run as the engine does it. A program of its own:
`python -m benchmarks.edits KIND SIZE FOLDER` prints CPU seconds of the call alone.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import resource
import sys
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.figures import Row, Sheet, bar, stretch
from benchmarks.measure import run_child

_MEGABYTE = 1_000_000
_GROWTH = 2.3
_LARGE_FILE = 10
_MANY_FILES = 1_000
_LINE = "    value_{number} = compute(value_{before}, {kind})  # line {number}\n"
# Kind, its size and what that counts, the words for it.
_KINDS = (
    ("edit", _LARGE_FILE, "MB", "one edit in a file of {size:g} MB"),
    ("edit-crlf", _LARGE_FILE, "MB", "one edit in a file of {size:g} MB with CRLF"),
    ("tolerant", _LARGE_FILE, "MB", "one edit with another indent in {size:g} MB"),
    ("missing", _LARGE_FILE, "MB", "one edit that is refused in {size:g} MB"),
    ("patch", _LARGE_FILE, "MB", "a patch of 100 hunks a MB in {size:g} MB"),
    ("files", _MANY_FILES, "files", "a patch over {size:,.0f} files"),
)


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """What a call cost: CPU seconds, and whether it did what it should have."""

    cpu: float
    is_right: bool


def measure_edits(bench: Bench) -> list[Row]:
    """Rows of each kind at its size, and the ratio of its time to the time at half that size."""
    sheet = Sheet("edits")
    for kind, size, _, words in _KINDS:
        bench.tell(words.format(size=size))
        rounds = [(_timed(bench, kind, size / 2), _timed(bench, kind, size)) for _ in range(bench.runs)]
        name = words.format(size=size)
        sheet.add(name, "CPU s", [whole.cpu for _, whole in rounds], stretch(1.0) if size == _LARGE_FILE else None)
        # The quickest of both, because what else the machine does only ever adds.
        ratio = min(whole.cpu for _, whole in rounds) / min(half.cpu for half, _ in rounds)
        sheet.add(f"{name}, to half of it", "x", [ratio], bar(_GROWTH))
        wrong = sum(not one.is_right for both in rounds for one in both)
        sheet.add(f"{name}, wrong results", "", [wrong], bar(0))
    return sheet.rows


def _timed(bench: Bench, kind: str, size: float) -> Timed:
    folder = bench.folder / f"edits-{kind}-{size:g}"
    folder.mkdir(exist_ok=True)
    command = (sys.executable, "-m", "benchmarks.edits", kind, str(size), str(folder))
    top = str(Path(__file__).parent.parent)
    done = run_child(command, environment={**bench.environment(), "PYTHONPATH": top}, folder=bench.folder)
    return msgspec.json.decode(done.output, type=Timed)


def time_call(kind: str, size: float, folder: Path) -> Timed:
    """Make the files, prepare and run the call, and look at the result."""
    # Here, because the table of all groups loads this module and must not load the program that it measures.
    from dsterm.core.errors import ToolError  # noqa: PLC0415
    from dsterm.tools.toolbox import build_toolbox  # noqa: PLC0415
    from dsterm.workspace.files.local import LocalWorkspace  # noqa: PLC0415

    call = _many_files(int(size), folder) if kind == "files" else _large_file(kind, size, folder)
    toolbox = build_toolbox(LocalWorkspace(folder, program_folders=()))

    async def run() -> float:
        if call.reads:
            prepared = await toolbox.prepare("read", {"file_path": "large.txt", "limit": 1})
            await prepared.run(lambda _text: None)
        begin = _cpu()
        try:
            prepared = await toolbox.prepare(call.tool, call.arguments)
            await prepared.run(lambda _text: None)
        except ToolError:
            return _cpu() - begin
        return _cpu() - begin

    cpu = asyncio.run(run())
    return Timed(cpu=cpu, is_right=all(path.read_bytes() == data for path, data in call.wanted.items()))


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    tool: str
    arguments: dict[str, object]
    wanted: dict[Path, bytes]
    reads: bool


def _large_file(kind: str, size: float, folder: Path) -> _Call:
    lines = []
    length = 0
    while length < size * _MEGABYTE:
        lines.append(_LINE.format(number=len(lines), before=len(lines) // 2, kind=len(lines) % 7))
        length += len(lines[-1])
    end = "\r\n" if kind == "edit-crlf" else "\n"
    path = folder / "large.txt"
    path.write_bytes("".join(lines).replace("\n", end).encode())
    if kind == "patch":
        return _patch_call(path, lines, int(size * 100))
    middle = len(lines) // 2
    old = "".join(lines[middle : middle + 4])
    if kind == "missing":
        arguments = {"file_path": "large.txt", "old_string": old.replace("compute", "computed"), "new_string": "x"}
        return _Call(tool="edit", arguments=arguments, wanted={path: path.read_bytes()}, reads=True)
    new = old.replace("compute", "work_out", 1)
    wanted = "".join([*lines[:middle], new, *lines[middle + 4 :]])
    if kind == "tolerant":
        old, new = ("".join(line[2:] for line in text.splitlines(keepends=True)) for text in (old, new))
    return _Call(
        tool="edit",
        arguments={"file_path": "large.txt", "old_string": old, "new_string": new},
        wanted={path: wanted.replace("\n", end).encode()},
        reads=True,
    )


def _patch_call(path: Path, lines: list[str], hunks: int) -> _Call:
    wanted = list(lines)
    step = len(lines) // hunks
    parts = ["--- a/large.txt\n+++ b/large.txt\n"]
    for number in range(hunks):
        at = 3 + number * step
        wanted[at] = lines[at].replace("compute", "work_out")
        body = [*(f" {line}" for line in lines[at - 3 : at]), f"-{lines[at]}", f"+{wanted[at]}"]
        body += [f" {line}" for line in lines[at + 1 : at + 4]]
        # The line numbers are as wrong as those of models: every place has to be found by its lines.
        parts += [f"@@ -{number + 1},7 +{number + 1},7 @@\n", *body]
    return _Call(
        tool="apply_patch",
        arguments={"patch": "".join(parts)},
        wanted={path: "".join(wanted).encode()},
        reads=False,
    )


def _many_files(count: int, folder: Path) -> _Call:
    wanted = {}
    parts = []
    for number in range(count):
        path = folder / f"part-{number % 20}" / f"file_{number}.py"
        path.parent.mkdir(exist_ok=True)
        lines = [f"value_{line} = {number * line}\n" for line in range(60)]
        changed = [*lines[:20], "changed = True\n", *lines[21:]]
        path.write_text("".join(lines), encoding="utf-8")
        wanted[path] = "".join(changed).encode()
        name = path.relative_to(folder).as_posix()
        parts += difflib.unified_diff(lines, changed, f"a/{name}", f"b/{name}")
    return _Call(tool="apply_patch", arguments={"patch": "".join(parts)}, wanted=wanted, reads=False)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    os.umask(0o022)
    print(msgspec.json.encode(time_call(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]).resolve())).decode())
