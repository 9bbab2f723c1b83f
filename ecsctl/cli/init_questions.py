"""What ``init`` asks on a terminal; each answer is checked at once, and an invalid one is asked for again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ecsctl.aws.names import require_cluster_name
from ecsctl.errors import UsageError

if TYPE_CHECKING:
    from ecsctl.cli.settings import Settings
    from ecsctl.importers.template import Answers

T = TypeVar("T")
LAUNCH_TYPES = ("EC2", "FARGATE")
BALANCERS = ("none", "classic", "application", "network")
MOST_TASKS = 5000


def asked(settings: Settings, options: dict[str, Any]) -> tuple[Answers, dict[str, Any]]:
    """The answers, and the options completed by them: of the options, else of questions, else the defaults.

    Raises:
        UsageError: an option is invalid.
        click.Abort: the questions were broken off.
    """
    from ecsctl.importers.names import project_name
    from ecsctl.importers.template import IMAGE, MEMORY, Answers

    talking = settings.interactive() and not settings.yes

    def ask(name: str, question: str, default: Any, read: Callable[[str], T]) -> T:
        if options[name] not in (None, ()):
            return read(str(options[name]))
        return _prompt(question, default, read) if talking else read(str(default))

    for name, read in (("name", checked_name), ("port", ports), ("memory", _mebibytes)):
        # A wrong option is told before anything is asked.
        if options[name] is not None:
            read(options[name])
    done = dict(options)
    done["name"] = ask("name", "Name of the project", project_name(os.path.basename(os.getcwd())), checked_name)
    if settings.cluster is None and talking:
        settings.cluster = _prompt("Cluster", done["name"], require_cluster_name)
    done["launch_type"] = ask("launch_type", "Where tasks run (EC2, FARGATE)", "EC2", _one_of(LAUNCH_TYPES))
    fargate = done["launch_type"] == "FARGATE"
    if fargate and talking and not options["subnets"]:
        done["subnets"] = _prompt("Subnet ids (`later` leaves a placeholder in the file)", "later", _subnets)
    image = ask("image", "Image", IMAGE, _image)
    port, host_port = ask("port", "Port of the container (or HOST:CONTAINER, or none)", "80", ports)
    count = ask("count", "How many tasks", 2, _count)
    memory = ask("memory", "Memory of a task", f"{MEMORY}MB", _mebibytes)
    balancer = options["load_balancer"] or "none"
    if not options["load_balancer"] and talking and port is not None:
        known = tuple(kind for kind in BALANCERS if kind != "classic" or not fargate)
        balancer = _prompt(f"Load balancer ({', '.join(known)})", "none", _one_of(known))
    answers = Answers(
        image=image,
        port=port,
        host_port=host_port,
        count=count,
        memory=memory,
        load_balancer=None if balancer == "none" else balancer,
    )
    return answers, done


def _prompt(question: str, default: Any, read: Callable[[str], T]) -> T:
    def value_of(text: str) -> T:
        try:
            return read(text.strip())
        except UsageError as error:
            message = re.sub("^--[a-z]+ ", "", error.message)
            raise click.UsageError(message + (f": {error.hint}" if error.hint else "")) from None

    answer: T = click.prompt(question, default=str(default), value_proc=value_of, err=True)
    return answer


def checked_name(text: str) -> str:
    """The name of a project.

    Raises:
        UsageError: it is none.
    """
    from ecsctl.importers.names import project_name

    if project_name(text) != text:
        raise UsageError(
            f"{text!r} is not a valid project name",
            hint="up to 40 letters, digits, hyphens and underscores, a letter or digit first",
        )
    return text


def _one_of(known: tuple[str, ...]) -> Callable[[str], str]:
    by_name = {name.lower(): name for name in known}

    def read(text: str) -> str:
        if text.lower() not in by_name:
            raise UsageError(f"{text!r} is not one of them", hint=", ".join(known))
        return by_name[text.lower()]

    return read


def _image(text: str) -> str:
    if not text or text.split() != [text]:
        raise UsageError(f"{text!r} is not a valid image name", hint="for example nginx:1.27")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 4 or int(text) > MOST_TASKS:
        raise UsageError(f"{text!r} is not a valid count", hint=f"0 to {MOST_TASKS}")
    return int(text)


def _mebibytes(text: str) -> int:
    from ecsctl.units import memory_mib

    try:
        amount = int(text) if text.isdecimal() else memory_mib(text)
    except ValueError as error:
        raise UsageError(f"--memory {text!r}: {error}") from None
    if not 6 <= amount <= 2**31 - 1:
        raise UsageError(f"--memory {text!r} is less than a container can have", hint="the minimum is 6 MiB")
    return amount


def _subnets(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    if found == ("later",):
        return ()
    wrong = next((item for item in found if not re.fullmatch(r"subnet-[0-9a-f]+", item)), None)
    if wrong is not None:
        raise UsageError(
            f"{wrong!r} is not a subnet id", hint="for example subnet-0123abcd; separate several with spaces"
        )
    return found


def ports(text: str) -> tuple[int | None, int | None]:
    """The container's port, and the host's where it is another one.

    Raises:
        UsageError: it is neither a port nor ``none``.
    """
    if text.strip().lower() in ("none", "no", ""):
        return None, None
    host, _, port = text.strip().rpartition(":")
    numbers = [int(part) if part.isdecimal() and len(part) < 6 else -1 for part in (port, host or port)]
    if not (1 <= numbers[0] <= 65535 and 0 <= numbers[1] <= 65535):
        raise UsageError(
            f"--port {text!r} is not a valid port", hint="write it as 80, as 8080:80 (host:container), or none"
        )
    return numbers[0], numbers[1]
