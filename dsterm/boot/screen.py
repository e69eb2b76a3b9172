"""The screen's start: the first page where there is no key, the sample repo for a demo, then the engine behind the screen."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shlex
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dsterm.boot.assembly import demo_repository, open_git
from dsterm.boot.circumstances import SystemClock
from dsterm.boot.collector import collect_garbage_from_here
from dsterm.boot.crash import describe_crash, write_crash_log
from dsterm.boot.kept_settings import keep_setting
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import LaunchPlan, with_trust
from dsterm.core.attachments import PackChoice
from dsterm.core.delta_events import WorkProgress
from dsterm.core.models import ProviderCard
from dsterm.engine.engine import Engine
from dsterm.llm.catalog import load_catalog
from dsterm.render.clean import clean_line
from dsterm.render.themes import builtin_theme_folder, load_theme
from dsterm.store.history import PromptHistory
from dsterm.store.secrets import find_key, save_key

if TYPE_CHECKING:
    from dsterm.tui.conversation import ScreenOptions

OpenEngine = Callable[[LaunchPlan, KnownKeys, AsyncExitStack], Awaitable[Engine]]


class FirstStart:
    """What the first page can do: keep a key, or go on with the demo."""

    def __init__(self, plan: LaunchPlan, providers: Sequence[ProviderCard]) -> None:
        self._plan = plan
        self._cards = {card.name: card for card in providers}
        self.chose_demo = False

    @property
    def providers(self) -> Sequence[ProviderCard]:
        """Whom to choose from, the default first."""
        return tuple(self._cards.values())

    def save_key(self, provider: str, key: str) -> str:
        """Keep `key` where only the user can read it, remember the provider, and say where."""
        words = save_key(self._cards[provider], key, self._plan.paths)
        if provider != self._plan.config.provider:
            # Else the next start would ask again for a key of the provider that is the default.
            keep_setting(self._plan.paths.config_file, "provider", provider)
            words += f" {self._plan.paths.config_file} says provider = {provider}."
        return words

    def choose_demo(self) -> None:
        """Look round without a key."""
        self.chose_demo = True


def settle_first_start(plan: LaunchPlan) -> LaunchPlan | None:
    """`plan` with a provider that can be used: as it is, or as chosen on the first page; None when the user left."""
    catalog = load_catalog(
        plan.paths.catalog_file,
        base_url=plan.config.base_url,
        provider=plan.config.provider,
        demo_url="http://127.0.0.1/v1",
    )
    card = catalog.provider(plan.config.provider)
    if not card.needs_key or find_key(card, plan.environment, plan.paths) is not None:
        return plan
    from dsterm.tui.welcome import WelcomeKind, run_welcome

    others = [other for other in catalog.providers if other.needs_key and other.name != card.name]
    start = FirstStart(plan, [card, *others])
    theme = load_theme(plan.config.theme, _theme_folders(plan))
    choice = run_welcome(start, theme, mouse=plan.config.mouse)
    if choice.kind is WelcomeKind.LEAVE:
        return None
    if choice.words:
        sys.stderr.write(f"{choice.words}\n")
    provider = "demo" if start.chose_demo else choice.provider
    # An address that was given is not that of another provider, whose key would go there.
    address = plan.config.base_url if provider == plan.config.provider else ""
    config = msgspec.structs.replace(plan.config, provider=provider, base_url=address)
    chose_provider = plan.chose_provider or provider != plan.config.provider
    return dataclasses.replace(plan, config=config, is_demo=provider == "demo", chose_provider=chose_provider)


def offer_sample(plan: LaunchPlan) -> LaunchPlan:
    """For a demo outside a repository: `plan` moved to a small sample repo in a temporary folder, if the user wants it."""
    if not plan.is_demo or open_git(plan).branch():
        return plan
    sys.stderr.write("This folder is no git repository. The demo can work on a small sample repo with a bug in it.\n")
    sys.stderr.write("Put one into a temporary folder and start there? [Y/n] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"", "y", "yes"}:
        return plan
    folder = Path(tempfile.mkdtemp(prefix="dsterm-sample-")).resolve()
    asyncio.run(demo_repository(plan, folder))
    sys.stderr.write(f"The sample repo is {folder}. Try: fix the failing test\n")
    # It holds nothing but what dsterm itself has just written.
    return dataclasses.replace(plan, folder=folder, is_trusted=True, must_ask_trust=False, proposed_checks=())


def ask_trust(plan: LaunchPlan) -> LaunchPlan | None:
    """`plan` with the user's word on a folder that was never opened before; None when the user left."""
    if not plan.must_ask_trust:
        return plan
    from dsterm.tui.trust_page import run_trust_page

    theme = load_theme(plan.config.theme, _theme_folders(plan))
    is_trusted = run_trust_page(plan.folder, trust_details(plan.folder), theme)
    if is_trusted is None:
        return None
    answered, notices = with_trust(plan, is_trusted=is_trusted)
    for notice in notices:
        sys.stderr.write(f"dsterm: {clean_line(notice)}\n")
    return answered


