from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from dsterm.context.prompt import system_prompt
from dsterm.core.command_plan import Confinement, ProgramCall
from dsterm.core.commands import CommandLaunch, CommandReading, Job, JobOutput, JobState, SandboxFacts
from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect, Lack, Outcome, PreparedCall
from dsterm.tools.toolbox import Toolbox, build_toolbox
from dsterm.workspace.commands.jobs import Jobs, JobSetting
from dsterm.workspace.confinement.sandbox import FoundSandbox

ASKED_ID = "7"


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ScriptedRunner:
    """Runs nothing: notes what it was asked for and ends as it is told."""

    def __init__(self, name: str = "bubblewrap", lack: Lack | None = None) -> None:
        self.sandbox = SandboxFacts(name=name, trouble="" if name else "bwrap is not installed.")
        self.launches: list[CommandLaunch] = []
        self.lack = lack

    async def run(self, launch: CommandLaunch, progress: Callable[[str], None]) -> JobOutput:
        self.launches.append(launch)
        return JobOutput(job=self._job(launch, JobState.ENDED, exit_code=1), text="no\n", lack=self.lack)

    async def start(self, launch: CommandLaunch) -> Job:
        self.launches.append(launch)
        return self._job(launch, JobState.RUNNING)

    def _job(self, launch: CommandLaunch, state: JobState, exit_code: int | None = None) -> Job:
        return Job(
            id=ASKED_ID,
            command=launch.command,
            state=state,
            started=datetime.now(UTC),
            confinement=launch.confinement,
            exit_code=exit_code,
            lines=1,
        )


def read(command: str) -> CommandReading:
    """A reader that knows three words."""
    calls = (ProgramCall(words=tuple(command.split())),)
    match command.split()[0]:
        case "ls":
            return CommandReading(effects=(Effect.READ, Effect.INSPECT), calls=calls)
        case "curl":
            return CommandReading(effects=(Effect.EXECUTE, Effect.NETWORK), calls=calls, concerns=("curl reaches out",))
        case "cat-env":
            return CommandReading(effects=(Effect.READ, Effect.INSPECT, Effect.SECRETS), calls=calls)
        case _:
            return CommandReading(effects=(Effect.EXECUTE,), calls=calls, is_understood=False)


async def planned(workspace, runner: ScriptedRunner, *, has_network: bool = False, **arguments: object) -> PreparedCall:
    box = build_toolbox(workspace, runner=runner, reader=read, timeout_seconds=90, has_network=lambda: has_network)
    return await box.prepare("bash", {"description": "try it", **arguments})


@pytest.fixture
async def jobs(root: Path) -> AsyncIterator[Jobs]:
    made = Jobs(
        JobSetting(
            find_sandbox=lambda: FoundSandbox(None, SandboxFacts(trouble="none for the test")),
            root=root,
            environment={"PATH": os.environ["PATH"], "HOME": str(root.parent)},
            key_variables=frozenset(),
            logs=None,
            redact=str,
            clock=RealClock(),
        )
    )
    yield made
    await made.close()


@pytest.fixture
def toolbox(workspace, jobs) -> Toolbox:
    return build_toolbox(workspace, runner=jobs, reader=read)


async def until_over(jobs: Jobs, job_id: str) -> None:
    while (await jobs.read(job_id)).job.state is JobState.RUNNING:
        await asyncio.sleep(0.02)


async def test_the_list_keeps_its_order_and_stays_short(toolbox, workspace, jobs):
    names = [spec.name for spec in toolbox.specs]
    assert names == ["read", "glob", "grep", "edit", "apply_patch", "write", "bash", "todo_write", "job"]
    sent = msgspec.json.encode(toolbox.specs)
    assert sent == msgspec.json.encode(build_toolbox(workspace, runner=jobs, reader=read).specs)
    assert len(sent) + len(system_prompt().encode()) < 10_000
    assert b"anyOf" not in sent and b"$ref" not in sent
    bash = msgspec.json.decode(toolbox.specs[6].parameters)
    assert list(bash["properties"]) == ["command", "description", "workdir", "timeout_ms", "run_in_background"]
    assert bash["required"] == ["command", "description"]


async def test_a_command_that_only_reads_is_planned_as_one(workspace):
    prepared = await planned(workspace, ScriptedRunner(), command="ls \\\n  -l", workdir="src")
    plan = prepared.plan
    assert plan.effects == (Effect.READ, Effect.INSPECT) and plan.subject == "ls \\ ⏎ -l" and plan.concerns == ()
    assert plan.command is not None
    assert (plan.command.command, plan.command.folder) == ("ls \\\n  -l", "src")
    assert plan.command.confinement is Confinement.SANDBOX and plan.command.description == "try it"


