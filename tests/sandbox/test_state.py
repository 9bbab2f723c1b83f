"""What the sandbox keeps: of every service, killed at any moment, on a full disk, and where the file is damaged."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import threading
import types
from collections import defaultdict
from pathlib import Path

import botocore.exceptions
import pytest

from ecsctl.sandbox.account.account import Account as SimulatedAccount
from ecsctl.sandbox.account.moto_state import MotoState
from ecsctl.sandbox.account.snapshot_file import SnapshotFile
from ecsctl.sandbox.http.request import Request
from ecsctl.sandbox.runtimes.simulated.runtime import Responder, SimulatedRuntime
from tests.sandbox.support import Account, fetch, until
from tests.support.sandbox import Running, clean_environment, start_sandbox

pytestmark = pytest.mark.slow


def start_again(running: Running) -> None:
    """Start a sandbox that was stopped or killed, where it was."""
    running.sandbox.start(port=int(running.endpoint.rsplit(":", 1)[1]), docker="never")


def killed(running: Running) -> None:
    pid = running.sandbox.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: running.sandbox.running() is None, "the process is gone")


@pytest.fixture
def own(tmp_path: Path):
    """A sandbox of the test's own."""
    with start_sandbox(tmp_path) as running:
        yield running


def test_every_service_is_there_again(own: Running) -> None:
    ssm, ecr, s3, kms = (own.client(name) for name in ("ssm", "ecr", "s3", "kms"))
    ssm.put_parameter(Name="/app/password", Value="first", Type="SecureString")
    ssm.put_parameter(Name="/app/password", Value="second", Type="SecureString", Overwrite=True)
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="/app/password", Tags=[{"Key": "a", "Value": "b"}])
    ecr.create_repository(repositoryName="web")
    s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="files", Key="env", Body=b"A=1\n")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secret = kms.encrypt(KeyId=key, Plaintext=b"hidden")["CiphertextBlob"]
    signing = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    public = kms.get_public_key(KeyId=signing)["PublicKey"]
    own.client("acm").request_certificate(DomainName="example.com")
    own.client("sqs").create_queue(QueueName="jobs")
    own.client("secretsmanager").create_secret(Name="token", SecretString="x")
    own.client("logs").create_log_group(logGroupName="/ecs/web")
    own.client("servicediscovery").create_http_namespace(Name="internal")
    own.client("cloudformation").create_stack(
        StackName="stack", TemplateBody='{"Resources": {"q": {"Type": "AWS::SQS::Queue"}}}'
    )
    own.sandbox.stop()
    start_again(own)
    told = ssm.get_parameter(Name="/app/password", WithDecryption=True)["Parameter"]
    assert (told["Value"], told["Version"]) == ("second", 2)
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/app/password")
    assert tags["TagList"] == [{"Key": "a", "Value": "b"}]
    assert [row["repositoryName"] for row in ecr.describe_repositories()["repositories"]] == ["web"]
    assert s3.get_object(Bucket="files", Key="env")["Body"].read() == b"A=1\n"
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"hidden"
    assert kms.get_public_key(KeyId=signing)["PublicKey"] == public
    certificates = own.client("acm").list_certificates()["CertificateSummaryList"]
    assert [row["DomainName"] for row in certificates] == ["example.com"]
    assert len(own.client("sqs").list_queues()["QueueUrls"]) == 2
    assert own.client("secretsmanager").get_secret_value(SecretId="token")["SecretString"] == "x"
    assert own.client("logs").describe_log_groups()["logGroups"][0]["logGroupName"] == "/ecs/web"
    assert own.client("servicediscovery").list_namespaces()["Namespaces"][0]["Name"] == "internal"
    assert own.client("cloudformation").describe_stacks()["Stacks"][0]["StackName"] == "stack"
    assert own.sandbox.status()["problem"] is None


