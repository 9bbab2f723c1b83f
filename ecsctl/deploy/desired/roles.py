"""The roles of task definitions: what their containers may do, and what ECS needs to start them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.kinds.service_role import ServiceRole, path_of, role_name, trusted
from ecsctl.deploy.resources import Ref, Resource

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import DataSources
    from ecsctl.manifest.model import RoleSpec, Spec, TaskDefinitionSpec

Statement = dict[str, Any]
ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+)"
)
DRAWN = re.compile(r"-[A-Za-z0-9]{6}$")
PULLS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
# What ECS Exec does in a container is done with the task's role.
EXEC = tuple(f"ssmmessages:{verb}" for verb in ("CreateControlChannel", "CreateDataChannel")) + tuple(
    f"ssmmessages:{verb}" for verb in ("OpenControlChannel", "OpenDataChannel")
)


def roles(
    spec: Spec, sources: DataSources, tags: Mapping[str, str], item: TaskDefinitionSpec
) -> tuple[list[Resource], Mapping[str, Any]]:
    """The roles that a family of the file asks for, and its definition with them."""
    made: list[Resource] = []
    definition = dict(item.definition)
    exec_here = any(
        service.definition.get("enableExecuteCommand")
        for service in spec.services.values()
        if service.definition.get("taskDefinition") == item.family
    )
    asked = (
        ("taskRoleArn", "task", item.task_role, [_allow(EXEC, "*")] if exec_here else []),
        ("executionRoleArn", "execution", item.execution_role, list(_started(definition, sources))),
    )
    for member, what, said, needed in asked:
        if said is None:
            continue
        role = _role(spec, sources, tags, f"{item.family}-{what}", said, needed)
        made.append(role)
        definition[member] = Ref(role.key, "arn")
    return made, definition


def _role(
    spec: Spec, sources: DataSources, tags: Mapping[str, str], what: str, said: RoleSpec, needed: list[Statement]
) -> ServiceRole:
    managed = f"arn:{sources.partition}:iam::aws:policy/"
    return ServiceRole(
        role_name(spec.name, sources.region, what),
        tags,
        policies=tuple(name if name.startswith("arn:") else f"{managed}{name}" for name in said.policies),
        trust=trusted("ecs-tasks"),
        description=f"{what} of {spec.name} (made by ecsctl)",
        path=path_of(spec.name, sources.region),
        statements=(*needed, *({"Effect": "Allow", **statement} for statement in said.statements)),
    )


def _allow(actions: tuple[str, ...], resources: Any) -> Statement:
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resources}


def _started(definition: Mapping[str, Any], sources: DataSources) -> Iterator[Statement]:
    """What ECS has to be allowed to start these containers, and nothing besides."""
    containers = definition.get("containerDefinitions") or ()
    images = [match for box in containers if (match := ECR.match(str(box.get("image") or "")))]
    if images:
        yield _allow(("ecr:GetAuthorizationToken",), "*")
        repositories = {
            f"arn:{sources.partition}:ecr:{one['region']}:{one['account']}:repository/{one['repository']}"
            for one in images
        }
        yield _allow(PULLS, sorted(repositories))
    logs: dict[bool, set[str]] = {True: set(), False: set()}
    for box in containers:
        said = box.get("logConfiguration") or {}
        options = said.get("options") or {}
        if said.get("logDriver") == "awslogs" and options.get("awslogs-group"):
            region = options.get("awslogs-region") or sources.region
            creates = options.get("awslogs-create-group") == "true"
            logs[creates].add(f"arn:{sources.partition}:logs:{region}:*:log-group:{options['awslogs-group']}:*")
    for creates, groups in logs.items():
        if groups:
            more = ("logs:CreateLogGroup",) if creates else ()
            yield _allow(("logs:CreateLogStream", "logs:PutLogEvents", *more), sorted(groups))
    secrets, parameters = _references(containers, sources)
    if secrets:
        yield _allow(("secretsmanager:GetSecretValue",), sorted(secrets))
    if parameters:
        yield _allow(("ssm:GetParameters",), sorted(parameters))
    files = {str(row.get("value")) for box in containers for row in box.get("environmentFiles") or ()}
    if files:
        yield _allow(("s3:GetObject",), sorted(files))
        yield _allow(("s3:GetBucketLocation",), sorted({file.partition("/")[0] for file in files}))


def _references(containers: Any, sources: DataSources) -> tuple[set[str], set[str]]:
    """The ARNs of the secrets and of the parameters that containers name."""
    named = []
    for box in containers:
        named += [row.get("valueFrom") for row in box.get("secrets") or ()]
        named += [row.get("valueFrom") for row in (box.get("logConfiguration") or {}).get("secretOptions") or ()]
    # Of a registry's credentials a name alone is that of a secret.
    hubs = [(box.get("repositoryCredentials") or {}).get("credentialsParameter") for box in containers]
    managed = f"arn:{sources.partition}:secretsmanager:{sources.region}:*:secret:"
    named += [text if str(text).startswith("arn:") else f"{managed}{text}" for text in hubs if text]
    secrets, parameters = set(), set()
    for text in filter(None, map(str, filter(None, named))):
        if ":secretsmanager:" in text:
            # A key, a version's stage and its id may follow the ARN; its end, which AWS draws, may be left out.
            arn = ":".join(text.split(":")[:7])
            secrets.add(arn if DRAWN.search(arn) else f"{arn}-??????")
        elif text.startswith("arn:"):
            parameters.add(text)
        else:
            parameters.add(f"arn:{sources.partition}:ssm:{sources.region}:*:parameter/{text.lstrip('/')}")
    return secrets, parameters