async def test_what_needs_the_network_is_planned_with_it_and_runs_with_it(workspace):
    runner = ScriptedRunner()
    prepared = await planned(workspace, runner, command="curl x")
    assert prepared.plan.effects == (Effect.EXECUTE, Effect.NETWORK) and prepared.plan.concerns == ("curl reaches out",)
    await prepared.run(print)
    assert runner.launches[0].confinement is Confinement.NETWORK and runner.launches[0].seconds == 90


async def test_the_setting_gives_the_network_to_what_executes_but_not_to_what_only_looks(workspace):
    executing = await planned(workspace, ScriptedRunner(), command="make", has_network=True)
    assert executing.plan.effects == (Effect.EXECUTE, Effect.NETWORK)
    looking = await planned(workspace, ScriptedRunner(), command="ls", has_network=True)
    assert looking.plan.effects == (Effect.READ, Effect.INSPECT)


async def test_without_a_sandbox_every_command_is_outside_and_says_why(workspace):
    runner = ScriptedRunner(name="")
    prepared = await planned(workspace, runner, command="ls")
    assert Effect.OUTSIDE in prepared.plan.effects
    assert prepared.plan.concerns == ("there is no sandbox here: bwrap is not installed",)
    assert prepared.plan.command is not None and prepared.plan.command.confinement is Confinement.OPEN
    assert prepared.wider is None, "there is nothing wider"


async def test_secrets_are_shown_only_where_the_plan_says_so(workspace):
    for command, shows in (("cat-env", True), ("ls", False)):
        runner = ScriptedRunner()
        await (await planned(workspace, runner, command=command)).run(print)
        assert runner.launches[0].shows_secrets is shows


async def test_what_lacked_the_network_is_planned_again_with_it_and_then_outside(workspace):
    runner = ScriptedRunner(lack=Lack.NETWORK)
    prepared = await planned(workspace, runner, command="make", path="src")
    result = await prepared.run(print)
    assert result.lack is Lack.NETWORK and result.job == ASKED_ID
    assert "path" in result.content and result.content.startswith("no\n[exit code: 1]")
    assert prepared.wider is not None
    networked = prepared.wider(Lack.NETWORK)
    assert networked.plan.effects == (Effect.EXECUTE, Effect.NETWORK)
    assert "no network" in networked.plan.concerns[0]
    await networked.run(print)
    assert networked.wider is not None
    for lack in Lack:
        outside = networked.wider(lack)
        assert outside.plan.effects == (Effect.EXECUTE, Effect.NETWORK, Effect.OUTSIDE) and outside.wider is None
        await outside.run(print)
    assert [launch.confinement for launch in runner.launches] == [
        *(Confinement.SANDBOX, Confinement.NETWORK, Confinement.OPEN, Confinement.OPEN)
    ]


async def test_what_lacked_rights_goes_outside_and_no_longer_counts_as_looking(workspace):
    prepared = await planned(workspace, ScriptedRunner(), command="ls")
    assert prepared.wider is not None
    outside = prepared.wider(Lack.RIGHTS).plan
    assert outside.effects == (Effect.READ, Effect.EXECUTE, Effect.OUTSIDE)
    assert "rights" in outside.concerns[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"command": "  \n"}, "empty"),
        ({"command": "a\0b"}, "NUL"),
        ({"command": "echo \ud800"}, "half a character"),
        ({"command": "x" * 100_001}, "too long"),
        ({"command": "ls", "workdir": ".."}, "outside the workspace"),
        ({"command": "ls", "workdir": "/etc"}, "outside the workspace"),
        ({"command": "ls", "workdir": "src/a.py"}, "no folder"),
        ({"command": "ls", "workdir": "gone"}, "no folder"),
        ({"command": "ls", "workdir": ".git"}, "git itself"),
        ({"command": "ls", "workdir": "out"}, "outside the workspace"),
        ({"command": "ls", "timeout_ms": 30}, "milliseconds"),
        ({"command": "ls", "timeout_ms": 600_001}, "at most 600000"),
        ({}, "command is missing"),
    ],
)
async def test_what_cannot_run_is_said_before_anything_does(workspace, root, arguments, words):
    (root / "out").symlink_to("/etc")
    runner = ScriptedRunner()
    with pytest.raises(ToolError, match=words):
        await planned(workspace, runner, **arguments)
    assert runner.launches == []