def test_killed_at_any_moment_it_has_the_last_consistent_state(own: Running) -> None:
    generator = random.Random(4)
    for turn in range(3):
        halt = threading.Event()

        def work(turn: int = turn, halt: threading.Event = halt) -> None:
            ecs, ssm = own.client("ecs"), own.client("ssm")
            container = {"name": "web", "image": "web:1", "memory": 64}
            number = 0
            with contextlib.suppress(botocore.exceptions.BotoCoreError):
                while not halt.is_set():
                    number += 1
                    ecs.register_task_definition(family=f"web{turn}", containerDefinitions=[container])
                    ssm.put_parameter(Name=f"/{turn}/{number}", Value="x", Type="String")

        worker = threading.Thread(target=work)
        worker.start()
        halt.wait(generator.uniform(0.2, 1.5))
        killed(own)
        halt.set()
        start_again(own)
        worker.join()
        # The two services were saved at one moment: one may be a call ahead, no more.
        for earlier in range(turn + 1):
            revisions = own.client("ecs").list_task_definitions(familyPrefix=f"web{earlier}")["taskDefinitionArns"]
            pages = own.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"/{earlier}")
            kept = sum(len(page["Parameters"]) for page in pages)
            assert min(len(revisions), 100) - min(kept, 100) in (0, 1)
        assert own.sandbox.status()["problem"] is None


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_a_full_disk_is_told_and_survived(own: Running) -> None:
    account = Account(own.client)
    account.ecs.create_cluster(clusterName="before")
    pid = own.sandbox.status()["pid"]
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (64, hard))
    account.ecs.create_cluster(clusterName="during")
    until(lambda: "the state cannot be written" in str(own.sandbox.status()["problem"]), "the problem is told")
    assert account.ecs.create_cluster(clusterName="still")["cluster"]["status"] == "ACTIVE"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    # Nobody has to change anything for it to be tried again.
    until(lambda: "the state" not in str(own.sandbox.status()["problem"]), "the problem is over")
    assert not list(own.sandbox.folder.glob("state-*"))
    killed(own)
    start_again(own)
    found = account.ecs.list_clusters()["clusterArns"]
    assert sorted(arn.split("/")[1] for arn in found) == ["before", "during", "still"]


