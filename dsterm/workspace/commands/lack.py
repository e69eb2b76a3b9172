"""What a command in the sandbox seems to have failed for, told by the words of its last lines. When in doubt: nothing."""

from __future__ import annotations

import re

from dsterm.core.command_plan import Confinement
from dsterm.core.tools import Lack

_LAST_LINES = 40
_LAST_CHARACTERS = 6_000
_NOT_RUNNABLE = 126

_NETWORK = re.compile(
    r"could not resolve (?:host|proxy)|couldn't resolve host|name or service not known"
    r"|temporary failure in name resolution|temporary failure resolving|nodename nor servname provided"
    r"|network is unreachable|no route to host|getaddrinfo|\bENOTFOUND\b|\bEAI_AGAIN\b|\bENETUNREACH\b|\bEHOSTUNREACH\b"
    r"|failed to connect to (?!localhost|127\.|::1)\S+ port|unable to resolve host address"
    r"|dial tcp[^\n]*(?:lookup|unreachable)|failed to lookup address information|dns error: "
    r"|failed to establish a new connection(?![^\n]*refused)|spurious network error"
    r"|you (?:appear|seem) to be offline|unable to reach the (?:server|registry)",
    re.IGNORECASE,
)
_RIGHTS = re.compile(
    r"read-only file system|\bEROFS\b|operation not permitted|\bEPERM\b|\bEACCES\b"
    r"|permission denied(?! \((?:publickey|password))",
    re.IGNORECASE,
)


def seeming_lack(output: str, exit_code: int | None, confinement: Confinement) -> Lack | None:
    """What would help a command that printed `output` and ended so; None where it went well, ran in the open, or nothing tells.

    The network is named first: what can't be written is often only what could not be fetched.
    """
    if not exit_code or confinement is Confinement.OPEN:
        return None
    end = "\n".join(output[-_LAST_CHARACTERS:].splitlines()[-_LAST_LINES:])
    if confinement is Confinement.SANDBOX and _NETWORK.search(end):
        return Lack.NETWORK
    # A file that is not executable is refused outside the sandbox too.
    if exit_code != _NOT_RUNNABLE and _RIGHTS.search(end):
        return Lack.RIGHTS
    return None
