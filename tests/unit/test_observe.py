"""Which of several resources of one name is meant, and how one is read anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ecsctl.deploy.kinds.security_group import SecurityGroup
from ecsctl.deploy.observe import observe, refresh
from ecsctl.deploy.resources import OWNER_TAG, Actual, Scope
from tests.support.fake_aws import FakeAws

Json = dict[str, Any]
SCOPE = Scope("shop", "shop", "eu-west-1")
WANTED = SecurityGroup("g", {OWNER_TAG: "shop"}, vpc="vpc-1")


def row(id_: str, project: str | None, vpc: str = "vpc-1", name: str = "g") -> Json:
    tags = [{"Key": OWNER_TAG, "Value": project}] if project else []
    return {"GroupId": id_, "GroupName": name, "VpcId": vpc, "Tags": tags, "IpPermissions": []}


def groups(*rows: Json) -> FakeAws:
    answer: Callable[[Json], Json] = lambda query: {"SecurityGroups": list(rows)}  # noqa: E731
    return FakeAws({"ec2:DescribeSecurityGroups": answer})


def test_of_one_name_the_projects_own_counts_before_a_strangers() -> None:
    found = observe(groups(row("sg-1", None), row("sg-2", "shop")), SCOPE, {WANTED.key: WANTED}, {"security-group"})
    assert found.found[WANTED.key].id == "sg-2"
    assert len(found.found) == 1, "a stranger's of the same name is nobody's business"


def test_the_one_in_the_place_of_what_is_wanted_counts_before_the_own_elsewhere() -> None:
    aws = groups(row("sg-1", "shop", "vpc-2"), row("sg-2", None), row("sg-3", "other", "vpc-3"))
    found = observe(aws, SCOPE, {WANTED.key: WANTED}, {"security-group"}).found
    assert found[WANTED.key].id == "sg-2"
    assert {str(key): actual.id for key, actual in found.items() if key != WANTED.key} == {
        "security-group g (sg-1)": "sg-1"
    }


def test_what_was_found_before_is_read_anew_by_its_id() -> None:
    before = Actual(WANTED.key, "sg-2", "shop")
    again = refresh(groups(row("sg-1", "other"), row("sg-2", "shop", "vpc-2")), SCOPE, WANTED.key, actual=before)
    assert again is not None
    assert (again.id, again.fields["vpc"]) == ("sg-2", "vpc-2")
    assert refresh(groups(), SCOPE, WANTED.key, actual=before) is None


def test_what_has_the_name_in_another_place_is_not_what_is_wanted() -> None:
    assert refresh(groups(row("sg-1", "other", "vpc-2")), SCOPE, WANTED.key, WANTED) is None
