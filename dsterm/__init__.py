"""dsterm: a chat and coding assistant in the terminal for DeepSeek V4 Pro and V4 Flash."""

from __future__ import annotations

__version__ = "0.1.0"
