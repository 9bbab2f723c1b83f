"""Security groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.changes import UPDATE, Change
from ecsctl.deploy.compare import compare_fields
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, owner_of, retag_ec2, tag_list, tags_of
from ecsctl.deploy.kinds.security_group_users import OPERATIONS, users_of, uses_of_others
from ecsctl.deploy.resources import OWNER_TAG, Known, Ref, Resource, resolve
from ecsctl.ecs_definitions.field_changes import FieldChange
from ecsctl.errors import AwsError, WaitTimeoutError
from ecsctl.polling import Progress, poll

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

# Rules that ecsctl made carry this description; only those are ever revoked.
MARK = "ecsctl"
# How groups are found whose rules name another one: filter, member of the answer, direction, and what the rule does.
NAMING = (
    ("ip-permission.group-id", "IpPermissions", "ingress", "allows traffic from it"),
    ("egress.ip-permission.group-id", "IpPermissionsEgress", "egress", "allows traffic to it"),
)
# AWS's code where something uses a group; the network interfaces of balancers and instances go some minutes after them.
USED = "DependencyViolation"
MAX_SECONDS_USED = 300.0


# The source of a rule that lets in what is in the group itself, whose id is known only once it is made.
ITSELF = "the group itself"


@dataclass(frozen=True)
class Ingress:
    """A rule of a security group: ports of a protocol from ``source``, a network, a security group, or ``ITSELF``."""

    from_port: int
    to_port: int
    protocol: str
    source: Ref | str

    def __str__(self) -> str:
        if self.protocol == "-1":
            return f"everything from {self.source}"
        ports = str(self.from_port) if self.from_port == self.to_port else f"{self.from_port}-{self.to_port}"
        return f"{ports}/{self.protocol} from {self.source}"


class Egress(Ingress):
    """A rule of what may go out; ``source`` is where to."""

    def __str__(self) -> str:
        return super().__str__().replace(" from ", " to ")


# What AWS lets out of every new group.
ALL_OUT = frozenset({Egress(-1, -1, "-1", "0.0.0.0/0"), Egress(-1, -1, "-1", "::/0")})


@dataclass(frozen=True)
class SecurityGroup(Resource):
    """A security group of a VPC, and who may come in."""

    kind: ClassVar[str] = "security-group"
    vpc: str = ""
    description: str = ""
    ingress: tuple[Ingress, ...] = ()

    def fields(self) -> dict[str, Any]:
        return {"vpc": self.vpc, "ingress": frozenset(self.ingress)}


class SecurityGroupKind(Kind[SecurityGroup]):
    """Found by its owner tag, and by its name, which may exist once a VPC."""

    resource = SecurityGroup
    retagging = "ec2 create-tags --resources {id} --tags Key={tag},Value={project}"
    operations = (
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:CreateSecurityGroup",
        "ec2:CreateTags",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteTags",
        "ec2:DescribeSecurityGroups",
        "ec2:RevokeSecurityGroupIngress",
        *OPERATIONS,
    )
    immutable = frozenset({"vpc"})
    exists = frozenset({"InvalidGroup.Duplicate", "InvalidPermission.Duplicate"})
    gone = frozenset({"InvalidGroup.NotFound", "InvalidGroupId.NotFound", "InvalidPermission.NotFound"})

    def conflicts(self, resource: SecurityGroup, actual: Actual) -> bool:
        # A name is taken in one network only.
        return bool(actual.fields["vpc"] == resource.vpc)

    def depends(self, actual: Actual, other: Actual) -> bool:
        """On groups that its rules name."""
        rules = {rule for name in ("ingress", "unmarked", "egress") for rule in actual.fields.get(name) or ()}
        return other.id != actual.id and any(rule.source == other.id for rule in rules)

    def differences(self, resource: SecurityGroup, actual: Actual, known: Known) -> Iterator[FieldChange]:
        """A rule that already exists is not created again, whoever added it."""
        wanted = resolve(resource.fields(), known)
        added_by_hand = actual.fields.get("unmarked", frozenset())
        have = {**actual.fields, "ingress": actual.fields["ingress"] | (added_by_hand & wanted["ingress"])}
        yield from compare_fields(have, wanted)

    def drift(self, resource: SecurityGroup, actual: Actual, known: Known) -> Iterable[str]:
        """Rules that somebody added by hand: what they open stays open. And outgoing rules other than AWS's own."""
        others = actual.fields.get("unmarked", frozenset()) - resolve(resource.fields(), known)["ingress"]
        for rule in sorted(others, key=str):
            yield (
                f"{actual.key} lets in {rule} by a rule that ecsctl did not make, and that it leaves alone: "
                f"`aws ec2 revoke-security-group-ingress --group-id {actual.id} …` closes it"
            )
        egress = actual.fields.get("egress")
        if egress is None:
            return
        if not egress & ALL_OUT:
            out = f"lets out only {', '.join(sorted(map(str, egress)))}" if egress else "lets nothing out"
            yield (
                f"{actual.key} {out}, which ecsctl leaves alone: `aws ec2 authorize-security-group-egress --group-id "
                f"{actual.id} --ip-permissions IpProtocol=-1,IpRanges=[{{CidrIp=0.0.0.0/0}}]` lets all out, as it was"
            )
            return
        for rule in sorted(egress - ALL_OUT, key=str):
            yield (
                f"{actual.key} lets out {rule} by a rule that ecsctl did not make, and that it leaves alone: "
                f"`aws ec2 revoke-security-group-egress --group-id {actual.id} …` takes it away"
            )

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        filters = [[{"Name": f"tag:{OWNER_TAG}", "Values": [scope.project]}]]
        if names:
            filters.append([{"Name": "group-name", "Values": sorted(names)}])
        groups: dict[str, dict[str, Any]] = {}
        for query in filters:
            for group in aws.pages("ec2", "DescribeSecurityGroups", {"Filters": query}, "SecurityGroups"):
                groups[group["GroupId"]] = group
        # The name may exist once a VPC.
        for group in groups.values():
            rules, marked = _rules(group.get("IpPermissions", ()), own=group["GroupId"])
            yield Actual(
                self.resource(group["GroupName"]).key,
                group["GroupId"],
                owner_of(group.get("Tags", ())),
                # A rule that somebody added by hand is left alone, so it does not count.
                fields={
                    "vpc": group.get("VpcId", ""),
                    "ingress": frozenset(marked),
                    "unmarked": frozenset(rules - marked),
                    "egress": frozenset(Egress(*astuple(rule)) for rule in _rules(group["IpPermissionsEgress"])[0])
                    if "IpPermissionsEgress" in group
                    else None,
                },
                attributes={"id": group["GroupId"]},
                tags=tags_of(group.get("Tags")),
            )

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Services of others whose tasks are in it, groups of others whose rules name it, and what else is in it."""
        if change.action == UPDATE:
            return
        assert change.actual is not None
        id_ = change.actual.id
        yield from usage.services_that(
            lambda service: id_ in _awsvpc(service).get("securityGroups", ()), "take it from", "its tasks are in it"
        )
        for name, permissions, direction, does in NAMING:
            query = {"Filters": [{"Name": name, "Values": [id_]}]}
            for group in usage.aws.pages("ec2", "DescribeSecurityGroups", query, "SecurityGroups"):
                rules, _ = _rules(group.get(permissions, ()))
                # An endpoint that is not AWS may ignore the filter.
                if group["GroupId"] != id_ and any(rule.source == id_ for rule in rules):
                    ends = f"aws ec2 revoke-security-group-{direction} --group-id {group['GroupId']} …"
                    what = f"security-group {group.get('GroupName')} ({group['GroupId']})"
                    yield Use(what, owner_of(group.get("Tags", ())), detail=f"a rule of it {does}", ends=ends)
        yield from uses_of_others(usage, id_)

    def create(self, aws: Aws, resource: SecurityGroup) -> Mapping[str, str]:
        answer = aws.call(
            "ec2",
            "CreateSecurityGroup",
            {
                "GroupName": resource.name,
                "Description": resource.description,
                "VpcId": resource.vpc,
                "TagSpecifications": [{"ResourceType": "security-group", "Tags": tag_list(resource.tags)}],
            },
            about=f"security group {resource.name}",
        )
        self._authorize(aws, answer["GroupId"], resource.name, resource.ingress)
        return {"id": answer["GroupId"]}

    def update(self, aws: Aws, resource: SecurityGroup, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        present = set(actual.fields["ingress"])
        unmarked = set(actual.fields.get("unmarked", ()))
        wanted = set(resource.ingress)
        extra = sorted(present - wanted, key=str)
        self._authorize(aws, actual.id, resource.name, sorted(wanted - present - unmarked, key=str))
        if extra:
            query = {"GroupId": actual.id, "IpPermissions": [_permission(rule, actual.id) for rule in extra]}
            aws.call("ec2", "RevokeSecurityGroupIngress", query, about=f"security group {resource.name}")
        return actual.attributes

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        retag_ec2(aws, [actual.id], put, drop)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        name = f"security group {actual.key.name}"

        def probe() -> Progress:
            try:
                aws.call("ec2", "DeleteSecurityGroup", {"GroupId": actual.id}, about=name)
            except AwsError as error:
                if error.aws_code != USED:
                    raise
                users = users_of(aws, actual.id) or [error.aws_message]
                return Progress(False, lines=tuple(f"{name} is still used by {user}" for user in users))
            return Progress(True)

        timeout = min(MAX_SECONDS_USED, deadline.left())
        ended = poll(probe, timeout=timeout, report=deadline.report, clock=deadline.clock)
        if ended.outcome != "done":
            raise WaitTimeoutError(
                f"timed out after {min(MAX_SECONDS_USED, deadline.seconds):.0f} s waiting for {name} ({actual.id}) to "
                "be free: something still uses it",
                details=ended.last.lines,
                hint="remove what uses it, or give it another security group, and run the same command again",
            )

    @staticmethod
    def _authorize(aws: Aws, group: str, name: str, rules: Iterable[Ingress]) -> None:
        permissions = [_permission(rule, group) for rule in rules]
        if not permissions:
            return
        query = {"GroupId": group, "IpPermissions": permissions}
        try:
            aws.call("ec2", "AuthorizeSecurityGroupIngress", query, about=f"security group {name}")
        except AwsError as error:
            # One duplicate refuses the whole call: then one by one.
            if error.aws_code != "InvalidPermission.Duplicate" or len(permissions) == 1:
                raise
            for permission in permissions:
                try:
                    query = {"GroupId": group, "IpPermissions": [permission]}
                    aws.call("ec2", "AuthorizeSecurityGroupIngress", query, about=f"security group {name}")
                except AwsError as single:
                    if single.aws_code != "InvalidPermission.Duplicate":
                        raise


def _awsvpc(service: Mapping[str, Any]) -> Mapping[str, Any]:
    return (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}


def _permission(rule: Ingress, group: str) -> dict[str, Any]:
    source = group if rule.source == ITSELF else str(rule.source)
    permission: dict[str, Any] = {"IpProtocol": rule.protocol, "FromPort": rule.from_port, "ToPort": rule.to_port}
    if source.startswith("sg-"):
        permission["UserIdGroupPairs"] = [{"GroupId": source, "Description": MARK}]
    elif source.startswith("pl-"):
        permission["PrefixListIds"] = [{"PrefixListId": source, "Description": MARK}]
    elif ":" in source:
        permission["Ipv6Ranges"] = [{"CidrIpv6": source, "Description": MARK}]
    else:
        permission["IpRanges"] = [{"CidrIp": source, "Description": MARK}]
    return permission


def _rules(permissions: Iterable[Mapping[str, Any]], own: str = "") -> tuple[set[Ingress], set[Ingress]]:
    """All rules, and those that carry ecsctl's mark; ``own`` is the group's id."""
    rules: set[Ingress] = set()
    marked: set[Ingress] = set()
    for permission in permissions:
        first, final = permission.get("FromPort", -1), permission.get("ToPort", -1)
        sources = [
            *((item["CidrIp"], item) for item in permission.get("IpRanges", ())),
            *((item["CidrIpv6"], item) for item in permission.get("Ipv6Ranges", ())),
            *((item["GroupId"], item) for item in permission.get("UserIdGroupPairs", ()) if "GroupId" in item),
            *((item["PrefixListId"], item) for item in permission.get("PrefixListIds", ())),
        ]
        for source, item in sources:
            source = ITSELF if source == own else source
            rule = Ingress(first, final, str(permission.get("IpProtocol", "")), source)
            rules.add(rule)
            if item.get("Description") == MARK:
                marked.add(rule)
    return rules, marked
