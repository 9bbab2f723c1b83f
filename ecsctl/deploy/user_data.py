"""Boot scripts, as text: what makes a fresh instance join a cluster.

The text depends on its arguments only, so that the same project gives the same launch template.

Sources: the ECS developer guide (container instance bootstrap), the README of the amazon-ecs-agent repository (the
agent by ``docker run``), Bottlerocket's ECS quick start.
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

# The agent is Docker's to run and systemd's to supervise: no `-d` and no restart policy of Docker's own, or the
# unit would not notice its death. The data folder is kept on the host: an agent that forgets it registers a new
# container instance at every start. `--no-block`: the unit must not wait for the cloud-init that starts it.
UBUNTU = """\
#!/bin/bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/docker /etc/ecs /var/log/ecs /var/lib/ecs/data
# The agent knows Docker's cgroupfs driver only, and Docker reads this when it is first started.
echo '{{"exec-opts": ["native.cgroupdriver=cgroupfs"]}}' > /etc/docker/daemon.json
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y docker.io iptables

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
ExecStart=/usr/bin/docker run --name ecs-agent --init --net=host \\
  --cap-add=sys_admin --cap-add=net_admin \\
  --env-file=/etc/ecs/ecs.config \\
  --volume=/var/run:/var/run \\
  --volume=/var/log/ecs:/log \\
  --volume=/var/lib/ecs/data:/data \\
  --volume=/etc/ecs:/etc/ecs \\
  --volume=/sbin:/host/sbin:ro \\
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


def user_data(flavour: str, cluster: str) -> str:
    """The user data (not encoded) that makes an instance of an image of that flavour join ``cluster``.

    Args:
        flavour: ``al2023`` (any ECS-optimised Amazon Linux), ``bottlerocket``, or ``ubuntu`` (Debian too), which
            installs Docker and runs the agent by ``docker run``.
        cluster: the cluster's name or ARN.

    Raises:
        UsageError: no such flavour, or the cluster's name is none.
    """
    # It stands in a script that root runs.
    cluster = require_cluster_name(cluster)
    if flavour == "al2023":
        return AMAZON_LINUX.format(cluster=cluster)
    if flavour == "bottlerocket":
        return BOTTLEROCKET.format(cluster=cluster)
    if flavour == "ubuntu":
        return UBUNTU.format(cluster=shlex.quote(cluster), image=AGENT_IMAGE)
    raise UsageError(f"no user data for {flavour!r}", hint=f"one of {', '.join(FLAVOURS)}, or an AMI's id")
