from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

# What drives the real program is shared with the end-to-end tests, and the real terminal with its own.
sys.path += [str(Path(__file__).parents[1] / name) for name in ("e2e", "terminal")]

from attack_world import Assailant, World
from e2e_program import Recorder

_WHOLE = 5
_EVERY = 4
"""A table of attacks is run whole up to the first figure; of the rest every so many-th, unless DSTERM_ATTACKS says all."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("DSTERM_ATTACKS") == "all":
        return
    here, seen = Path(__file__).parent, Counter[str]()
    kept, left = [], []
    for item in items:
        if here not in item.path.parents:
            kept.append(item)
            continue
        number = seen[(table := item.nodeid.partition("[")[0])]
        seen[table] += 1
        (kept if number < _WHOLE or number % _EVERY == 0 else left).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session")
def assailant() -> Iterator[Assailant]:
    """The demo server, one for all attacks of a worker; each attack tells it what to ask for."""
    server = Assailant()
    yield server
    server.close()


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder outside of /tmp where there is one: the sandbox has a /tmp of its own, which would hide what should hold."""
    for place in ("/srv", "/opt", Path.home()):
        if os.access(place, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix=".dsterm-attacks-", dir=place)).resolve()
            folder.chmod(0o755)
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
            return
    yield tmp_path_factory.mktemp("ground")


@pytest.fixture
def world(ground: Path, assailant: Assailant) -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(dir=ground))
    folder.chmod(0o755)
    recorder = Recorder(assailant.url)
    yield World(folder, assailant, recorder)
    recorder.close()
    shutil.rmtree(folder, ignore_errors=True)
