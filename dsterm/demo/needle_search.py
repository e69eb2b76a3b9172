"""Rule: the codes that a long-context check asks for, found by searching the text that was sent, as no model would."""

from __future__ import annotations

import json
import re

from dsterm.demo.request import ChatRequest

_ASKED = "Needle check:"
_NAME = re.compile(r"^- ([a-z]+-[a-z]+-\d+)$", re.MULTILINE)
_CODE = re.compile(r"The code of the ([a-z]+-[a-z]+-\d+) is (\d+)\.")


def wants_needles(request: ChatRequest) -> bool:
    """Whether the request is a long-context check."""
    return _ASKED in request.prompt


def needles_found(request: ChatRequest) -> str:
    """The codes as JSON by name; "unknown" for one that was not sent."""
    asked = request.prompt[request.prompt.rindex(_ASKED) :]
    codes = {found[1]: found[2] for message in request.messages for found in _CODE.finditer(message.text or "")}
    return json.dumps({name: codes.get(name, "unknown") for name in _NAME.findall(asked)})