def trust_details(folder: Path) -> list[str]:
    """What is there that trust is about; nothing of it is read."""
    details = []
    if (folder / ".dsterm/config.toml").exists():
        details.append(".dsterm/config.toml: the project's own settings")
    if _has_hooks(folder):
        details.append(".git/hooks: git hooks, which only /commit runs")
    return details


def _has_hooks(folder: Path) -> bool:
    """Whether git would run something of the repository: the samples that git itself puts there don't count."""
    try:
        with os.scandir(folder / ".git" / "hooks") as entries:
            return any(not entry.name.endswith(".sample") for entry in entries)
    except OSError:
        return False


async def show_screen(plan: LaunchPlan, keys: KnownKeys, open_engine: OpenEngine) -> int:
    """The screen over an engine for `plan`, until the user leaves; the exit code."""
    from dsterm.tui.show import show_app

    async with AsyncExitStack() as stack:
        engine = await open_engine(plan, keys, stack)
        for source in plan.attachments:
            async for envelope in engine.command(_attach_line(source, plan.attach_choice)):
                if isinstance(envelope.event, WorkProgress):
                    sys.stderr.write(f"{clean_line(envelope.event.text)}\n")
        return await show_app(engine, _screen_options(plan, keys, engine))


def _attach_line(source: str, choice: PackChoice) -> str:
    """The command that attaches `source` as the flags say."""
    words = ["/attach", source, *(f"--include={glob}" for glob in choice.include)]
    words += [*(f"--exclude={glob}" for glob in choice.exclude), *(["--tracked-only"] if choice.tracked_only else [])]
    return shlex.join(words)


def _screen_options(plan: LaunchPlan, keys: KnownKeys, engine: Engine) -> ScreenOptions:
    from dsterm.tui.conversation import ScreenOptions

    loop = asyncio.get_running_loop()

    def get_ready() -> None:
        """What can wait for the first paint: the state of the repository, the SDK, and the collector of garbage."""
        refreshed = asyncio.run_coroutine_threadsafe(engine.refresh(), loop)
        engine.warm()
        collect_garbage_from_here()
        refreshed.result()

    return ScreenOptions(
        clock=SystemClock(),
        history=PromptHistory(plan.paths.history, keys),
        log_crash=lambda error: write_crash_log(plan.paths.logs, describe_crash(error, keys)),
        theme=plan.config.theme,
        theme_folders=_theme_folders(plan),
        reasoning_fold=plan.config.reasoning_fold,
        mouse=plan.config.mouse,
        prompt=plan.prompt or "",
        title=f"dsterm · {plan.folder.name}",
        on_ready=get_ready,
        save_theme=lambda name: keep_setting(plan.paths.config_file, "theme", name),
        editor=_editor(plan),
    )


def _theme_folders(plan: LaunchPlan) -> tuple[Path, ...]:
    return (plan.paths.themes, builtin_theme_folder())


def _editor(plan: LaunchPlan) -> str:
    """The user's editor; else the one that every system of the kind has."""
    named = plan.environment.get("VISUAL") or plan.environment.get("EDITOR")
    return named or ("notepad" if os.name == "nt" else "vi")
