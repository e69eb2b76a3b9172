"""`dsterm doctor`: is everything in place, and does the sandbox hold? A plain report, line by line, with what to do."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from dsterm import __version__
from dsterm.boot.circumstances import SystemClock
from dsterm.core.errors import DstermError
from dsterm.core.models import ProviderCard
from dsterm.llm.catalog import load_catalog
from dsterm.store.paths import Paths, find_paths
from dsterm.store.provider_notes import ProviderNotes
from dsterm.store.secrets import find_key
from dsterm.workspace.confinement.sandbox import SandboxPlaces, find_sandbox
from dsterm.workspace.confinement.sandbox_check import Trial
from dsterm.workspace.environment import environment_outside
from dsterm.workspace.programs import find_program, program_folders

_SECONDS = 10.0
_OLDEST = (3, 11)
_PROFILE = """\
        /etc/apparmor.d/bwrap would be:
            abi <abi/4.0>,
            include <tunables/global>
            profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }
        then: sudo apparmor_parser -r /etc/apparmor.d/bwrap"""


class Verdict(StrEnum):
    """How a line of the report begins."""

    OK = "ok"
    FAILED = "failed"
    NOTE = "note"


class Finding(msgspec.Struct, frozen=True):
    """One line of the report; `advice` is what to do, in lines of its own."""

    verdict: Verdict
    text: str
    advice: str = ""


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """What is examined: the environment, the user's home, the folder to work in; `platform` is spelled as sys.platform does."""

    environment: Mapping[str, str]
    home: Path
    folder: Path
    platform: str


def examine(words: list[str]) -> int:
    """`dsterm doctor`: report on this machine, this user and this folder; 1 where something has to be done."""
    parser = argparse.ArgumentParser(
        prog="dsterm doctor",
        description="Is everything in place, and does the sandbox hold? Tries it for real, in a temporary folder.",
        allow_abbrev=False,
    )
    parser.add_argument("-C", "--cwd", type=Path, default=Path(), metavar="DIR", help="the folder to work in")
    _add_probe_flags(parser)
    flags = parser.parse_args(words)
    if flags.probe:
        return _probe(flags)
    chosen = [name for name in ("provider", "base_url", "model", "yes") if getattr(flags, name)]
    if chosen:
        parser.error(f"--{chosen[0].replace('_', '-')} goes with --probe")
    folder = flags.cwd.resolve()
    patient = Patient(
        environment=environment_outside(os.environ, (folder,)), home=Path.home(), folder=folder, platform=sys.platform
    )
    return run_doctor(patient, lambda text: print(text, end=""))


def _add_probe_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "asking a provider", "A few tiny requests that cost money; what that may be is said first."
    )
    group.add_argument("--probe", action="store_true", help="find out what modes and cache of a provider really do")
    group.add_argument("--provider", metavar="NAME", help="whom to ask (default: your own)")
    group.add_argument("--base-url", metavar="URL", help="another address for that provider's API")
    group.add_argument(
        "--model", action="append", metavar="pro|flash|ID", help="which model (default: flash); may be given twice"
    )
    group.add_argument("--yes", action="store_true", help="don't ask whether to go on")


def _probe(flags: argparse.Namespace) -> int:
    # Only a probe needs clients, and only the report needs what is above.
    from dsterm.boot.probe_command import Surroundings, run_probe

    def ask(question: str) -> bool:
        try:
            return input(question).strip().casefold() in {"y", "yes"}
        except EOFError:
            return False

    def write(text: str) -> None:
        print(text, end="", flush=True)

    is_asked = sys.stdin.isatty() and sys.stdout.isatty()
    around = Surroundings(
        environment=dict(os.environ),
        write=write,
        ask=ask if is_asked else None,
        clock=SystemClock(),
        nonce=secrets.token_hex(8),
        pause=asyncio.sleep,
    )
    return run_probe(flags, around)


def run_doctor(patient: Patient, write: Callable[[str], None]) -> int:
    """Write the report, a line at a time as it is found out; the exit code is 1 when something failed. Never shows a key."""
    failed = 0
    for finding in _examine(patient):
        failed += finding.verdict is Verdict.FAILED
        write(f"{finding.verdict:<7} {_printable(finding.text)}\n")
        if finding.advice:
            write(f"{finding.advice}\n")
    write(f"\n{failed} failed.\n" if failed else "\nEverything is in place.\n")
    return 1 if failed else 0


def _examine(patient: Patient) -> Iterator[Finding]:
    yield _python()
    yield Finding(Verdict.OK, f"dsterm {__version__} in {Path(__file__).parents[1]}")
    yield _terminal(patient.environment)
    folders = program_folders(patient.environment)
    yield _program(
        "git", folders, patient, "Install git; without it no repository can be attached and no branch is shown."
    )
    yield _program(
        "rg", folders, patient, "Install ripgrep, or dsterm again with its dependencies; it searches in files."
    )
    try:
        paths = find_paths(patient.environment, patient.platform, patient.home)
    except DstermError as error:
        yield Finding(Verdict.FAILED, str(error))
        return
    yield from (_folder(title, place) for title, place in _titled(paths))
    yield from _keys(patient, paths)
    yield from _probes(paths)
    yield from _sandbox(patient, paths, folders)


def _python() -> Finding:
    verdict = Verdict.OK if sys.version_info >= _OLDEST else Verdict.FAILED
    return Finding(verdict, f"Python {platform.python_version()} ({sys.executable}); 3.11 or later is needed")


