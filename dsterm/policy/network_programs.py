"""Which calls are known to need the network: by program, by subcommand, or by a URL among their words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsterm.policy.name_sets import names
from dsterm.policy.shell_words import Word

_ALWAYS = names(
    "curl wget ssh scp sftp ftp telnet nc ncat netcat socat ping ping6 traceroute tracepath mtr dig nslookup host whois nmap"
    " aria2c http https xh gh glab hub lynx w3m links elinks ab wrk rclone s3cmd aws gcloud gsutil az kubectl helm terraform"
    " tofu ansible ansible-playbook heroku flyctl fly vercel netlify doctl npx bunx uvx pipx apt apt-get aptitude dnf yum"
    " pacman apk brew zypper snap flatpak port conda mamba twine docker-compose mosh rsh rlogin ssh-copy-id autossh"
)
_SUBCOMMANDS = {
    "git": "fetch pull push clone ls-remote submodule send-email svn p4 lfs",
    "pip": "install download wheel index search",
    "uv": "sync add lock pip tool python publish",
    "npm": "install i ci add update up upgrade audit publish exec x create init view info outdated login search",
    "pnpm": "install i add update up dlx create publish outdated audit",
    "yarn": "install add up upgrade dlx create publish outdated audit",
    "bun": "install i add update x create publish",
    "cargo": "install fetch update publish search add login",
    "go": "get install",
    "gem": "install update push fetch",
    "bundle": "install update",
    "composer": "install update require create-project",
    "poetry": "install add update lock publish",
    "pipenv": "install update sync lock",
    "pdm": "install add update sync lock publish",
    "docker": "pull push run build login search compose buildx",
    "podman": "pull push run build login search compose",
    "dotnet": "restore add publish",
    "mix": "deps.get deps.update",
    "rustup": "update install toolchain component target self",
    "pre-commit": "install-hooks autoupdate",
    "hg": "clone pull push incoming outgoing",
    "svn": "checkout co update up commit ci switch import export",
    "deno": "install add cache upgrade",
    "nix": "build run develop shell flake profile",
    "playwright": "install",
    "snyk": "test monitor",
}
_WITHOUT_SUBCOMMAND = frozenset({"yarn"})
_VALUED_GLOBALS = frozenset(
    {"-C", "-c", "--git-dir", "--work-tree", "--prefix", "--cwd", "--directory", "--manifest-path"}
)
_URL = re.compile(r"(?:https?|ftps?|ssh|git|rsync|git\+https?|git\+ssh|wss?)://|git@[\w.-]+:", re.ASCII)
_LOCAL = re.compile(r"(?:https?|wss?)://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:[/?#][^@]*)?")
_ASKS_URLS = frozenset({"curl", "wget", "http", "https", "xh", "ab", "wrk"})
_TALKS_OF_URLS = names("echo printf grep egrep fgrep rg sed git hg find test [ [[ jq export cat xargs")
_REMOTE_PATH = re.compile(r"[\w.-]+(?:@[\w.-]+)?:[^:]*")


def why_network(words: Sequence[Word]) -> str | None:
    """Why this call needs the network, as a sentence without its end; None when nothing says so."""
    texts = [word.text for word in words]
    program = texts[0].rpartition("/")[2] if texts else ""
    if re.fullmatch(r"pip3?(?:\.\d+)?", program):
        program = "pip"
    if re.fullmatch(r"python[\d.]*", program) and texts[1:3] == ["-m", "pip"]:
        program, texts = "pip", texts[2:]
    urls = [text for text in texts[1:] if _URL.match(text)]
    is_local = bool(urls) and all(_LOCAL.fullmatch(url) for url in urls)
    if program in _ASKS_URLS and is_local and all(word.is_literal for word in words):
        return None
    if program in _ALWAYS:
        return f"{program} reaches the network"
    if program == "rsync" and any(_REMOTE_PATH.match(text) or "::" in text for text in texts[1:]):
        return "rsync reaches the network"
    subcommand = _subcommand(texts[1:])
    if subcommand in _SUBCOMMANDS.get(program, "").split() or (not subcommand and program in _WITHOUT_SUBCOMMAND):
        return f"{program} {subcommand} reaches the network".replace("  ", " ")
    if _needs_network_further(program, subcommand, texts):
        return f"{program} {subcommand} reaches the network"
    if urls and not is_local and program not in _TALKS_OF_URLS:
        return f"{program} is given a URL"
    return None


def _subcommand(arguments: Sequence[str]) -> str:
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument.startswith("-"):
            skip = argument in _VALUED_GLOBALS
        elif not argument.startswith("+"):
            return argument
    return ""


def _needs_network_further(program: str, subcommand: str, texts: Sequence[str]) -> bool:
    match program, subcommand:
        case "git", "remote":
            return any(text in {"update", "show", "prune"} for text in texts)
        case "git", "archive":
            return any(text.startswith("--remote") for text in texts)
        case "go", "mod":
            return any(text in {"download", "tidy", "vendor"} for text in texts)
        case "openssl", "s_client":
            return True
    return False
