"""The definition file: YAML or JSON in, a frozen ``Spec`` or every fault at its place out.

    bytes → tree with positions → shorthands expanded → overlaid → schema → rules → ``Spec``

What ``load_spec`` returns has no errors; ``check`` gives warnings and errors instead of raising them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from ecsctl.errors import UsageError
from ecsctl.manifest.model import Fault, Spec, SpecError, TaskDefinitionSpec

if TYPE_CHECKING:
    from ecsctl.manifest.interpolation.templates import Values
    from ecsctl.manifest.loading.files import Checked, Reader
    from ecsctl.manifest.yaml.nodes import Node

__all__ = [
    "Fault",
    "Spec",
    "SpecError",
    "check",
    "inspect",
    "load_service",
    "load_spec",
    "load_task_definition",
    "stages_of",
]


def load_spec(
    files: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    env: Mapping[str, str] | None = None,
    lenient: bool = False,
    strict: bool = False,
    values: Values | None = None,
) -> Spec:
    """Read a project.

    Args:
        files: paths, ``-`` for stdin; later ones overlay earlier ones. None: ``ECSCTL_FILE``, else ``ecsctl.yaml``.
        lenient: unknown keys are warnings, and left out.
        strict: warnings are errors.
        values: what templates are filled with; the variables of ``env`` by default.

    Raises:
        SpecError: with all faults.
        UsageError: there is no file, or it cannot be read.
    """
    spec, faults = check(files, stdin=stdin, env=env, lenient=lenient, values=values)
    wrong = [fault for fault in faults if strict or fault.severity == "error"]
    if spec is None or wrong:
        raise SpecError(wrong or faults)
    return spec


def check(
    files: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    env: Mapping[str, str] | None = None,
    lenient: bool = False,
    values: Values | None = None,
) -> tuple[Spec | None, list[Fault]]:
    """As ``load_spec``, but faults are returned, in the order of the files; no ``Spec`` where one is an error.

    Raises:
        UsageError: there is no file, or it cannot be read.
    """
    spec, checked = inspect(files, stdin=stdin, env=env, lenient=lenient, values=values)
    return spec, checked.faults


def inspect(
    files: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    env: Mapping[str, str] | None = None,
    lenient: bool = False,
    values: Values | None = None,
    standalone: bool = False,
    reader: Reader | None = None,
) -> tuple[Spec | None, Checked]:
    """As ``check``, with all that is known of the document: its tree, its faults, and notes for the user.

    Args:
        reader: has what was read before, in the place of ``stdin``.
        standalone: one file may be definitions that are not a project: an input or an answer of AWS
            (``loading.standalone``).

    Where ``values`` leaves references open, the ``Spec`` lacks what only AWS knows: it is to be looked at, not applied.

    Raises:
        UsageError: there is no file, or it cannot be read.
    """
    from ecsctl.manifest.interpolation.templates import Values
    from ecsctl.manifest.loading.assemble import load_project
    from ecsctl.manifest.loading.build import build
    from ecsctl.manifest.loading.files import Reader, find_files

    variables = os.environ if env is None else env
    chosen, reader, values = find_files(files, variables), reader or Reader(stdin), values or Values(variables)
    if standalone:
        from ecsctl.manifest.loading.standalone import inspect_standalone

        found = inspect_standalone(chosen, reader, values, lenient=lenient)
        if found is not None:
            return found
    checked = load_project(chosen, reader, values, lenient=lenient)
    if checked.data is None or checked.errors:
        return None, checked
    return build(checked.shown()), checked


def stages_of(files: Sequence[str], *, values: Values, reader: Reader) -> list[str | None]:
    """The stages of a project, each of which has to be looked at by itself; ``[None]`` where it has none.

    None is also among them where the file is a project without any: its stages are files beside it only.

    Args:
        reader: reads the files, and keeps them for who looks at them next: a pipe can be read once only.

    Raises:
        UsageError: there is no file, or it cannot be read.
    """
    from ecsctl.manifest.loading.assemble import Assembly
    from ecsctl.manifest.loading.document_kind import kind_of
    from ecsctl.manifest.loading.files import find_files
    from ecsctl.manifest.yaml.nodes import MapNode

    chosen = find_files(files, values.variables)
    assembly = Assembly(reader, values, chosen)
    for name in chosen:
        root = reader.read(name).root
        if isinstance(root, MapNode) and {"stages", "include"} & root.entries.keys() and kind_of(root) is None:
            assembly.load(name, ())
    known = assembly.stages.known()
    return [*known] if assembly.stages.sections else [None, *known]


def load_task_definition(
    path: str,
    family: str | None = None,
    *,
    stdin: BinaryIO | None = None,
    values: Values | None = None,
    lenient: bool = False,
) -> tuple[list[TaskDefinitionSpec], list[str]]:
    """Read task definitions of any shape that people have them in (see ``ecsctl.manifest.loading.input_shapes``).

    Args:
        path: a file, ``-`` for stdin. Templates are filled in, unless it is JSON.
        family: the family; where the file has several, the one that is meant.
        values: what templates are filled with; the environment's variables by default.
        lenient: unknown keys are noted, and left out.

    Returns:
        the task definitions, and notes for the user.

    Raises:
        SpecError: with all faults.
        UsageError: the file cannot be read, or does not tell the family.
    """
    from ecsctl.manifest.interpolation.templates import Values
    from ecsctl.manifest.loading import input_shapes
    from ecsctl.manifest.loading.assemble import Assembly
    from ecsctl.manifest.loading.build import task_definition
    from ecsctl.manifest.loading.files import Reader, read_only

    assembly = Assembly(Reader(stdin), values or Values(os.environ))
    document = assembly.read(path)
    assert document.root is not None
    found = input_shapes.task_definitions(document.root, read_only)
    notes = list(found.notes)
    named = _families(path, family, found.items, notes)
    assembly.whole.faults += found.faults
    assembly.sections(input_shapes.section_of("taskDefinitions", named, document.root))
    checked = assembly.checked("Sections", lenient=lenient, strip=2 if len(named) == 1 else 1)
    if checked.errors or checked.data is None:
        raise SpecError(checked.errors)
    specs = [task_definition(name, item) for name, item in checked.data["taskDefinitions"].items()]
    for spec in specs:
        if spec.task_role or spec.execution_role:
            raise UsageError(f"{spec.family}: its roles are a part of a project", hint="`ecsctl up` makes them")
    return specs, [*notes, *checked.notes, *(str(fault) for fault in checked.faults)]


def load_service(
    path: str,
    name: str | None = None,
    *,
    stdin: BinaryIO | None = None,
    values: Values | None = None,
    lenient: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Read a service of any shape: the input of create-service, the answer of describe-services, a section.

    Args:
        path: a file, ``-`` for stdin. Templates are filled in, unless it is JSON.
        name: the service that is meant where the file has several.
        values: what templates are filled with; the environment's variables by default.
        lenient: unknown keys are noted, and left out.

    Returns:
        the input of CreateService (with ``cluster`` only where the file has one), and notes for the user.

    Raises:
        SpecError: with all faults.
        UsageError: the file cannot be read, or has several services and none was named.
    """
    from ecsctl.manifest.interpolation.templates import Values
    from ecsctl.manifest.loading.files import Reader
    from ecsctl.manifest.loading.service import read_service

    return read_service(path, name, Reader(stdin), values or Values(os.environ), lenient=lenient)