def _terminal(environment: Mapping[str, str]) -> Finding:
    name = environment.get("TERM", "")
    if name in {"", "dumb"}:
        return Finding(Verdict.NOTE, f"terminal: TERM is {name or 'not set'}, so only dsterm -p works here")
    if not sys.stdout.isatty():
        return Finding(Verdict.NOTE, f"terminal: {name}; this report doesn't go to it")
    size = os.get_terminal_size(sys.stdout.fileno())
    colours = "all colours" if environment.get("COLORTERM") in {"truecolor", "24bit"} else "256 colours or fewer"
    return Finding(Verdict.OK, f"terminal: {name}, {size.columns} by {size.lines}, {colours}, {sys.stdout.encoding}")


def _program(name: str, folders: tuple[Path, ...], patient: Patient, advice: str) -> Finding:
    program = find_program(name, folders, outside=patient.folder)
    if program is None:
        return Finding(Verdict.FAILED, f"{name} is not installed, or only inside this folder. {advice}")
    try:
        done = subprocess.run(  # noqa: S603
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=True, cwd="/"
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(Verdict.FAILED, f"{program} can't be run: {error}. {advice}")
    return Finding(Verdict.OK, f"{done.stdout.decode('utf-8', 'replace').partition(chr(10))[0]} ({program})")


def _titled(paths: Paths) -> tuple[tuple[str, Path], ...]:
    return (("settings", paths.config), ("sessions", paths.state), ("cache", paths.cache))


def _folder(title: str, place: Path) -> Finding:
    existing = next(above for above in (place, *place.parents) if above.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            Verdict.FAILED, f"{title}: {place} can't be written. Give yourself the right, or set DSTERM_HOME."
        )
    return Finding(Verdict.OK, f"{title}: {place}{'' if place == existing else ' (not made yet)'}")


def _keys(patient: Patient, paths: Paths) -> Iterator[Finding]:
    """Where keys are, never what they are."""
    try:
        cards = [card for card in load_catalog(paths.catalog_file).providers if not card.is_demo]
    except DstermError as error:
        yield Finding(Verdict.FAILED, str(error))
        return
    found = [finding for card in cards if (finding := _key(card, patient, paths))]
    yield from found
    if not found:
        variables = [name for card in cards[:1] for name in card.key_variables]
        yield Finding(
            Verdict.NOTE,
            f"no key yet: start dsterm and give it one, or set {' or '.join(variables)}; --demo needs none",
        )


def _key(card: ProviderCard, patient: Patient, paths: Paths) -> Finding | None:
    variables = [name for name in ("DSTERM_API_KEY", *card.key_variables) if patient.environment.get(name)]
    places = [f"the variable {name}" for name in variables]
    places += ["the keyring"] if paths.keyring_mark(card.name).exists() else []
    places += [str(paths.key_file(card.name))] if paths.key_file(card.name).exists() else []
    if not places:
        return None
    try:
        is_usable = find_key(card, patient.environment, paths) is not None
    except DstermError as error:
        return Finding(Verdict.FAILED, f"key for {card.title}: {error}")
    if is_usable:
        return Finding(Verdict.OK, f"key for {card.title}: in {places[0]}")
    return Finding(
        Verdict.FAILED, f"key for {card.title}: {places[0]} does not give it out. Unlock it, or give the key again."
    )


def _probes(paths: Paths) -> Iterator[Finding]:
    """Which provider was probed, and when last."""
    _, probes, notices = ProviderNotes(paths.model_lists, paths.probes).read()
    yield from (Finding(Verdict.NOTE, notice) for notice in notices)
    for result in probes:
        models = ", ".join(f"{model.id} {model.found.on}" for model in result.models)
        yield Finding(Verdict.OK, f"probe of {result.provider} at {result.origin}: {models}")
    if not probes:
        yield Finding(
            Verdict.NOTE, "no provider was probed yet: dsterm doctor --probe asks one, and says first what it costs"
        )


def _sandbox(patient: Patient, paths: Paths, folders: tuple[Path, ...]) -> Iterator[Finding]:
    """The sandbox of this folder, and every promise tried in a scratch folder, so that nothing here is touched."""
    own = (paths.config, paths.state, paths.cache)
    here = SandboxPlaces((patient.folder,), own, paths.project_caches / "doctor", patient.home)
    found = find_sandbox(here, folders, patient.platform)
    if found.sandbox is None:
        advice = _PROFILE if "AppArmor" in found.facts.trouble else ""
        yield Finding(Verdict.FAILED, f"sandbox: {found.facts.trouble} Every command asks until then.", advice)
        return
    yield Finding(Verdict.OK, f"sandbox: {found.sandbox.name}")
    if patient.home.resolve().is_relative_to(patient.folder.resolve()):
        yield Finding(
            Verdict.NOTE, f"sandbox: {patient.folder} is your home or contains it; commands can only read there"
        )
    with tempfile.TemporaryDirectory(prefix="dsterm-doctor-") as scratch:
        base = Path(scratch).resolve()
        root, kept = base / "project", base / "own"
        root.mkdir()
        kept.mkdir()
        trial = find_sandbox(
            SandboxPlaces((root,), (*own, kept), base / "cache", patient.home), folders, patient.platform
        )
        if trial.sandbox is None:
            yield Finding(Verdict.FAILED, f"sandbox: {trial.facts.trouble}")
            return
        environment = {"HOME": str(patient.home), "PATH": patient.environment.get("PATH", os.defpath)}
        try:
            checks = Trial(trial.sandbox, root, kept, patient.home).checks(environment, patient.platform)
        except DstermError as error:
            yield Finding(Verdict.FAILED, f"sandbox: {error}")
            return
        for check in checks:
            seen = f" ({' '.join(check.seen.split())})" if check.seen else ""
            yield Finding(Verdict.OK if check.passed else Verdict.FAILED, f"sandbox: {check.title}{seen}")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
