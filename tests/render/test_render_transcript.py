from __future__ import annotations

from datetime import UTC

import pytest

from dsterm.core import events
from dsterm.core.config import ReasoningFold
from dsterm.core.events import Envelope
from dsterm.core.messages import Pack
from dsterm.core.models import PermissionMode, Price, ThinkingMode
from dsterm.render.blocks import BlockKind
from dsterm.render.plain import ascii_line, plain_text
from dsterm.render.transcript import Transcript, short_title
from tests.render.conftest import ANSWER, REASONING, START, in_order

WHOLE_TURN = """\
 you  why does test_expired fail? fix it                                  14:02

 ▸ thought for 11 s · 1,482 tok · $0.0047

 ● read   src/auth/tokens.py  1-120                            0.01 s  1.9k tok
 ● grep   is_expired  in src/                                   3 hits  200 tok
 ● edit   src/auth/tokens.py                             +2 −1   changed  1 tok

   src/auth/tokens.py  modified                                  +2 −1   1 hunk
    2    2       exp: datetime
    3    3
    4    4   def is_expired(token):
    5      −     return token.exp < datetime.now()
         5 +     now = datetime.now(tz=UTC)
         6 +     return token.exp < now
    6    7
    7    8   # end

 The comparison mixed naive and aware times. is_expired now asks for UTC:

 1. datetime.now(tz=UTC)
 2. the callers stay

  def is_expired(token):
      return token.exp < datetime.now(tz=UTC)
"""
