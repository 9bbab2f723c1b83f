"""Every way to credentials that the ``aws`` command has, through the installed program and its configuration files."""

from __future__ import annotations

import json
import os

import pytest

from tests.aws.program import Program, static
from tests.support.clock import ManualClock

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::111122223333:role"
LOOP = f"""
[profile x]
role_arn = {ROLE}/x
source_profile = y
[profile y]
role_arn = {ROLE}/y
source_profile = x
"""


def test_keys_of_the_files_and_the_environment_and_which_go_first(installed: Program) -> None:
    installed.write("credentials", static("default", "AKIADEFAULT") + static("team", "ASIATEAM", "t"))
    installed.write("config", static("profile work", "AKIAWORK"))
    given = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}
    assert installed.key() == "AKIADEFAULT"
    assert installed.key(AWS_PROFILE="team") == "ASIATEAM"
    assert installed.key("--profile", "work") == "AKIAWORK"
    assert installed.key(AWS_PROFILE="team", **given) == "AKIAENV", "as with the aws command"
    assert installed.key("--profile", "team", **given) == "ASIATEAM"


def test_chained_roles(program: Program) -> None:
    program.write("credentials", static("base", "AKIABASE"))
    program.write(
        "config",
        f"[profile one]\nrole_arn = {ROLE}/one\nsource_profile = base\nexternal_id = from-us\nduration_seconds = 900\n"
        f"[profile two]\nrole_arn = {ROLE}/two\nsource_profile = one\nrole_session_name = me\n"
        f"[profile three]\nrole_arn = {ROLE}/three\nsource_profile = two\n"
        f"[profile self]\nrole_arn = {ROLE}/self\nsource_profile = self\n"
        "aws_access_key_id = AKIASELF\naws_secret_access_key = s\n",
    )
    assert program.key(AWS_PROFILE="one") == "AKIABASE.one"
    assert program.key(AWS_PROFILE="three") == "AKIABASE.one.two.three"
    assert program.key("-p", "self") == "AKIASELF.self"
    assumed = program.identity.operations().count("sts:AssumeRole")
    assert program.key(AWS_PROFILE="three") == "AKIABASE.one.two.three"
    assert program.identity.operations().count("sts:AssumeRole") == assumed, "kept where the aws command keeps them"
    assert {region for operation, _, region in program.identity.calls if operation == "sts:AssumeRole"} == {"eu-west-1"}


def test_an_assumed_role_is_taken_from_the_aws_commands_cache(program: Program) -> None:
    program.write("credentials", static("base", "AKIABASE"))
    program.write("config", f"[profile one]\nrole_arn = {ROLE}/one\nsource_profile = base\n")
    program.key(AWS_PROFILE="one")
    [cached] = (program.home / ".aws" / "cli" / "cache").iterdir()
    assert json.loads(cached.read_text())["Credentials"]["AccessKeyId"] == "AKIABASE.one"
    assert cached.stat().st_mode & 0o077 == 0


def test_a_role_that_may_not_be_assumed(program: Program) -> None:
    program.write("credentials", static("base", "AKIABASE"))
    program.write("config", f"[profile no]\nrole_arn = {ROLE}/forbidden\nsource_profile = base\n")
    said = program.fails("--profile", "no")
    assert "cannot get AWS credentials: AssumeRole: AccessDenied: User AKIABASE is not authorized" in said
    assert "trust policy" in said


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (f"[profile x]\nrole_arn = {ROLE}/x\nsource_profile = nobody\n", 'source_profile "nobody"'),
        (f"[profile x]\nrole_arn = {ROLE}/x\nsource_profile = y\n[profile y]\nregion = eu-west-1\n", "profile"),
        (LOOP, "Infinite loop"),
        (f"[profile x]\nrole_arn = {ROLE}/x\n", "source_profile or credential_source"),
        (f"[profile x]\nrole_arn = {ROLE}/x\ncredential_source = Moon\n", '"Moon"'),
        ("[profile x]\nregion = eu-west-1\n", "no AWS credentials were found for profile x"),
    ],
)
def test_a_profile_that_leads_nowhere_is_told(program: Program, config: str, said: str) -> None:
    program.write("config", config)
    assert said in program.fails("--profile", "x")


