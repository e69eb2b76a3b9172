from __future__ import annotations

import json

import pytest

recipe = pytest.importorskip("deepseek_recipe", reason="deepseek-recipe has no wheel for this machine")
