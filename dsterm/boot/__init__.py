"""The front door's back room: builds the engine from flags and settings and starts a front end. Only here every room is known."""

from __future__ import annotations

from dsterm.boot.demo_server import serve_demo
from dsterm.boot.start import start

__all__ = ["serve_demo", "start"]