def test_credential_sources(program: Program) -> None:
    for source in ("Environment", "Ec2InstanceMetadata", "EcsContainer"):
        name = source.lower()
        program.write("config", f"[profile x]\nrole_arn = {ROLE}/{name}\ncredential_source = {source}\n")
        environment = {
            "Environment": {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"},
            "Ec2InstanceMetadata": {
                "AWS_EC2_METADATA_DISABLED": "false",
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": program.identity.endpoint,
            },
            "EcsContainer": {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{program.identity.endpoint}/container",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "task-token",
            },
        }[source]
        base = {"Environment": "AKIAENV", "Ec2InstanceMetadata": "ASIAINSTANCE", "EcsContainer": "ASIACONTAINER"}
        # Without --profile, the keys in the environment would be used themselves.
        assert program.key("--profile", "x", **environment) == f"{base[source]}.{name}"
    assert ("container", "task-token", "") in program.identity.calls


def test_an_instance_s_role_and_a_container_s(program: Program) -> None:
    endpoint = program.identity.endpoint
    metadata = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint}
    assert program.key(**metadata) == "ASIAINSTANCE"
    assert program.key(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{endpoint}/container") == "ASIACONTAINER"


def test_web_identity(program: Program) -> None:
    token = program.home / "token"
    assert str(token) in program.fails(AWS_ROLE_ARN=f"{ROLE}/early", AWS_WEB_IDENTITY_TOKEN_FILE=str(token))
    token.write_text("oidc")
    program.write("config", f"[profile web]\nrole_arn = {ROLE}/web\nweb_identity_token_file = {token}\n")
    assert program.key(AWS_PROFILE="web") == "web.oidc.web"
    given = {"AWS_ROLE_ARN": f"{ROLE}/pod", "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
    assert program.key(**given) == "web.oidc.pod"


def test_credential_process(program: Program) -> None:
    script = program.home / "keys"
    keys = {"Version": 1, "AccessKeyId": "ASIAPROCESS", "SecretAccessKey": "s", "SessionToken": "t"}
    script.write_text(f"#!/bin/sh\necho '{json.dumps(keys)}'\n")
    script.chmod(0o755)
    program.write("config", f"[profile tool]\ncredential_process = {script}\n")
    assert program.key(AWS_PROFILE="tool") == "ASIAPROCESS"
    script.write_text("#!/bin/sh\necho 'the vault is locked' >&2\nexit 1\n")
    said = program.fails(AWS_PROFILE="tool")
    assert "the vault is locked" in said
    assert "credential_process of profile tool" in said


def test_a_role_that_expires_in_the_middle_of_a_command_is_assumed_again(program: Program) -> None:
    program.write("credentials", static("base", "AKIABASE"))
    program.write("config", f"[profile one]\nrole_arn = {ROLE}/one\nsource_profile = base\n")
    program.identity.revoke_after["AKIABASE.one"] = 1
    assert program.key(AWS_PROFILE="one") == "AKIABASE.one.2"
    assert program.identity.calls[-3:] == [
        ("ecs:DescribeClusters", "AKIABASE.one", "eu-west-1"),
        ("sts:AssumeRole", "AKIABASE", "eu-west-1"),
        ("ecs:DescribeClusters", "AKIABASE.one.2", "eu-west-1"),
    ]


def test_keys_that_last_seconds_are_renewed_before_every_call(program: Program) -> None:
    program.write("credentials", static("base", "AKIABASE"))
    program.write("config", f"[profile one]\nrole_arn = {ROLE}/one\nsource_profile = base\n")
    program.identity.lifetime = 5
    program.key(AWS_PROFILE="one")
    keys = [key for operation, key, _ in program.identity.calls if operation.startswith("ecs:")]
    assert len(keys) == len(set(keys)) == 2


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "ASIAOLD", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
            "export new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
        ),
        (
            {
                "AWS_ACCESS_KEY_ID": "ASIAOLD",
                "AWS_SECRET_ACCESS_KEY": "s",
                "AWS_SESSION_TOKEN": "t",
                "AWS_PROFILE": "old",
            },
            "or unset them to use profile old",
        ),
        ({"AWS_PROFILE": "old"}, "renew the keys of profile old: `aws configure --profile old`"),
        ({"AWS_PROFILE": "role"}, "renew the keys of profile old: `aws configure --profile old`"),
    ],
)
def test_expired_keys_name_what_to_type(program: Program, environment: dict[str, str], said: str) -> None:
    program.write("credentials", static("old", "ASIAOLD", "t"))
    program.write("config", f"[profile role]\nrole_arn = {ROLE}/x\nsource_profile = old\n")
    program.identity.refused.add("ASIAOLD")
    told = program.fails(**environment)
    assert said in told
    assert "expired" in told