@pytest.mark.parametrize("damage", [b"", b"no pickle", "cut"])
def test_a_damaged_state_is_set_aside_and_told(own: Running, damage: bytes | str) -> None:
    account = Account(own.client)
    account.ecs.create_cluster(clusterName="lost")
    own.sandbox.stop()
    state = own.sandbox.folder / "state.pickle"
    whole = state.read_bytes()
    left = whole[: len(whole) // 2] if isinstance(damage, str) else damage
    state.write_bytes(left)
    start_again(own)
    assert account.ecs.list_clusters()["clusterArns"] == []
    told = own.sandbox.status()["problem"]
    assert "could not be taken up" in told
    assert "state.unreadable" in told
    assert "`ecsctl sandbox reset`" in told
    assert state.with_suffix(".unreadable").read_bytes() == left
    account.ecs.create_cluster(clusterName="new")
    own.sandbox.reset()
    assert own.sandbox.status()["problem"] is None


def test_a_state_is_taken_in_this_process_and_seldom_where_it_takes_long(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "state.pickle")
    lock = threading.Lock()

    def snapshot() -> bytes:
        assert lock.locked()
        threading.Event().wait(0.1)
        return str(os.getpid()).encode()

    assert file.pause == 0.5
    for _ in range(2):
        assert file.save(lock, snapshot)
        assert file.read() == str(os.getpid()).encode()
    assert file.pause >= 0.9
    file.forget()
    assert file.read() is None
    assert file.pause == 0.5


def test_no_module_of_the_sandbox_copies_its_process() -> None:
    import ecsctl.sandbox

    modules = Path(next(iter(ecsctl.sandbox.__path__))).rglob("*.py")
    assert [path.name for path in modules if "os.fork" in path.read_text()] == []


class Odd(defaultdict[str, list[int]]):
    """A dictionary as moto has them: its constructor takes something else."""

    def __init__(self, name: str) -> None:
        super().__init__(list)
        self.name = name


class Holder:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.odd = Odd("x")
        self.odd["a"].append(1)
        self.odd["self"].append(self)  # type: ignore[arg-type]


def test_odd_things_can_be_pickled() -> None:
    import pickle

    from ecsctl.sandbox.account import pickling

    again = pickle.loads(pickling.dumps(Holder()))
    assert again.odd["a"] == [1]
    assert again.odd["self"][0] is again
    assert (again.odd["b"], again.odd.name) == ([], "x")
    with again.lock:
        assert pickle.loads(pickling.dumps(again)).odd["a"] == [1]


def test_a_lambda_is_kept_by_the_name_of_what_it_does_or_not_at_all() -> None:
    from moto.awslambda.models import LambdaStorage
    from moto.ssm.models import SimpleSystemManagerBackend

    from ecsctl.sandbox.account import pickling

    tags = SimpleSystemManagerBackend("eu-west-1", "123456789012")._resource_tags
    tags["Parameter"]["web"]["a"] = "b"
    again = pickle.loads(pickling.dumps(tags))
    assert again == tags
    assert again["Document"]["new"] == {}
    assert pickle.loads(pickling.dumps(again))["Parameter"]["web"] == {"a": "b"}
    aliases = pickle.loads(pickling.dumps(LambdaStorage("eu-west-1", "123456789012")._aliases))
    assert aliases["arn"] == {}
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickling.dumps(lambda: 7)


def test_what_is_being_imported_holds_nothing_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto.core.base_backend", types.ModuleType("moto.core.base_backend"))
    assert pickle.loads(MotoState("123456789012").dump()) == {}


def test_balancers_serve_before_anything_is_answered_again(own: Running) -> None:
    account = Account(own.client)
    account.ecs.create_cluster(clusterName="c")
    account.member("c", account.instance("c", account.profile("c")))
    subnets = [row["SubnetId"] for row in account.ec2.describe_subnets()["Subnets"]][:2]
    made = account.elbv2.create_load_balancer(Name="front", Subnets=subnets)["LoadBalancers"][0]
    network = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = account.elbv2.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=network)
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    account.elbv2.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"],
        Protocol="HTTP",
        Port=8095,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    account.register("web", portMappings=[{"containerPort": 80}])
    account.ecs.create_service(
        cluster="c",
        serviceName="web",
        taskDefinition="web",
        desiredCount=1,
        loadBalancers=[{"targetGroupArn": arn, "containerName": "web", "containerPort": 80}],
    )
    address = f"http://{made['DNSName']}:8095/"
    until(lambda: fetch(address)[0] == 200, "the balancer to serve")
    own.sandbox.stop()
    assert fetch(address)[0] == 0
    # The clock stands still: no probe can make the target healthy again.
    own.sandbox.start(port=int(own.endpoint.rsplit(":", 1)[1]), docker="never", speed=0)
    health = account.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [row["TargetHealth"]["State"] for row in health] == ["healthy"]
    assert fetch(address)[0] == 200


def test_a_sandbox_without_room_for_its_files_says_so(tmp_path: Path) -> None:
    env = {**clean_environment(tmp_path), "ECSCTL_SANDBOX_HOME": str(tmp_path / "home")}
    started = subprocess.run(
        [sys.executable, "-m", "ecsctl", "sandbox", "start", "--port", "0", "--docker", "never"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    assert started.returncode == 1
    assert f"{tmp_path / 'home' / 'default'} cannot be written" in started.stderr
    assert "make room there" in started.stderr
    assert "Traceback" not in started.stderr
    assert not (tmp_path / "home" / "default" / "run.json").exists()


def test_a_change_behind_a_save_is_saved_by_the_next_one(tmp_path: Path) -> None:
    account = SimulatedAccount("eu-west-1", SimulatedRuntime(Responder()), tmp_path / "state.pickle")
    created = Request(service="ecs", region="eu-west-1", operation="CreateCluster", body=b'{"clusterName": "late"}')
    asker = threading.Thread(target=account.ecs_request, args=(created,))
    with account.lock:
        asker.start()
        until(lambda: asker.is_alive(), "the request to wait for the lock")
        account.save()
        assert not account.dirty
    asker.join()
    assert account.dirty
    account.save()
    assert not account.dirty
    assert b"late" in (tmp_path / "state.pickle").read_bytes()
