"""A filter of system calls for the sandbox, compiled for the kernel: what no namespace keeps away from a command.

Key rings of the session, sockets to the host of a virtual machine, and typing into a terminal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import msgspec

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4
_FIRST_ARGUMENT_AT, _SECOND_ARGUMENT_AT = 16, 24
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NOT_PERMITTED, _NO_SUCH_CALL, _NO_SUCH_FAMILY = 1, 38, 97
_VSOCK = 40
_TYPE_INTO_TERMINAL, _SELECT_CONSOLE = 0x5412, 0x541C
_X32 = 0x40000000


class _Machine(msgspec.Struct, frozen=True):
    """How the kernel calls a kind of processor, and what its calls are numbered."""

    name: int
    keys: tuple[int, ...]
    socket: int
    ioctl: int
    gone: tuple[int, ...] = ()
    gone_from: int = 0


_X86_64 = _Machine(0xC000003E, keys=(248, 249, 250), socket=41, ioctl=16, gone_from=_X32)
# `socketcall` hides its arguments from a filter; today's programs call `socket`.
_I386 = _Machine(0x40000003, keys=(286, 287, 288), socket=359, ioctl=54, gone=(102,))
_AARCH64 = _Machine(0xC00000B7, keys=(217, 218, 219), socket=198, ioctl=29)
_ARM = _Machine(0x40000028, keys=(309, 310, 311), socket=281, ioctl=54)
_MACHINES = {"x86_64": (_X86_64, _I386), "aarch64": (_AARCH64, _ARM)}


def syscall_filter(machine: str) -> bytes:
    """The compiled filter for `machine`, spelled as platform.machine() does; empty for one whose calls are not known here."""
    kinds = _MACHINES.get(machine, ())
    if not kinds:
        return b""
    program = b""
    for kind in kinds:
        rules = _rules(kind)
        # One step for loading the machine, one for comparing it; past all its rules when it is another one.
        program += _step(_LOAD, _MACHINE_AT) + _step(_EQUAL, kind.name, otherwise=len(rules) // 8) + rules
    return program + _step(_RETURN, _FAIL | _NO_SUCH_CALL)


def _rules(kind: _Machine) -> bytes:
    number = _step(_LOAD, _NUMBER_AT)
    rules = number
    if kind.gone_from:
        rules += _step(_AT_LEAST, kind.gone_from, otherwise=1) + _step(_RETURN, _FAIL | _NO_SUCH_CALL)
    for call in kind.gone:
        rules += _step(_EQUAL, call, otherwise=1) + _step(_RETURN, _FAIL | _NO_SUCH_CALL)
    for call in kind.keys:
        rules += _step(_EQUAL, call, otherwise=1) + _step(_RETURN, _FAIL | _NOT_PERMITTED)
    rules += _with_argument(kind.socket, _FIRST_ARGUMENT_AT, (_VSOCK,), _NO_SUCH_FAMILY) + number
    rules += _with_argument(kind.ioctl, _SECOND_ARGUMENT_AT, (_TYPE_INTO_TERMINAL, _SELECT_CONSOLE), _NOT_PERMITTED)
    return rules + _step(_RETURN, _ALLOW)


def _with_argument(call: int, place: int, values: Iterable[int], error: int) -> bytes:
    """Let `call` fail with `error` when its argument at `place` is one of `values`; the kernel looks at 32 bits of it as well."""
    refusals = b"".join(_step(_EQUAL, value, otherwise=1) + _step(_RETURN, _FAIL | error) for value in values)
    checks = _step(_LOAD, place) + refusals
    return _step(_EQUAL, call, otherwise=len(checks) // 8) + checks


def _step(code: int, value: int, *, otherwise: int = 0) -> bytes:
    """One instruction; a comparison goes on with the next one, or skips `otherwise` of them when it doesn't hold."""
    return struct.pack("HBBI", code, 0, otherwise, value)
