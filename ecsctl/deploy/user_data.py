"""Boot scripts, as text: what makes a fresh instance join a cluster.

The text depends on its arguments only, so that the same project gives the same launch template.

Sources: the ECS developer guide (container instance bootstrap, the package amazon-ecs-init), the amazon-ecs-agent
repository (its README has the agent by ``docker run``, ecs-init/docker/docker_config.go what the package gives it),
Bottlerocket's ECS quick start.
"""

from __future__ import annotations

import shlex

from ecsctl.aws.names import require_cluster_name
from ecsctl.errors import UsageError

FLAVOURS = ("al2023", "bottlerocket", "ubuntu")
AGENT_IMAGE = "amazon/amazon-ecs-agent:latest"

AMAZON_LINUX = """\
#!/bin/bash
cat >> /etc/ecs/ecs.config <<'EOF'
ECS_CLUSTER={cluster}
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_AWSVPC_BLOCK_IMDS=true
EOF
"""

BOTTLEROCKET = """\
[settings.ecs]
cluster = "{cluster}"
"""

# What every boot script of Ubuntu and Debian begins with. apt waits for dpkg's lock by itself, but not for that of the
# package lists, which the first boot's own updates hold: one failed try would end the boot.
_APT = """\
#!/bin/bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
retry() {{ for _ in $(seq 60); do "$@" && return 0; sleep 5; done; echo "gave up: $*" >&2; return 1; }}
retry apt-get -o DPkg::Lock::Timeout=60 update
"""

# The agent as the package amazon-ecs-init runs it: with an AppArmor profile of its own, the firewall's rules, what ECS
# Exec needs and the volume plugins. It is downloaded as the ECS developer guide says, in the instance's own region.
# `--no-block`: the unit must not wait for the cloud-init that starts it. `|| true`: awsvpc needs a DHCP client, and a
# release that has none under this name still runs every other network mode.
UBUNTU = (
    _APT
    + """\
retry apt-get -o DPkg::Lock::Timeout=60 install -y docker.io iptables curl
apt-get -o DPkg::Lock::Timeout=60 install -y isc-dhcp-client || true

mkdir -p /etc/ecs
cat > /etc/ecs/ecs.config <<'EOF'
ECS_CLUSTER={cluster}
ECS_AWSVPC_BLOCK_IMDS=true
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
EOF

metadata=http://169.254.169.254/latest
token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$metadata/api/token")
about() {{ curl -fsS -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"; }}
region=$(about placement/region)
domain=$(about services/domain)
package=amazon-ecs-init-latest.$(dpkg --print-architecture).deb
retry curl -fsSL -o "/tmp/$package" "https://s3.$region.$domain/amazon-ecs-agent-$region/$package"
retry apt-get -o DPkg::Lock::Timeout=60 install -y "/tmp/$package"

systemctl enable --now --no-block amazon-ecs-volume-plugin.socket || true
systemctl enable --now --no-block ecs
"""
)

