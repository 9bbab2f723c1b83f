"""What a balancer listens by, as it is described: whose each part is, what is in the way, what no file asks for."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.kinds.elbv2_listener_changes import change
from ecsctl.deploy.kinds.elbv2_listeners import Forward, ListenerRule, in_the_way, listed
from ecsctl.errors import AwsError, ConflictError
from tests.support.fake_aws import FakeAws

Json = dict[str, Any]
GROUP, OTHER_GROUP = (f"arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/1" for name in ("web", "other"))
FORWARD = [{"Type": "forward", "TargetGroupArn": GROUP}]
NOT_FOUND = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]


def listener(port: int, actions: list[Json] = FORWARD, **more: Any) -> Json:
    return {"ListenerArn": f"l{port}", "Port": port, "Protocol": "HTTP", "DefaultActions": actions, **more}


def rule(priority: int, actions: list[Json] = FORWARD, *conditions: Json) -> Json:
    paths = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a"]}}
    return {
        "RuleArn": f"r{priority}",
        "Priority": str(priority),
        "Conditions": [paths, *conditions],
        "Actions": actions,
    }


def a_balancer(listeners: list[Json], rules: list[Json] = [], owners: dict[str, str] = {}, **more: Any) -> FakeAws:  # noqa: B006
    """One whose parts are of project p, but for those in ``owners`` (empty: of nobody)."""

    def tags(query: Json) -> Json:
        whose = {arn: owners.get(arn, "p") for arn in query["ResourceArns"]}
        rows = [{"Key": "ecsctl:project", "Value": "{}"}]
        return {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{**rows[0], "Value": owner}] if owner else []}
                for arn, owner in whose.items()
            ]
        }

    return FakeAws(
        {
            "elbv2:DescribeListeners": lambda query: {"Listeners": listeners},
            "elbv2:DescribeRules": lambda query: {"Rules": rules},
            "elbv2:DescribeTags": tags,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("there", "owner", "ways"),
    [
        (listener(80, FORWARD), "", []),
        (listener(80, FORWARD), "other", ["l80"]),
        (listener(80, NOT_FOUND), "", ["l80"]),
        (listener(80, FORWARD, Protocol="TCP"), "", ["l80"]),
        (listener(81, NOT_FOUND), "other", []),
    ],
)
def test_what_others_have_on_a_wanted_port_is_in_the_way_unless_it_does_the_same(
    there: Json, owner: str, ways: list[str]
) -> None:
    found = listed(a_balancer([there], owners={there["ListenerArn"]: owner}), "b/lb/1", "p")
    assert found.own == {}
    assert [item.arn for item in in_the_way(found.others, [Forward(80, "HTTP", GROUP)])] == ways


@pytest.mark.parametrize(("priority", "ways"), [(7, ["rule 7 of listener 80 of load balancer lb"]), (8, [])])
def test_a_rule_of_others_is_in_the_way_at_a_wanted_priority(priority: int, ways: list[str]) -> None:
    found = listed(a_balancer([listener(80)], [rule(priority)], {f"r{priority}": ""}), "b/lb/1", "p")
    wanted = Forward(80, "HTTP", GROUP, rules=(ListenerRule(7, (), ("/a",), GROUP),))
    assert [str(item) for item in in_the_way(found.others, [wanted])] == ways


def test_what_is_in_the_way_is_not_changed() -> None:
    aws = a_balancer([listener(80, NOT_FOUND)], owners={"l80": "other"})
    with pytest.raises(
        ConflictError, match="listener 80 of load balancer lb is in the way, and was made by project other"
    ):
        change(aws, "b/lb/1", "lb", [Forward(80, "HTTP", GROUP)], {"ecsctl:project": "p"})
    assert {name.partition(":")[2][:8] for name in aws.operations()} == {"Describe"}


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (FORWARD, "HTTP:80 → web"),
        (
            [
                {
                    "Type": "forward",
                    "ForwardConfig": {
                        "TargetGroups": [
                            {"TargetGroupArn": GROUP, "Weight": 60},
                            {"TargetGroupArn": OTHER_GROUP, "Weight": 40},
                        ]
                    },
                }
            ],
            "HTTP:80 → web 60, other 40",
        ),
        (
            [
                {
                    "Type": "forward",
                    "ForwardConfig": {
                        "TargetGroups": [
                            {"TargetGroupArn": OTHER_GROUP, "Weight": 0},
                            {"TargetGroupArn": GROUP, "Weight": 1},
                        ]
                    },
                }
            ],
            "HTTP:80 → web",
        ),
        ([{"Type": "authenticate-oidc", "Order": 1}, *FORWARD], "HTTP:80 → authenticate-oidc"),
    ],
)
def test_a_default_action_is_what_all_of_it_says(actions: list[Json], said: str) -> None:
    [found] = listed(a_balancer([listener(80, actions)]), "b/lb/1", "p").own.values()
    assert str(found) == said
    assert (found == Forward(80, "HTTP", GROUP)) is (said == "HTTP:80 → web")


def test_a_rule_is_what_all_of_it_says() -> None:
    header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Beta", "Values": ["1"]}}
    rows = [rule(1), rule(2, NOT_FOUND), rule(3, FORWARD, header)]
    [found] = listed(a_balancer([listener(80)], rows), "b/lb/1", "p").own.values()
    plain, answered, limited = found.rules
    assert plain == ListenerRule(1, (), ("/a",), GROUP)
    assert (answered.group, answered == ListenerRule(2, (), ("/a",), "")) == ("", True)
    assert str(limited) == "/a → web (where http-header)"
    assert limited != ListenerRule(3, (), ("/a",), GROUP)


def secure(policy: str, certificates: Any) -> FakeAws:
    row = listener(443, Protocol="HTTPS", Certificates=[{"CertificateArn": "c1"}], SslPolicy=policy)
    return a_balancer([row], **{"elbv2:DescribeListenerCertificates": certificates})


def test_certificates_and_policies_that_no_file_says_are_told() -> None:
    rows = [{"CertificateArn": "c1", "IsDefault": True}, {"CertificateArn": "c2", "IsDefault": False}]
    aws = secure("ELBSecurityPolicy-TLS-1-0-2015-04", lambda query: {"Certificates": rows})
    policy, certificate = listed(aws, "b/lb/1", "p", whole=True).more
    assert policy.startswith("uses the TLS policy ELBSecurityPolicy-TLS-1-0-2015-04 on 443: `aws elbv2 modify-listener")
    assert certificate.startswith("serves the certificate c2 on 443 besides the file's: `aws elbv2 remove-listener-")
    plain = secure("ELBSecurityPolicy-2016-08", lambda query: {"Certificates": rows[:1]})
    assert listed(plain, "b/lb/1", "p", whole=True).more == ()


@pytest.mark.parametrize(("code", "borne"), [("AccessDenied", True), ("NotImplemented", True), ("Throttling", False)])
def test_without_the_right_to_list_certificates_the_rest_is_told(code: str, borne: bool) -> None:
    def refuse(query: Json) -> Json:
        raise AwsError("elbv2:DescribeListenerCertificates", code, "refused")

    aws = secure("ELBSecurityPolicy-2016-08", refuse)
    if borne:
        assert listed(aws, "b/lb/1", "p", whole=True).more == ()
    else:
        with pytest.raises(AwsError):
            listed(aws, "b/lb/1", "p", whole=True)
