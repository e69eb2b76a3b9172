"""Programs that only read as long as their options do: which options those are. What isn't listed is not allowed for."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from dsterm.policy.name_sets import names


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a program with which it only reads: `letters` take no value, `valued` letters do, `long` have two dashes.

    `operands` is how many words that are no options it may have at most, None for any number. `swallows`: the rest of the
    word behind a valued letter is its value; a program that takes the next word instead reads on in the letters.
    """

    letters: str = ""
    valued: str = ""
    long: frozenset[str] = frozenset()
    operands: int | None = None
    swallows: bool = True


READING_OPTIONS = {
    "sort": Options(
        letters="bdfghiMnRrVsuzcC",
        valued="kt",
        long=names(
            "ignore-leading-blanks dictionary-order ignore-case general-numeric-sort human-numeric-sort month-sort"
        )
        | names(
            "numeric-sort random-sort reverse version-sort stable unique zero-terminated check key field-separator"
        ),
    ),
    "uniq": Options(
        letters="cdDuiz", valued="fsw", long=names("count repeated unique ignore-case zero-terminated"), operands=1
    ),
    "tree": Options(
        letters="adflixnCFhsDpugtrcv",
        valued="LIP",
        swallows=False,
        long=names("dirsfirst gitignore noreport prune du si inodes device help version"),
    ),
    "file": Options(letters="biLhkNr0", long=names("brief mime mime-type mime-encoding dereference no-dereference")),
    "diff": Options(
        letters="urqsNwbBiyacteEdT0123456789",
        valued="UC",
        long=names("unified context brief recursive new-file ignore-all-space ignore-space-change ignore-blank-lines")
        | names("ignore-case side-by-side text report-identical-files suppress-common-lines color exclude width label")
        | names("strip-trailing-cr minimal normal expand-tabs no-dereference"),
    ),
    "rg": Options(
        letters="nisSwvclohHNFUxpuq0LPVIa",
        valued="egtTABCmMrEj",
        long=names("files hidden no-ignore glob iglob type type-not ignore-case line-number count files-with-matches")
        | names(
            "files-without-match fixed-strings word-regexp max-count max-depth context after-context before-context"
        )
        | names("color heading no-heading json multiline only-matching sort sortr smart-case case-sensitive stats trim")
        | names(
            "type-list no-messages version replace pcre2 no-line-number with-filename no-filename column vimgrep null"
        )
        | names(
            "follow invert-match line-regexp regexp count-matches no-ignore-vcs no-config text passthru max-columns"
        ),
    ),
    "fd": Options(
        letters="HIisgaLpF0u1q",
        valued="tedE",
        long=names("hidden no-ignore case-sensitive ignore-case glob fixed-strings absolute-path follow full-path type")
        | names("extension max-depth min-depth exclude print0 max-results size changed-within changed-before color"),
    ),
    "ps": Options(letters="efaAuxlwjHFdLTcvN", valued="optCU", long=names("forest sort no-headers")),
    "hostname": Options(letters="fsidI", operands=0),
    "date": Options(
        letters="uR", valued="I", long=names("utc universal iso-8601 rfc-3339 rfc-email date reference"), operands=1
    ),
}
"""A letter is listed as one without a value only if no version of the program takes one, and the other way round."""

_FIND_WORDS = names(
    "-name -iname -path -ipath -wholename -iwholename -regex -iregex -regextype -type -xtype -maxdepth -mindepth -size"
    " -mtime -mmin -ctime -cmin -atime -amin -newer -anewer -cnewer -newermt -empty -print -print0 -printf -ls -prune -quit"
    " -o -or -a -and -not -perm -user -group -uid -gid -nouser -nogroup -links -inum -samefile -lname -ilname -depth -follow"
    " -L -H -P -xdev -mount -true -false -executable -readable -writable -daystart"
)
_FIND_VALUE = re.compile(r"-\d+[A-Za-z]?|-[0-7]{3,4}|-[ugoa]*[+=][rwxst]+")
_SED_ADDRESS = r"(?:\d+|\$|/[^/\[\\\n]+/)"
_SED_SCRIPT = re.compile(
    rf"(?:(?:{_SED_ADDRESS}(?:,(?:\+?{_SED_ADDRESS}))?)?!?[pdq=]"
    rf"|s/(?:[^/\[\\\n;]|\\[^\n/])*/(?:[^/\[\\\n;]|\\[^\n/])*/[gpIi0-9]*)"
)
_PRINTF_FORMAT = re.compile(r"(?:[^%]|%%|%[-+ #0]*\d*(?:\.\d+)?[sdiouxXcbqeEfFgG])*")


def objectionable_option(program: str, words: Sequence[str]) -> str | None:
    """The first of `words` (all literal) that `program` isn't known to only read with; None when there is none."""
    options = READING_OPTIONS[program]
    operands = [word for word in words if not word.startswith("-") or word == "-"]
    if options.operands is not None and len(operands) > options.operands:
        return operands[options.operands]
    if program == "date" and operands and not operands[0].startswith("+"):
        return operands[0]
    # A word after "--" is looked at all the same: what stands before could have taken the dashes as its value.
    return next((word for word in words if word.startswith("-") and not _is_reading(word, options)), None)


def _is_reading(word: str, options: Options) -> bool:
    if word in {"-", "--"}:
        return True
    if word.startswith("--"):
        return word[2:].partition("=")[0] in options.long
    for letter in word[1:]:
        if letter in options.valued and options.swallows:
            return True
        if letter not in options.letters + options.valued:
            return False
    return True


def objectionable_find(words: Sequence[str]) -> str | None:
    """The first word of a `find` that may do more than look."""
    return next(
        (
            word
            for word in words
            if word.startswith("-") and word not in _FIND_WORDS and not _FIND_VALUE.fullmatch(word)
        ),
        None,
    )


def objectionable_sed(words: Sequence[str]) -> str | None:
    """The first word of a `sed` that is more than printing and replacing on the way through."""
    flags = [word for word in words if word.startswith("-")]
    for flag in flags:
        if flag not in {"-n", "-E", "-r", "-nE", "-nr", "-u"}:
            return flag
    script = next((word for word in words if not word.startswith("-")), "")
    parts = [part.strip(" ") for part in script.split(";")]
    return None if script and all(_SED_SCRIPT.fullmatch(part) for part in parts) else script or "-"


def objectionable_printf(words: Sequence[str]) -> str | None:
    """The format of the shell's `printf` where it could set a variable."""
    if not words or (words[0].startswith("-") or not _PRINTF_FORMAT.fullmatch(words[0])):
        return words[0] if words else "-"
    return None
