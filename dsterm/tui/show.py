"""Shows the screen in the terminal, from the first frame to the last."""

from __future__ import annotations

import sys

from dsterm.tui.app import DstermApp
from dsterm.tui.conversation import Conversation, ScreenOptions
from dsterm.tui.terminal import patch_key_decoder


async def show_app(conversation: Conversation, options: ScreenOptions) -> int:
    """Show the screen until the user leaves; the exit code comes back."""
    patch_key_decoder()
    sys.setswitchinterval(0.001)
    app = DstermApp(conversation, options)
    await app.run_async(mouse=options.mouse)
    return app.return_code or 0