def _families(
    path: str, family: str | None, items: list[tuple[str | None, Node]], notes: list[str]
) -> list[tuple[str, Node]]:
    if len(items) == 1:
        inner, node = items[0]
        name = family or inner or _family_of_file(path, notes)
        if family and inner and family != inner:
            notes.append(f"the family is {family}, as the command line says; the file says {inner}")
            node = _without_family(node)
        return [(name, node)]
    if family is None:
        return [(name or "", node) for name, node in items]
    chosen = [(name, node) for name, node in items if name == family]
    if not chosen:
        known = ", ".join(sorted(name or "" for name, _ in items))
        raise UsageError(f"{path} has no family {family!r}", hint=f"it has {known}")
    return [(family, node) for _, node in chosen]


def _without_family(node: Node) -> Node:
    from ecsctl.manifest.yaml.nodes import MapNode

    if isinstance(node, MapNode) and "family" in node.entries:
        node = node.copy()
        node.drop("family")
    return node


def _family_of_file(path: str, notes: list[str]) -> str:
    from ecsctl.manifest.loading.standalone import name_of_file

    name = name_of_file(path)
    if not name:
        raise UsageError("the input does not say its family", hint="name it with --family FAMILY")
    notes.append(f"the family is {name}, after the file; --family names another")
    return name
