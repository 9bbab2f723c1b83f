"""Environment variables, files of them, and secrets."""

from __future__ import annotations

import re
from pathlib import Path as FilePath

from ecsctl.importers.compose.converted_service import Context, Part
from ecsctl.importers.report import Section, escape
from ecsctl.importers.sources import STDIN, reason
from ecsctl.importers.yaml_style import short_pairs
from ecsctl.manifest.interpolation.dotenv import load
from ecsctl.manifest.secrets import looks_secret
from ecsctl.manifest.yaml.nodes import MapNode, Node, Path, Scalar
from ecsctl.units import plural

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_environment(section: Section, part: Part, context: Context) -> None:
    """``env_file``, ``environment`` (which goes before it) and ``secrets``."""
    found: dict[str, str] = {}
    for node, path in section.nodes("env_file"):
        _file(section, node, path, context, found)
    for name, (text, node, path) in section.pairs("environment").items():
        if not name:
            section.report.note(node, path, "a variable without a name")
        elif text is not None:
            found[name] = text
        elif NAME.fullmatch(name) and isinstance(node, Scalar):
            # No value: Compose hands on the one of its own environment.
            found[name] = context.dialect.convert(node, path, f"${{{name}}}")
        else:
            section.report.note(node, path, "a variable without a value; omitted")
    clear = [name for name, text in found.items() if looks_secret(name, text)]
    if clear:
        text = f"in clear as in the Compose file: {', '.join(sorted(clear))}; name them under secrets instead"
        section.report.note(section.place, section.at("environment"), text)
    _secrets(section, part, context, found)
    if found:
        part.container["environment"] = short_pairs(found, "name", "value")


def _file(section: Section, node: Node, path: Path, context: Context, found: dict[str, str]) -> None:
    required = True
    if isinstance(node, MapNode):
        entry = Section(node, path, section.report, section.dialect)
        required = entry.flag("required") is not False
        raw = entry.plain("format") == "raw"
        name = entry.plain("path")
        entry.close()
        at: Node = node.entries.get("path", node)
    else:
        raw, at = False, node
        name = node.text if isinstance(node, Scalar) else None
    if not name or not isinstance(at, Scalar):
        section.report.note(node, path, "expected the path of a file")
        return
    file = FilePath(at.file).parent / name if at.file != STDIN else FilePath(name)
    try:
        values, problems = load(file)
    except (OSError, ValueError) as error:
        optional = "" if required else " (it is optional)"
        section.report.note(at, path, f"{name} was not read: {reason(error)}{optional}: its variables are missing")
        return
    for problem in problems:
        section.report.note(at, path, f"{name}: {problem}")
    kept = []
    for key, value in values.items():
        if value and looks_secret(key, value) and NAME.fullmatch(key):
            kept.append(key)
            found[key] = f"${{{key}:-}}"
        elif value is None:
            if NAME.fullmatch(key):
                found[key] = context.dialect.convert(at, path, f"${{{key}}}")
        else:
            found[key] = escape(value) if raw else context.dialect.convert(at, path, value)
    if kept:
        section.report.note(
            at,
            path,
            f"{plural(len(kept), 'value')} of {name} that look like secrets stay there ({', '.join(sorted(kept))}): "
            f"set them in the environment, give ecsctl --env-file {name}, or use secrets:",
        )


def _secrets(section: Section, part: Part, context: Context, environment: dict[str, str]) -> None:
    secrets: dict[str, str] = {}
    for node, path in section.nodes("secrets"):
        source: str | None
        target: str | None = None
        if isinstance(node, MapNode):
            entry = Section(node, path, section.report, section.dialect)
            source, target = entry.plain("source"), entry.plain("target")
            for key in ("uid", "gid", "mode"):
                entry.note(key, "a secret is a variable in ECS, not a file that has an owner")
            entry.close()
        else:
            source = node.text if isinstance(node, Scalar) else None
        if not source:
            section.report.note(node, path, "expected the name of a secret")
            continue
        context.used.add(("secrets", source))
        file = target if target and target.startswith("/") else f"/run/secrets/{target or source}"
        readers = [name for name, value in environment.items() if value == file and name.upper().endswith("_FILE")]
        variables = [name[: -len("_FILE")] for name in readers]
        for name in readers:
            del environment[name]
        if not variables:
            variables = [re.sub(r"[^A-Za-z0-9_]", "_", (target or source).rpartition("/")[2]).upper() or "SECRET"]
        parameter = parameter_name(source, context)
        for variable in variables:
            secrets[variable] = parameter
        section.report.note(
            node,
            path,
            f"ECS gives a secret as a variable, not as the file {file}: {', '.join(variables)} takes the value of the "
            f"SSM parameter {parameter}, which is yours to make",
        )
    if secrets:
        part.container["secrets"] = short_pairs(secrets, "name", "valueFrom")
        part.needs_role = True


def parameter_name(source: str, context: Context) -> str:
    """The name of the SSM parameter that stands for a secret of the project."""
    definition = context.secrets.get(source)
    external = definition.plain("name") if definition is not None else None
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", external or source)
    return f"/{context.project}/{name}"
