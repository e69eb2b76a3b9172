"""The assistant that is no model: rules decide its next step from the messages alone, so it keeps nothing between requests."""

from __future__ import annotations

import re

from dsterm.core.models import ThinkingMode
from dsterm.demo.answer_form import answer_form, formed
from dsterm.demo.change_review import review_change
from dsterm.demo.commit_words import commit_message, wants_commit_message
from dsterm.demo.conversation_summary import conversation_summary, wants_summary
from dsterm.demo.locate import file_in
from dsterm.demo.needle_search import needles_found, wants_needles
from dsterm.demo.overview import no_instructions, overview, search
from dsterm.demo.planning import decided_otherwise, planned
from dsterm.demo.rename import rename
from dsterm.demo.reply import Reply
from dsterm.demo.request import ChatRequest
from dsterm.demo.shell_run import run_command, run_tests
from dsterm.demo.steps import Step
from dsterm.demo.summary import show, summarise
from dsterm.demo.syntax_repair import repair_syntax
from dsterm.demo.talk import Talk, talk_of
from dsterm.demo.test_repair import repair_tests

FIRST_LINE = "I am no model: this is dsterm's demo, driven by rules."
"""How every conversation begins."""

_MOST_CALLS = 60
_MOST_STEPS = 12

_QUOTES = "`'\"“”"
_RENAME = re.compile(
    rf"\brename\s+(?:the\s+)?(?:(?:function|class|variable|method|constant|name|symbol)\s+)?[{_QUOTES}]?(?P<old>[^\W\d]\w*)"
    rf"(?:\(\))?[{_QUOTES}]?\s+(?:to|into|as|->|=>)\s+[{_QUOTES}]?(?P<new>[^\W\d]\w*)",
    re.IGNORECASE,
)
_SYNTAX = re.compile(r"\bsyntax\b|\b(?:does ?n[o']t|won't|can't) parse\b", re.IGNORECASE)
_TESTS = re.compile(
    r"\b(?:fix|repair|mend|solve|make|get|why)\b.*\b(?:tests?|bug)\b|\btests?\b.*\b(?:fix|pass|fail\w*|broken|green)\b",
    re.IGNORECASE | re.DOTALL,
)
_SUMMARY = re.compile(
    r"\b(?:summar\w+|explain|describe|outline|overview|what (?:does|is|are|'s))\b|\bwhat's\b", re.IGNORECASE
)
_SHOW = re.compile(r"\b(?:show|read|open|print|cat|display)\b", re.IGNORECASE)
_PROJECT = re.compile(
    r"\b(?:repo\w*|project|folder|directory|code ?base|files|here)\b|\b(?:tour|overview|list)\b", re.IGNORECASE
)
_INSTRUCTIONS = re.compile(r"(?:Write|Improve) the AGENTS\.md of this repository\b")
_REVIEW = re.compile(r"^Review the changes since \S", re.MULTILINE)
_CHECKS_FAILED = re.compile(r"^\d+ of \d+ checks? failed after your changes", re.MULTILINE)
_RUN_TESTS = re.compile(r"(?:please\s+)?(?:run|execute)\s+(?:all\s+)?(?:(?:the|my|its)\s+)?tests?\W*$", re.IGNORECASE)
_RUN = re.compile(
    r"(?:please\s+)?(?:run|execute)\s+(?:the\s+command\s+)?(?:(?P<mark>[`'\"])(?P<quoted>[^\n]+)(?P=mark)\W*|(?P<plain>[^\n]+))$",
    re.IGNORECASE,
)
_SEARCH = re.compile(
    r"\b(?:find|search(?: for)?|grep(?: for)?|where(?: is| are|'s)|look for|who (?:uses|calls))\s+"
    rf"(?:(?:all|the|uses of|usages of|calls of|definition of|every)\s+)*[{_QUOTES}]?(?P<what>[^\n?{_QUOTES}]{{2,80}})",
    re.IGNORECASE,
)
_AFTER_SEARCH = re.compile(r"\s+(?:in|inside|within|is|are|used|defined|called)\b.*$", re.IGNORECASE)

_ABILITIES = """\
I can't think about your words, but these I do for real, with tools, on the files here:

- `what is in this repo`
- `summarise README.md`, or any other file
- `find some_name`
- `rename old_name to new_name`, in all files
- `fix the syntax error`, or `... in some_file.py`
- `fix the failing test`
- `run the tests`, or `run` and any command

For anything else connect a real model: enter a key, and the same keys and commands work with it."""