# The agent is Docker's to run and systemd's to supervise: no `-d` and no restart policy of Docker's own, or the
# unit would not notice its death. The data folder is kept on the host: an agent that forgets it registers a new
# container instance at every start. It lacks what the package brings: ECS Exec, and the volume plugins for EFS.
# On cgroup v2 the agent makes each task's slice over D-Bus, which Docker's default AppArmor profile forbids
# (aws/amazon-ecs-agent#3227, #4062), and it names slices as the systemd driver wants them (since agent 1.61.0).
UBUNTU_CONTAINER = (
    _APT
    + """\
mkdir -p /etc/docker /etc/ecs /var/log/ecs /var/lib/ecs/data
# Docker reads this when it is first started.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then driver=systemd; else driver=cgroupfs; fi
echo "{{\\"exec-opts\\": [\\"native.cgroupdriver=$driver\\"]}}" > /etc/docker/daemon.json
retry apt-get -o DPkg::Lock::Timeout=60 install -y docker.io iptables
apt-get -o DPkg::Lock::Timeout=60 install -y isc-dhcp-client || true

cat > /etc/ecs/ecs.config <<'EOF'
ECS_CLUSTER={cluster}
ECS_DATADIR=/data/
ECS_LOGFILE=/log/ecs-agent.log
ECS_LOGLEVEL=info
ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","syslog","awslogs","none"]
ECS_ENABLE_TASK_IAM_ROLE=true
ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true
ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true
ECS_ENABLE_TASK_ENI=true
ECS_AWSVPC_BLOCK_IMDS=true
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
EOF

cat > /usr/local/sbin/ecs-agent-network <<'EOF'
#!/bin/bash
# Task roles answer on 169.254.170.2; the agent's own ports answer on this host only.
set -eu
rule() {{ iptables -w -t "$1" -C "${{@:2}}" 2>/dev/null || iptables -w -t "$1" -A "${{@:2}}"; }}
sysctl -w net.ipv4.conf.all.route_localnet=1
rule nat PREROUTING -p tcp -d 169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679
rule nat OUTPUT -p tcp -d 169.254.170.2 --dport 80 -j REDIRECT --to-ports 51679
rule filter INPUT ! -i lo -p tcp --dport 51678 -j DROP
rule filter INPUT -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
EOF
chmod 755 /usr/local/sbin/ecs-agent-network

cat > /etc/systemd/system/ecs-agent.service <<'EOF'
[Unit]
Description=Amazon ECS container agent
Documentation=https://github.com/aws/amazon-ecs-agent
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target

[Service]
Type=simple
Restart=always
RestartSec=10
RestartPreventExitStatus=5
ExecStartPre=/usr/local/sbin/ecs-agent-network
ExecStartPre=-/usr/bin/docker rm -f ecs-agent
ExecStartPre=-/usr/bin/docker pull {image}
ExecStart=/usr/bin/docker run --name ecs-agent --init --net=host --userns=host \\
  --security-opt apparmor=unconfined \\
  --cap-add=sys_admin --cap-add=net_admin \\
  --env-file=/etc/ecs/ecs.config \\
  --volume=/var/run:/var/run \\
  --volume=/var/log/ecs:/log \\
  --volume=/var/lib/ecs/data:/data \\
  --volume=/etc/ecs:/etc/ecs \\
  --volume=/etc/alternatives:/etc/alternatives:ro \\
  --volume=/sbin:/host/sbin:ro \\
  --volume=/usr/sbin:/usr/sbin:ro \\
  --volume=/lib:/lib:ro \\
  --volume=/lib64:/lib64:ro \\
  --volume=/usr/lib:/usr/lib:ro \\
  --volume=/usr/lib64:/usr/lib64:ro \\
  --volume=/proc:/host/proc:ro \\
  --volume=/sys/fs/cgroup:/sys/fs/cgroup \\
  {image}
ExecStop=/usr/bin/docker stop -t 30 ecs-agent

[Install]
WantedBy=multi-user.target
EOF

systemctl daemon-reload
systemctl enable --now --no-block ecs-agent.service
"""
)

AGENTS = ("package", "container")


def agent_of(text: str) -> str:
    """How a boot script runs the agent: ``container`` or ``package``."""
    return "container" if "docker run --name ecs-agent" in text else "package"


def user_data(flavour: str, cluster: str, agent: str = "package") -> str:
    """The user data (not encoded) that makes an instance of an image of that flavour join ``cluster``.

    Args:
        flavour: ``al2023`` (any ECS-optimised Amazon Linux), ``bottlerocket``, or ``ubuntu`` (Debian too), which
            installs Docker and the agent.
        cluster: the cluster's name or ARN.
        agent: ``package``, or ``container`` for the agent by ``docker run``, of ``ubuntu`` only.

    Raises:
        UsageError: no such flavour or agent, or the cluster's name is none.
    """
    if agent not in AGENTS:
        raise UsageError(f"no agent {agent!r}", hint=f"one of {', '.join(AGENTS)}")
    if agent == "container" and flavour != "ubuntu":
        raise UsageError(
            f"the image's own agent is used on {flavour}: it is not run as a container of yours",
            hint="agent: container is for ubuntu and Debian",
        )
    # It stands in a script that root runs.
    cluster = require_cluster_name(cluster)
    if flavour == "al2023":
        return AMAZON_LINUX.format(cluster=cluster)
    if flavour == "bottlerocket":
        return BOTTLEROCKET.format(cluster=cluster)
    if flavour == "ubuntu":
        script = UBUNTU_CONTAINER if agent == "container" else UBUNTU
        return script.format(cluster=shlex.quote(cluster), image=AGENT_IMAGE)
    raise UsageError(f"no user data for {flavour!r}", hint=f"one of {', '.join(FLAVOURS)}, or an AMI's id")