def test_new_keys_in_the_file_are_taken_in_the_middle_of_a_command(program: Program) -> None:
    """Tools that write ~/.aws/credentials for an hour at a time renew it while a long ``up`` runs."""
    from ecsctl.aws.session import Aws
    from ecsctl.aws.target import Target

    program.write("credentials", static("default", "ASIAOLD", "t"))
    before = dict(os.environ)
    os.environ.update(program.environment, AWS_SHARED_CREDENTIALS_FILE=str(program.home / ".aws" / "credentials"))
    try:
        aws = Aws(Target(), clock=ManualClock())
        aws.call("ecs", "ListClusters")
        program.write("credentials", static("default", "ASIANEW", "t"))
        program.identity.refused.add("ASIAOLD")
        assert aws.call("ecs", "ListClusters")["clusterArns"] == ["arn:aws:ecs:eu-west-1:111122223333:cluster/ASIANEW"]
        aws.close()
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_there_are_none(program: Program) -> None:
    assert "`aws configure`" in program.fails()
    program.write("config", "[profile a]\nregion = eu-west-1\n[profile b]\nregion = eu-west-1\n")
    assert "choose a profile with --profile or AWS_PROFILE (a, b)" in program.fails()


def test_half_of_a_key(program: Program) -> None:
    assert "AWS_SECRET_ACCESS_KEY" in program.fails(AWS_ACCESS_KEY_ID="AKIAENV")


def test_a_profile_that_does_not_exist(program: Program) -> None:
    program.write("config", "[profile production]\nregion = eu-west-1\n")
    ended = program.run("cluster", "list", code=2, AWS_PROFILE="produktion")
    assert "there is no profile produktion" in ended.err
    assert "did you mean production?" in ended.err


def test_a_configuration_file_that_cannot_be_read(program: Program) -> None:
    program.write("config", "[profile\nregion eu-west-1\n")
    ended = program.run("cluster", "list", code=2)
    assert "the AWS configuration cannot be read" in ended.err


def test_a_mistyped_region(program: Program) -> None:
    given = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}
    ended = program.run(
        "cluster", "list", "-r", "eu-wset-1", code=2, **given, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true"
    )
    assert "there is no AWS region eu-wset-1" in ended.err
    assert "did you mean eu-west-1?" in ended.err
    program.identity.valid_region = "eu-west-1"
    ended = program.run("cluster", "list", "-r", "eu-wset-1", code=1, **given)
    assert "is the region eu-wset-1 right? did you mean eu-west-1?" in ended.err
    assert "secret key" not in ended.err


def test_an_unknown_region_of_somebody_s_own_endpoint_is_taken(program: Program) -> None:
    given = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}
    assert program.key("-r", "antarctica-1", **given) == "AKIAENV"


def test_which_region_is_taken(program: Program) -> None:
    program.write("config", "[profile x]\nregion = eu-north-1\naws_access_key_id = AKIAX\naws_secret_access_key = s\n")
    program.environment.pop("AWS_REGION")
    for region, arguments, environment in (
        ("eu-north-1", (), {}),
        ("us-west-2", (), {"AWS_DEFAULT_REGION": "us-west-2"}),
        ("us-west-1", (), {"AWS_DEFAULT_REGION": "us-west-2", "AWS_REGION": "us-west-1"}),
        ("sa-east-1", ("-r", "sa-east-1"), {"AWS_DEFAULT_REGION": "us-west-2", "AWS_REGION": "us-west-1"}),
    ):
        program.key("-p", "x", *arguments, **environment)
        assert program.identity.calls[-1][2] == region


@pytest.mark.parametrize(
    ("region", "suffix", "partition"),
    [
        ("eu-west-1", "amazonaws.com", "aws"),
        ("cn-northwest-1", "amazonaws.com.cn", "aws-cn"),
        ("us-gov-east-1", "amazonaws.com", "aws-us-gov"),
    ],
)
def test_partitions(
    program: Program, region: str, suffix: str, partition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ecsctl.aws.session import Aws
    from ecsctl.aws.target import Target

    program.write("credentials", static("base", "AKIABASE"))
    role = f"arn:{partition}:iam::111122223333:role/deploy"
    program.write("config", f"[profile there]\nregion = {region}\nrole_arn = {role}\nsource_profile = base\n")
    program.environment.pop("AWS_REGION")
    assert program.key(AWS_PROFILE="there") == "AKIABASE.deploy"
    signed = {region for operation, _, region in program.identity.calls if operation.startswith(("sts", "ecs"))}
    assert signed == {region}
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    aws = Aws(Target(region=region, credentials=("AKIA", "s")))
    assert aws.partition() == partition
    assert aws.client("ecs").meta.endpoint_url == f"https://ecs.{region}.{suffix}"
    assert aws.client("sts").meta.endpoint_url == f"https://sts.{region}.{suffix}"