_NO_TOOLS = "This request offers me no tools, and without `read`, `glob` and `grep` I can't look at any files."


def answer(request: ChatRequest) -> Reply:
    """The guide's reply to `request`."""
    if wants_commit_message(request):
        return Reply(text=commit_message(request))
    if wants_summary(request):
        return Reply(text=conversation_summary(request))
    if wants_needles(request):
        return Reply(reasoning=f"{FIRST_LINE} I search the text that I was sent.", text=needles_found(request))
    talk = talk_of(request)
    step = _decide(talk)
    form = answer_form(request)
    if form is not None and not step.calls:
        return Reply(reasoning=_reasoning(talk, step), text=formed(form, FIRST_LINE))
    opening = f"{FIRST_LINE}\n\n" if talk.is_first else ""
    return Reply(reasoning=_reasoning(talk, step), text=f"{opening}{step.text}".rstrip("\n"), tool_calls=step.calls)


def _decide(talk: Talk) -> Step:
    step = planned(_by_rule(talk)) if talk.is_planning else _by_rule(talk)
    if not step.calls:
        return step
    if not {call.name for call in step.calls} <= talk.tools:
        return Step(
            thoughts=("I would need a tool that I was not given.",),
            text=_NO_TOOLS if not talk.tools else _lacking(step, talk),
        )
    if talk.steps >= _MOST_STEPS or len(talk.exchanges) >= _MOST_CALLS:
        return Step(text=f"I stop here, after {talk.steps} steps, so as not to go round in circles.")
    return step


def _lacking(step: Step, talk: Talk) -> str:
    names = ", ".join(f"`{name}`" for name in sorted({call.name for call in step.calls} - talk.tools))
    return f"For this I need {names}, which this session does not offer me."


def _by_rule(talk: Talk) -> Step:
    prompt = talk.prompt
    said = decided_otherwise(prompt) or _of_work_loop(talk)
    if said:
        return said
    if _INSTRUCTIONS.match(prompt):
        return no_instructions(talk)
    name = file_in(prompt)
    renaming = _RENAME.search(prompt)
    if renaming:
        return rename(talk, renaming["old"], renaming["new"])
    if _SYNTAX.search(prompt):
        return repair_syntax(talk, name)
    if name and _SUMMARY.search(prompt):
        return summarise(talk, name)
    if name and _SHOW.search(prompt):
        return show(talk, name)
    if _TESTS.search(prompt):
        return repair_tests(talk)
    searching = _SEARCH.search(prompt)
    if searching:
        return search(talk, _AFTER_SEARCH.sub("", searching["what"]).strip(" .`'\""))
    if _PROJECT.search(prompt) and (_SUMMARY.search(prompt) or _SHOW.search(prompt) or "list" in prompt.lower()):
        return overview(talk)
    return Step(
        thoughts=("None of my rules fits these words.", "The honest answer is to say which ones would."),
        doubts=("I could pretend to understand, but then nothing else I say could be trusted.",),
        text=_ABILITIES,
    )


def _of_work_loop(talk: Talk) -> Step | None:
    """What is asked by dsterm's own commands: a review, checks that failed, a command to run."""
    if _REVIEW.search(talk.prompt):
        return review_change(talk.data)
    if _CHECKS_FAILED.search(talk.prompt):
        return repair_tests(talk)
    if _RUN_TESTS.match(talk.prompt):
        return run_tests(talk)
    running = _RUN.match(talk.prompt)
    return run_command(talk, running["quoted"] or running["plain"]) if running else None


def _reasoning(talk: Talk, step: Step) -> str:
    """The thoughts as the mode wants them: none, the few that matter, or all of them with the plan spelled out."""
    if talk.mode is ThinkingMode.NON_THINK:
        return ""
    thoughts = list(step.thoughts or ("The rules say that I have what I need, so I answer.",))
    if talk.mode is ThinkingMode.THINK_MAX:
        asked = " ".join(talk.prompt.split())[:200]
        results = len(talk.exchanges)
        so_far = f"{results} tool results so far" if results else "nothing looked at yet"
        tools = ", ".join(call.name for call in step.calls)
        plan = f"So the next step is a call of {tools}." if tools else "So no tool is needed now, and I can answer."
        thoughts = [f"The request reads: {asked}", f"What I have: {so_far}.", *thoughts, *step.doubts, plan]
    return "\n".join(thoughts)
