"""``ecsctl run --attach``: a shell in the container that was just started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ecsctl.cli.settings import Settings
from ecsctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.query.views import TaskView

# Seconds for the agent of ECS Exec to come up in a container that runs.
AGENT_TIMEOUT = 120.0
SHELL = ("/bin/sh",)


def require_terminal() -> None:
    """Refuse to attach where nobody can type.

    Raises:
        UsageError: stdin or stdout is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--attach needs a terminal", hint="`ecsctl run --wait` prints what the task writes")


def attach(settings: Settings, aws: Aws, cluster: str, task: TaskView, container: str | None) -> int:
    """Open a shell in a task that runs, once its agent is ready; the shell's exit code. The task goes on.

    Raises:
        EcsctlError: the container cannot be entered; the details say why.
    """
    from ecsctl.actions import sessions
    from ecsctl.cli.exec import enter, through_plugin, use_plugin
    from ecsctl.polling import Deadline

    plugin = use_plugin("auto")
    deadline = Deadline.after(AGENT_TIMEOUT, settings.progress(), aws.clock)
    chosen = sessions.wait_for_agent(aws, cluster, task.id, container, deadline)
    settings.say(f"task {task.short_id}, container {chosen.container}: the task keeps running when the shell ends")
    if plugin:
        code: int | None = through_plugin(aws, sessions.execute(aws, chosen, sessions.plain(SHELL)))
    else:
        code = enter(settings, aws, chosen, SHELL, with_input=True, tty=True)
    settings.say(f"`ecsctl stop {task.short_id}` stops the task, `ecsctl exec -it {task.short_id}` enters it again")
    return ExitCode.FAILED if code is None else code