async def test_the_background_has_no_limit_unless_one_is_named(workspace):
    runner = ScriptedRunner()
    for more in ({}, {"timeout_ms": 3_600_000}):
        await (await planned(workspace, runner, command="serve", run_in_background=True, **more)).run(print)
    assert [launch.seconds for launch in runner.launches] == [None, 3600.0]


async def test_other_names_of_arguments_are_understood(workspace):
    runner = ScriptedRunner()
    sent = {"cmd": "ls", "cwd": "src", "timeoutMs": "5000", "background": False}
    result = await (await planned(workspace, runner, **sent)).run(print)
    assert runner.launches[0].seconds == 5 and runner.launches[0].folder.name == "src"
    assert "the argument is called timeout_ms, not timeoutMs" in result.content


async def test_the_result_has_a_fixed_shape(call):
    async def run(command: str, **more: object) -> tuple[Outcome, str, str]:
        result = await call("bash", command=command, description="d", **more)
        return result.outcome, result.content, result.summary

    assert await run("true") == (Outcome.DONE, "(no output)", "no output")
    assert await run("echo a; echo b >&2") == (Outcome.DONE, "a\nb", "2 lines")
    assert await run("echo a; exit 3") == (Outcome.FAILED, "a\n[exit code: 3]", "exit 3")
    assert await run("cat a.py", workdir="src") == (Outcome.DONE, "one\ntwo\nthree", "3 lines")
    assert await run("echo a; sleep 5", timeout_ms=1000) == (
        Outcome.FAILED,
        "a\n[timed out after 1 s and was ended; run_in_background has no limit]",
        "timed out after 1 s",
    )
    _, content, _ = await run("seq 20000")
    assert content.endswith('20000\n[output truncated; all of it: job(id="6", action="read", offset=1)]')


async def test_a_job_in_the_background_is_listed_read_and_stopped_by_the_model(call, jobs):
    started = await call("bash", command="echo up; sleep 60", description="serve", run_in_background=True)
    assert started.summary == "in the background as job 1" and started.job == "1"
    assert 'job(id="1", action="read")' in started.content
    while not (await jobs.read("1")).text:
        await asyncio.sleep(0.01)
    assert (await call("job", action="list")).content == "1\trunning for 0 s\techo up; sleep 60"
    assert (await call("job", id=1, action="read")).content == "up\n[running for 0 s; 1 line]"
    assert (await call("job", id="#1", action="read", offset=2)).content.startswith("[no line 2;")
    assert (await call("job", job_id="1", action="stop")).content.startswith("Job 1 is over: stopped.")
    assert (await call("job", id="1", action="stop")).content == "Job 1 was over before: stopped."


async def test_a_command_sent_to_the_background_by_the_user_says_so(call, jobs):
    waiting = asyncio.create_task(call("bash", command="echo a; sleep 60", description="d"))
    while jobs.release() is None:
        await asyncio.sleep(0.02)
    result = await waiting
    assert result.outcome is Outcome.DONE and "[runs in the background as job 1;" in result.content


async def test_what_the_user_runs_by_hand_is_not_the_models_to_see(call, jobs, root, toolbox):
    launch = CommandLaunch(command="echo private; sleep 60", folder=root, confinement=Confinement.OPEN, is_of_user=True)
    job = await jobs.start(launch)
    assert (await call("job", action="list")).content == "(No command is in the background.)"
    for action in ("read", "stop"):
        with pytest.raises(ToolError, match="There is no job 1"):
            await toolbox.prepare("job", {"id": job.id, "action": action})


async def test_job_says_what_it_takes(toolbox):
    for arguments in ({"action": "read"}, {"action": "read", "id": "9"}, {"action": "stop", "id": "../1"}):
        with pytest.raises(ToolError, match="There is no job"):
            await toolbox.prepare("job", arguments)
    with pytest.raises(ToolError, match="action"):
        await toolbox.prepare("job", {"id": "1", "action": "kill"})
    assert (await toolbox.prepare("job", {"action": "list"})).plan.effects == (Effect.READ,)


async def test_what_a_stopped_call_started_is_ended(call, jobs):
    waiting = asyncio.create_task(call("bash", command="sleep 60", description="d"))
    while not jobs.jobs():
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert jobs.jobs()[0].state is JobState.STOPPED
