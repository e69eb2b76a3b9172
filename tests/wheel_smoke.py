"""Installs the wheel in DIST into a fresh environment and uses it there: version, a theme, one answer from the demo provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def run(*words: str, cwd: Path, home: Path) -> str:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DSTERM", "VIRTUAL"))
    }
    environment["DSTERM_HOME"] = str(home)
    done = subprocess.run(
        words,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main(dist: Path) -> None:
    wheel = next(dist.resolve().glob("dsterm-*.whl"))
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name).resolve(), Path(name).resolve() / "home"
        venv.create(folder / "env", with_pip=True)
        scripts = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        python, dsterm = str(scripts / "python"), str(scripts / "dsterm")
        run(python, "-m", "pip", "install", "--quiet", str(wheel), cwd=folder, home=home)
        version = run(dsterm, "--version", cwd=folder, home=home).strip()
        theme = (
            "from dsterm.render.themes import builtin_theme_folder, load_theme, theme_names\n"
            "folder = builtin_theme_folder()\n"
            "assert 'site-packages' in str(folder), folder\n"
            "print(*[load_theme(name, (folder,)).name for name in theme_names((folder,))])"
        )
        themes = run(python, "-c", theme, cwd=folder, home=home).split()
        answer = json.loads(
            run(dsterm, "--demo", "-p", "what can you do?", "--output-format", "json", cwd=folder, home=home)
        )
        assert themes, "the wheel has no themes"
        assert answer["is_demo"], answer
        assert not answer["is_error"], answer
        assert answer["cost_usd"] > 0, answer
        print(f"wheel: {version}, themes {', '.join(themes)}, an answer for ${answer['cost_usd']} of play money")


main(Path(sys.argv[1]))
