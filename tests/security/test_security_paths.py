from __future__ import annotations

import pytest
from attack_world import OUTSIDE_SECRET, bash, read

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

def test_smoke(world):
    outcome = world.attack([read("../outside/secret.txt"), bash("cat src/shop.py; ls -la ..; env")])
    outcome.stood()
    print(outcome.results, outcome.endings, outcome.out, outcome.err)
    outcome.nowhere(OUTSIDE_SECRET)
