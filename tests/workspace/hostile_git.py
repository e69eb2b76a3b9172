"""Configurations, hooks and attributes that name a program wherever git would run one."""

from __future__ import annotations

from pathlib import Path

CONFIGURATIONS = {
    "core": """[core]
 fsmonitor = {trap}
 hooksPath = {hooks}
 sshCommand = {trap}
 gitProxy = {trap}
 pager = {trap}
 editor = {trap}
 askPass = {trap}
 alternateRefsCommand = {trap}
 attributesFile = {attributes}
[credential]
 helper = {trap}
[pager]
 log = {trap}
 show = {trap}
 diff = {trap}
[sequence]
 editor = {trap}
[fsmonitor]
 allowRemote = true
""",
    "diff": """[diff]
 external = {trap}
 noprefix = true
 submodule = diff
 ignoreSubmodules = none
[diff "evil"]
 command = {trap}
 textconv = {trap}
 cachetextconv = true
[merge "evil"]
 driver = {trap}
[interactive]
 diffFilter = {trap}
[color]
 ui = always
""",
    "filter": """[filter "evil"]
 clean = {trap}
 smudge = {trap}
 required = true
[filter "e=v.i l"]
 process = {trap}
[filter "ünï"]
 clean = {trap}
""",
    "hooks in the configuration": """[hook "evil"]
 command = {trap}
 event = post-index-change
 event = reference-transaction
 event = pre-commit
""",
    "transport": """[protocol]
 allow = always
[protocol "ext"]
 allow = always
[protocol "file"]
 allow = always
[url "ext::{trap} "]
 insteadOf = file://
 insteadOf = https://
[remote "origin"]
 url = ext::{trap}
 vcs = {trap}
 proxy = {trap}
 uploadpack = {trap}
 receivepack = {trap}
 promisor = true
[extensions]
 partialClone = origin
[uploadpack]
 packObjectsHook = {trap}
 allowFilter = true
[http]
 proxy = {trap}
[gc]
 auto = 1
 recentObjectsHook = {trap}
""",
    "names": """[alias]
 status = !{trap}
 ls-files = !{trap}
 diff = !{trap}
 log = !{trap}
[gpg]
 program = {trap}
[gpg "ssh"]
 program = {trap}
 defaultKeyCommand = {trap}
[gpg "openpgp"]
 program = {trap}
[log]
 showSignature = true
[format]
 pretty = %G? %GS
[commit]
 gpgSign = true
[trailer "evil"]
 command = {trap}
 cmd = {trap}
[submodule "evil"]
 update = !{trap}
 active = true
 url = ext::{trap}
[submodule]
 recurse = true
[mergetool "evil"]
 cmd = {trap}
[difftool "evil"]
 cmd = {trap}
[browser "evil"]
 cmd = {trap}
[man "evil"]
 cmd = {trap}
""",
}


def settings(name: str, trap: str, tmp_path: Path) -> str:
    attributes = tmp_path / "attributes"
    attributes.write_text("* filter=evil diff=evil merge=evil\n")
    hooks = tmp_path / "hooks"
    plant_hooks(hooks, trap)
    return CONFIGURATIONS[name].format(trap=trap, hooks=hooks, attributes=attributes)


def plant_hooks(folder: Path, trap: str) -> None:
    folder.mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman", "query-watchman", "pre-commit"):
        (folder / hook).write_text(f"#!/bin/sh\n{trap} </dev/null\n")
        (folder / hook).chmod(0o755)


def soil(repo: Path, attributes: str = "* filter=evil diff=evil merge=evil export-subst ident\n") -> None:
    """Make files that every command has to look at anew."""
    (repo / ".gitattributes").write_text(attributes)
    (repo / "src" / "a.py").write_text("a = 9\n")
    (repo / "new.txt").write_text("new\n")
