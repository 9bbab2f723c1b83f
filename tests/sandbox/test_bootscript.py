"""User data in the forms that people write: which cluster, and whether an agent comes with it."""

from __future__ import annotations

import base64
import gzip
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from ecsctl.deploy import user_data
from ecsctl.sandbox.ec2.user_data import Boot, read

CONFIG = "/etc/ecs/ecs.config"
CLOUD_CONFIG = f"""#cloud-config
write_files:
  - path: {CONFIG}
    content: |
      ECS_CLUSTER=blue
"""
CLOUD_CONFIG_B64 = f"""#cloud-config
write_files:
  - path: {CONFIG}
    encoding: b64
    content: {base64.b64encode(b"ECS_CLUSTER=blue").decode()}
"""
SCRIPTS = {
    "echo": f"echo ECS_CLUSTER=blue >> {CONFIG}",
    "echo, double quotes": f'echo "ECS_CLUSTER=blue" >> {CONFIG}',
    "echo, quotes inside": f"echo ECS_CLUSTER='blue' >> {CONFIG}",
    "echo -e with more": f'echo -e "ECS_CLUSTER=blue\\nECS_LOGLEVEL=debug" > {CONFIG}',
    "echo to tee": f"echo ECS_CLUSTER=blue | sudo tee -a {CONFIG} > /dev/null",
    "heredoc": f"cat <<'EOF' >> {CONFIG}\nECS_CLUSTER=blue\nECS_ENABLE_TASK_IAM_ROLE=true\nEOF",
    "heredoc to tee": f"tee {CONFIG} <<EOF\nECS_ENABLE_GPU_SUPPORT=false\nECS_CLUSTER=blue\nEOF",
    "printf": f"printf 'ECS_CLUSTER=blue\\n' > {CONFIG}",
    "printf with an argument": f"CLUSTER=blue\nprintf 'ECS_CLUSTER=%s\\n' \"$CLUSTER\" >> {CONFIG}",
    "a variable": f'NAME="blue"\necho "ECS_CLUSTER=${{NAME}}" >> {CONFIG}',
    "a variable of a variable": f"BASE=bl\nNAME=${{BASE}}ue\necho ECS_CLUSTER=$NAME >> {CONFIG}",
    "a variable of the same name": f'export ECS_CLUSTER=blue\necho "ECS_CLUSTER=$ECS_CLUSTER" >> {CONFIG}',
    "the last one holds": f"echo ECS_CLUSTER=red > {CONFIG}\necho ECS_CLUSTER=blue > {CONFIG}",
    "a comment does not count": f"echo ECS_CLUSTER=blue > {CONFIG}\n# ECS_CLUSTER=red",
}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_names_the_cluster(script: str) -> None:
    assert read(encoded(f"#!/bin/bash\n{script}\n")) == Boot("script", "blue")


def test_user_data_that_was_not_encoded_is_read_as_it_is() -> None:
    assert read(f"#!/bin/sh\necho ECS_CLUSTER=blue >> {CONFIG}").cluster == "blue"


def test_user_data_that_was_encoded_twice_or_zipped() -> None:
    script = f"#!/bin/sh\necho ECS_CLUSTER=blue >> {CONFIG}"
    assert read(encoded(encoded(script))).cluster == "blue"
    assert read(base64.b64encode(gzip.compress(script.encode()))).cluster == "blue"


@pytest.mark.parametrize("text", [CLOUD_CONFIG, CLOUD_CONFIG_B64], ids=["plain", "b64"])
def test_cloud_config_writes_the_file(text: str) -> None:
    assert read(encoded(text)) == Boot("script", "blue")


def test_cloud_config_runs_commands() -> None:
    text = f"#cloud-config\nruncmd:\n  - [sh, -c, 'echo ECS_CLUSTER=blue >> {CONFIG}']\n  - echo done\n"
    assert read(encoded(text)) == Boot("script", "blue")


def test_a_mime_message_of_several_parts() -> None:
    message = MIMEMultipart()
    message.attach(MIMEText("#cloud-config\npackages: [curl]\n", "cloud-config"))
    message.attach(MIMEText(f"#!/bin/bash\necho ECS_CLUSTER=blue >> {CONFIG}\n", "x-shellscript"))
    assert read(encoded(message.as_string())) == Boot("script", "blue")


@pytest.mark.parametrize(
    "text",
    ['[settings.ecs]\ncluster = "blue"\n', '[settings.host]\nx = 1\n[settings.ecs]\nenable = true\ncluster = "blue"\n',
     'settings.ecs.cluster = "blue"\n'],
)  # fmt: skip
def test_bottlerocket(text: str) -> None:
    assert read(encoded(text)) == Boot("toml", "blue")


def test_the_cluster_of_another_section_is_not_the_agents() -> None:
    assert read(encoded('[settings.ecs]\nenable = true\n[settings.kubernetes]\ncluster = "red"\n')) == Boot("toml", "")


@pytest.mark.parametrize(
    "line",
    [
        "docker run -d --name ecs-agent -e ECS_CLUSTER=blue public.ecr.aws/ecs/amazon-ecs-agent:latest",
        'docker run --env=ECS_CLUSTER="blue" amazon/amazon-ecs-agent:latest',
        f"curl -O https://s3.x.amazonaws.com/amazon-ecs-init-latest.amd64.deb\necho ECS_CLUSTER=blue > {CONFIG}",
    ],
)
def test_a_script_that_brings_the_agent(line: str) -> None:
    assert read(encoded(f"#!/bin/bash\n{line}\n")) == Boot("script", "blue", True)


def test_what_no_instance_runs() -> None:
    assert read(encoded(f"echo ECS_CLUSTER=blue >> {CONFIG}")).kind == "ignored"
    assert read(None) == read("") == Boot("none")


def test_another_file_is_not_the_agents() -> None:
    assert read(encoded("#!/bin/sh\necho ECS_CLUSTER=blue >> /etc/ecs.config")) == Boot("script", "")


@pytest.mark.parametrize("image", ["al2023", "ubuntu", "bottlerocket"])
def test_the_boot_scripts_of_ecsctl_itself(image: str) -> None:
    boot = read(encoded(user_data.user_data(image, "my-cluster_1")))
    assert boot.cluster == "my-cluster_1"
    assert boot.installs_agent == (image == "ubuntu")
