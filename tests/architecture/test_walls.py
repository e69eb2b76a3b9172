from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "dsterm").rglob("*.py"))
HEAVY = (
    "openai",
    "httpx2",
    "git",
    "textual",
    "rich",
    "prompt_toolkit",
    "pygments",
    "markdown_it",
    "fastokens",
    "starlette",
    "uvicorn",
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_has_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_function_has_at_most_50_lines(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = {
        node.name: length
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > 50
    }
    assert long == {}


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent.name == "core"], ids=name)
def test_core_knows_no_any_and_only_msgspec_beside_the_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= set(sys.stdlib_module_names) | {"msgspec", "dsterm"}
    assert not any(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(tree))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_name_says_helper_utils_manager_base_or_common(path: Path) -> None:
    words = set(path.stem.split("_"))
    assert not words & {"helper", "helpers", "util", "utils", "manager", "base", "common", "misc"}


def _front_ends_that_print() -> list[str]:
    allowed = {"headless", "boot"}
    found = []
    for path in SOURCES:
        room = path.relative_to(ROOT / "dsterm").parts[0]
        if room in allowed or room in {"cli.py", "flags.py"}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        found.extend(name(path) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print")
    return found


def test_only_front_ends_print() -> None:
    assert _front_ends_that_print() == []


@pytest.mark.parametrize(
    "module", ["dsterm.cli", "dsterm.flags", "dsterm.engine.engine", "dsterm.boot", "dsterm.headless.run"]
)
def test_importing_loads_no_heavy_package(module: str) -> None:
    code = f"import sys, {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_version_and_help_load_neither_heavy_packages_nor_the_rooms(flag: str) -> None:
    code = (
        "import sys\nfrom dsterm.cli import main\n"
        f"try:\n    main([{flag!r}])\nexcept SystemExit:\n    pass\n"
        f"print('loaded', *[m for m in {(*HEAVY, 'msgspec', 'asyncio', 'dsterm.engine', 'dsterm.core')!r} if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "loaded"
