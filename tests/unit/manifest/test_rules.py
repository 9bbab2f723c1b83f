# ruff: noqa: E501
"""Every rule finds its fault at its line, and falls silent when that one thing is put right."""

from __future__ import annotations

import io
import re
import textwrap

import pytest

from ecsctl.manifest import check
from ecsctl.manifest.rules import all_rules
from tests.refusals.definitions import EXAMPLES

HERE = "# here"


def task(*lines: str, over: str = "") -> str:
    """A project of one task definition ``t`` with these lines of its container ``c``, and ``over`` of the task."""
    box = textwrap.indent("\n".join(["- name: c", "  image: nginx:1", "  memory: 64", *lines]), "      ")
    inner = textwrap.indent(textwrap.dedent(over).strip("\n"), "    ")
    return f"name: p\ntaskDefinitions:\n  t:\n{inner}\n    containerDefinitions:\n{box}\n"


def fargate(*lines: str, over: str = "", size: str = "cpu: 256\nmemory: 512") -> str:
    """As ``task``, on Fargate."""
    return task(*lines, over=f"requiresCompatibilities: [FARGATE]\nnetworkMode: awsvpc\n{size}\n{over}")


def service(lines: str, *, more: str = "", mode: str = "bridge", box: str = "") -> str:
    """A project of one service ``s`` with these lines, of a task definition with the container port 80."""
    inner = textwrap.indent(textwrap.dedent(lines).strip("\n"), "    ")
    return (
        f"name: p\ntaskDefinitions:\n  t:\n    networkMode: {mode}\n    containerDefinitions:\n"
        f'      - {{name: c, image: "nginx:1", memory: 64, portMappings: [80]{box}}}\n'
        f"services:\n  s:\n    taskDefinition: t\n{inner}\n{textwrap.dedent(more)}"
    )


SUBNETS = "networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}"
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"
BALANCER = "loadBalancers:\n  lb: {listeners: [80]}\n"
WEB = "loadBalancers:\n  lb: {type: application, listeners: [80]}\n"
FIXED = BALANCER + "instances:\n  count: 1\n"

LAUNCHED = service("").replace("  t:\n", "  t:\n    volumes: [{name: data, configuredAtLaunch: true}]\n")

# Each rule: a file with the fault, whose line is marked; what to put in the place of what.
CASES: list[tuple[str, str, str, str]] = [
    ("ECS001", service("desiredCount: 1").replace("tion: t", "tion: u/v # here"), "u/v # here", "t"),
    ("ECS001", service("desiredCount: 1").replace("tion: t", "tion: u.v # here"), "u.v # here", "u:3"),
    ("ECS001", service("").replace("tion: t", "tion: u/v # here"), "u/v # here",
     "arn:aws:ecs:eu-west-1:1:task-definition/u:3"),
    ("ECS215", service("desiredCount: 1").replace("tion: t", "tion: u # here"), "u # here", "u:3"),
    ("ECS002", service("loadBalancer: nowhere:80 # here", more=BALANCER), "nowhere", "lb"),
    ("ECS003", service("loadBalancer: lb:81 # here", more=BALANCER), "81", "80"),
    ("ECS003", service("loadBalancer: lb:d:80 # here", more=BALANCER), "lb:d:80", "lb:c:80"),
    ("ECS003", service("loadBalancer: lb # here", more=BALANCER, box=", volumesFrom: []").replace("[80]", "[80, 81]"),
     "lb #", "lb:81 #"),
    ("ECS004", service("loadBalancers:\n  - targetGroupArn: a\n    containerName: d # here\n    containerPort: 80"),
     "d # here", "c"),
    ("ECS005", service("loadBalancers:\n  - targetGroupArn: a\n    containerName: c\n    containerPort: 81 # here"),
     "81", "80"),
    ("ECS006", task(over="family: u # here") + "  u: {image: \"nginx:1\", memory: 8}\n", "u # here", "t"),
    ("ECS006", task(over="family: v") + "  u: {image: \"nginx:1\", memory: 8, family: v} # here\n", "v}", "w}"),
    ("ECS005", service("serviceRegistries:\n  - registryArn: a\n    containerName: c\n    containerPort: 81 # here"), "81", "80"),
    ("ECS007", service("serviceConnectConfiguration:\n  enabled: true\n  services:\n  - portName: http # here").replace("[80]", "[{containerPort: 80, name: web}]"),
     "http", "web"),
    ("ECS007", service("vpcLatticeConfigurations:\n  - roleArn: r\n    targetGroupArn: t\n    portName: http # here"), "[80]", "[{containerPort: 80, name: http}]"),
    ("ECS008", service("volumeConfigurations:\n  - name: data # here\n    managedEBSVolume: {roleArn: r, sizeInGiB: 1}"),
     "  t:\n", "  t:\n    volumes: [{name: data, configuredAtLaunch: true}]\n"),
    ("ECS008", service("desiredCount: 1").replace("  s:", "  s: # here").replace("  t:\n", "  t:\n    volumes: [{name: data, configuredAtLaunch: true}]\n"),
     "desiredCount: 1", "volumeConfigurations: [{name: data, managedEBSVolume: {roleArn: r, sizeInGiB: 1}}]"),
    ("ECS008", LAUNCHED + "    volumeConfigurations:\n    - name: data # here\n", "# here", "\n      managedEBSVolume: {roleArn: r, sizeInGiB: 1}"),
    ("ECS008", LAUNCHED + "    volumeConfigurations: [{name: data, managedEBSVolume: {roleArn: r}}] # here\n", "roleArn: r", "roleArn: r, snapshotId: s"),
    ("ECS008", LAUNCHED + "    volumeConfigurations: [{name: data, managedEBSVolume: {roleArn: r, sizeInGiB: 0}}] # here\n", "sizeInGiB: 0", "sizeInGiB: 1"),
    ("ECS010", task().replace("  t:", "  t.x: # here"), "t.x", "tx"),
    ("ECS011", task().replace("name: c", "name: c/d # here"), "c/d", "c-d"),
    ("ECS011", task().replace("- name: c\n        image: nginx:1", "- image: nginx:1 # here"), "- image", "- name: c\n        image"),
    ("ECS012", service("", more="loadBalancers:\n  lb-: {} # here\n"), "lb-", "lb"),
    ("ECS012", service("", more=f"loadBalancers:\n  {'l' * 33}: {{}} # here\n"), "l" * 33, "l" * 32),
    ("ECS013", task().replace("- name: c\n        image: nginx:1", "- name: c # here"), "# here", "\n        image: nginx:1"),
    ("ECS013", task().replace("nginx:1", "'nginx: 1' # here"), "nginx: 1", "nginx:1"),
    ("ECS014", task("- {name: c, image: b, memory: 64} # here"), "{name: c,", "{name: d,"),
    ("ECS020", task().replace("- name: c", "- name: c # here").replace("memory: 64", ""), "        \n", "        memory: 64\n"),
    ("ECS020", task().replace("- name: c", "- name: c # here").replace("memory: 64", ""), "  t:\n", "  t:\n    memory: 512\n"),
    ("ECS021", task("  memoryReservation: 100").replace("memory: 64", "memory: 64 # here"),
     "Reservation: 100", "Reservation: 64"),
    ("ECS022", task(over="memory: 512").replace("memory: 64", "memory: 1GB # here"), "1GB", "512MB"),
    ("ECS023", task("  cpu: 512", over="cpu: 256 # here"), "512", "256"),
    ("ECS024", task("  essential: false").replace("containerDefinitions:", "containerDefinitions: # here"), "false", "true"),
    ("ECS025", task("  healthCheck: {command: x, interval: 4} # here"), "interval: 4", "interval: 5"),
    ("ECS025", task("  healthCheck: {command: x, timeout: 61} # here"), "61", "60"),
    ("ECS025", task("  healthCheck: {command: x, retries: 11} # here"), "11", "10"),
    ("ECS025", task("  healthCheck: {command: x, startPeriod: 301s} # here"), "301", "300"),
    ("ECS026", task("  healthCheck: {command: [curl, x]} # here"), "[curl", "[CMD, curl"),
    ("ECS027", task("  dependsOn: [d] # here"), "  dependsOn: [d]", "- {name: d, image: 'b:1', memory: 64}"),
    ("ECS027", task("  dependsOn: [c] # here"), "[c]", "[]"),
    ("ECS027", task("  volumesFrom: [{sourceContainer: d}] # here"), "{sourceContainer: d}", ""),
    ("ECS027", task("  links: ['d:e'] # here"), "'d:e'", ""),
    ("ECS028", task("  dependsOn: {d: SUCCESS} # here", "- {name: d, image: b, memory: 64}"),
     "image: b", "image: b, essential: false"),
    ("ECS029", task("  dependsOn: {d: HEALTHY} # here", "- {name: d, image: b, memory: 64}"),
     "image: b", "image: b, healthCheck: 'true'"),
    ("ECS030", task("  dependsOn: [d]", "- {name: d, image: b, memory: 64, dependsOn: [c]} # here"), "dependsOn: [c]", ""),
    ("ECS031", task("  secrets: {A: arn} # here"), "  t:\n", "  t:\n    executionRoleArn: arn\n"),
    ("ECS031", task("  logConfiguration: {logDriver: splunk, secretOptions: [{name: a, valueFrom: b}]} # here"),
     "  t:\n", "  t:\n    executionRoleArn: arn\n"),
    ("ECS032", task("  environment: {A: b}", "  secrets: {A: arn} # here", over="executionRoleArn: r"), "{A: b}", "{B: b}"),
    ("ECS032", task("  environment: [{name: '', value: x}] # here"), "''", "A"),
    ("ECS032", task("  environment: [{value: x}] # here"), "value", "name: A, value"),
    ("ECS033", task("  ulimits: [{name: nofile, softLimit: 3, hardLimit: 2}] # here"), "softLimit: 3", "softLimit: 2"),
    ("ECS034", task("  logConfiguration: {logDriver: awslogs} # here"), "awslogs}", "awslogs, options: {awslogs-group: g, awslogs-region: eu-west-1}}"),
    ("ECS034", task("  logConfiguration: {logDriver: splunk} # here"), "splunk}", "splunk, options: {splunk-url: u, splunk-token: t}}"),
    ("ECS035", task("  restartPolicy: {enabled: true, restartAttemptPeriod: 59} # here"), "59", "1m"),
    ("ECS036", task("  logConfiguration: {logDriver: awsfirelens} # here"), "awsfirelens", "splunk"),
    ("ECS036", task("  logConfiguration: {logDriver: awsfirelens} # here", "- {name: r, image: 'r:1', memory: 64}"), "'r:1'", "'r:1', firelensConfiguration: {type: fluentbit}"),
    ("ECS036", task("- name: r", "  image: r:1", "  memory: 64", "  firelensConfiguration: {type: fluentbit} # here"), "memory: 64\n", "memory: 64\n        logConfiguration: {logDriver: awsfirelens}\n"),
    ("ECS040", task("  portMappings: [{containerPort: 70000}] # here"), "70000", "7000"),
    ("ECS040", task("  portMappings: [{hostPort: 80}] # here"), "hostPort", "containerPort"),
    ("ECS040", task("  portMappings: [{containerPort: 80, containerPortRange: 1-2}] # here"), "containerPort: 80,", ""),
    ("ECS040", task("  portMappings: [{containerPortRange: 9-8}] # here"), "9-8", "8-9"),
    ("ECS040", task("  portMappings: [{containerPortRange: '90000'}] # here"), "'90000'", "8-9"),
    ("ECS041", task("  portMappings: ['81:80'] # here", over="networkMode: host"), "81:", "80:"),
    ("ECS041", task("  portMappings: ['81:80'] # here", over="networkMode: awsvpc"), "81:", ""),
    ("ECS041", task("  portMappings: ['0:80'] # here", over="networkMode: awsvpc"), "0:80", "80:80"),
    ("ECS042", task("  portMappings: [80] # here", over="networkMode: none"), "none", "bridge"),
    ("ECS043", task("  links: [d] # here", over="networkMode: awsvpc"), "awsvpc", "bridge"),
    ("ECS044", task("  hostname: d # here", over="networkMode: awsvpc"), "awsvpc", "bridge"),
    ("ECS045", task("  portMappings: ['80:80', '80:81'] # here"), "80:81", "82:81"),
    ("ECS046", task("  portMappings: ['22:80'] # here"), "22:", "23:"),
    ("ECS046", task("  portMappings: [51678] # here", over="networkMode: host"), "51678", "5167"),
    ("ECS047", task("  portMappings: [{name: a, containerPort: 1}, {name: a, containerPort: 2}] # here", over="networkMode: awsvpc"), "a, containerPort: 2", "b, containerPort: 2"),
    ("ECS047", task("  portMappings: [{name: A.b, containerPort: 1}] # here"), "A.b", "a-b"),
    ("ECS050", task("  mountPoints: ['data:/d'] # here"), "  t:\n", "  t:\n    volumes: {data: }\n"),
    ("ECS051", task(over="volumes: [{name: a}, {name: a}] # here"), "{name: a}]", "{name: b}]"),
    ("ECS051", task(over="volumes: [{name: a.b}] # here"), "a.b", "a-b"),
    ("ECS052", task(over="volumes: [{name: a, efsVolumeConfiguration: {fileSystemId: f, rootDirectory: /x, transitEncryption: "
                         "ENABLED, authorizationConfig: {accessPointId: a}}}] # here"), "/x", "/"),
    ("ECS053", task(over="volumes: [{name: a, efsVolumeConfiguration: {fileSystemId: f, transitEncryption: DISABLED, "
                         "authorizationConfig: {iam: ENABLED}}}] # here"), "DISABLED", "ENABLED"),
    ("ECS054", task(over="volumes: [{name: a, configuredAtLaunch: true}, {name: b, configuredAtLaunch: true}] # here"),
     "b, configuredAtLaunch: true", "b"),
    ("ECS060", service("", more="loadBalancers:\n  lb: {healthCheck: {interval: 5, timeout: 5}} # here\n"), "timeout: 5", "timeout: 4"),
    ("ECS061", service("", more="loadBalancers:\n  lb: {healthCheck: {interval: 300, timeout: 61}} # here\n"), "61", "60"),
    ("ECS061", service("", more="loadBalancers:\n  lb: {healthCheck: {interval: 300, timeout: 61}} # here\n"),
     "{healthCheck", "{type: application, healthCheck"),
    ("ECS062", service(f"loadBalancer: lb:80 # here\n{SUBNETS}", more=BALANCER, mode="awsvpc"), "awsvpc\n", "bridge\n"),
    ("ECS062", service(f"launchType: FARGATE\nloadBalancers: [{{loadBalancerName: x, containerName: c, containerPort: 80}}] "
                       f"# here\n{SUBNETS}"), "loadBalancerName", "targetGroupArn"),
    ("ECS063", service("loadBalancer: lb:80 # here", more=BALANCER), "ings: [80]}", "ings: ['80:80']}"),
    ("ECS064", service("loadBalancer: lb:80\ndesiredCount: 2 # here", more=FIXED).replace("[80]}", "['80:80']}"),
     "count: 1", "count: 2"),
    ("ECS083", service("", more="loadBalancers:\n  lb: {type: network, stickiness: 60} # here\n"), "type: network", "type: application"),
    ("ECS083", service("", more="loadBalancers:\n  lb: {listeners: [{port: 1, domain: a.b}]} # here\n"),
     "domain: a.b", "certificate: arn"),
    ("ECS083", service("loadBalancer: {name: lb, path: /a} # here", more=WEB.replace("application", "network")),
     "type: network", "type: application"),
    ("ECS084", service("", more=WEB.replace("[80]", "['80->443']").replace("}\n", "} # here\n")),
     "'80->443'", "'80->443', {port: 443, domain: a.b}"),
    ("ECS085", service("", more=WEB.replace("[80]", "[{port: 443, protocol: HTTPS}]").replace("}\n", "} # here\n")),
     "HTTPS", "HTTPS, domain: a.b"),
    ("ECS086", service("loadBalancer: {name: lb, priority: 3} # here", more=WEB), "priority: 3", "path: /a"),
    ("ECS087", service("", more=WEB.replace("application,", "application, slowStart: 5,").replace("}\n", "} # here\n")),
     "slowStart: 5", "slowStart: 30"),
    ("ECS088", service("loadBalancer: lb:80\nstrategy: blueGreen # here", more=BALANCER.replace("{", "{type: network, ")),
     "type: network", "type: application"),
    ("ECS088", service("loadBalancer: {name: lb, path: /a}\nstrategy: blueGreen # here",
     more=WEB.replace("[80]", "[80, 81]")), "[80, 81]", "[80]"),
    ("ECS088", service("loadBalancer: {name: lb, testListener: 9} # here", more=WEB), ", testListener: 9", ""),
    ("ECS099", task(over="taskRole: {statements: [{Resource: '*'}]} # here"), "Resource", "Action: a, Resource"),
    ("ECS099", task(over="taskRole: {statements: [{Action: a}]} # here"), "Action: a", "Action: a, Resource: b"),
    ("ECS089", service("scaling: {min: 1, max: 3} # here"), "3}", "3, cpu: 60}"),
    ("ECS089", service("scaling: {min: 4, max: 3, cpu: 50} # here"), "min: 4", "min: 2"),
    ("ECS089", service("scaling: {min: 1, max: 3, cpu: 5}\nschedulingStrategy: DAEMON").replace(" 5}", " 5} # here"),
     "DAEMON", "REPLICA"),
    ("ECS089", service("scaling: {min: 1, max: 3, schedules: {night: {schedule: rate(1 day)}}} # here"), "day)", "day), min: 2"),
    ("ECS089", service("scaling: {min: 1, max: 3, requestsPerTarget: 5} # here\nloadBalancer: lb:80", more=BALANCER),
     "requestsPerTarget", "cpu"),
    ("ECS065", "name: p\ninstances:\n  count: {min: 2, desired: 1, max: 3} # here\n", "min: 2", "min: 1"),
    ("ECS065", "name: p\ninstances:\n  count: {} # here\n", "{}", "{max: 1}"),
    ("ECS066", "name: p\ninstances:\n  count: 1\n  ingress: [{fromPort: 1, toPort: 30}] # here\n", "30", "21"),
    ("ECS070", fargate(size="cpu: 256").replace("  t:", "  t: # here"), "cpu: 256", "cpu: 256\n    memory: 512"),
    ("ECS071", fargate(size="cpu: 300 # here\nmemory: 512"), "300", "256"),
    ("ECS071", fargate(size="cpu: 256\nmemory: 4GB # here"), "4GB", "2GB"),
    ("ECS071", fargate(size="cpu: 8vCPU\nmemory: 18GB # here"), "18GB", "20GB"),
    ("ECS071", fargate(size="cpu: 256 # here\nmemory: 512", over="runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}"),
     "cpu: 256 # here\n    memory: 512", "cpu: 1024\n    memory: 2GB"),
    ("ECS072", fargate().replace("networkMode: awsvpc", "networkMode: bridge # here"), "bridge", "awsvpc"),
    ("ECS072", task(over="requiresCompatibilities: [FARGATE]").replace("  t:", "  t: # here"), "[FARGATE]", "[EC2]"),
    ("ECS073", fargate("  privileged: true # here"), "true", "false"),
    ("ECS073", fargate(over="placementConstraints: [{type: memberOf, expression: x}] # here"), "{type: memberOf, expression: x}", ""),
    ("ECS073", fargate(over="volumes: {a: /host} # here"), "/host", ""),
    ("ECS073", fargate(over="volumes: [{name: a, dockerVolumeConfiguration: {scope: task}}] # here"),
     ", dockerVolumeConfiguration: {scope: task}", ""),
    ("ECS073", fargate(over="pidMode: host # here"), "host #", "task #"),
    ("ECS073", fargate(over="ipcMode: task # here"), "    ipcMode: task", ""),
    ("ECS073", fargate("  linuxParameters: {capabilities: {add: [NET_ADMIN]}} # here"), "NET_ADMIN", "SYS_PTRACE"),
    ("ECS073", fargate("  linuxParameters: {devices: [{hostPath: /dev/x}]} # here"), "{hostPath: /dev/x}", ""),
    ("ECS073", fargate("  resourceRequirements: [{type: GPU, value: 1}] # here"), "{type: GPU, value: 1}", ""),
    ("ECS074", fargate("  stopTimeout: 3m # here"), "3m", "2m"),
    ("ECS075", fargate("  logConfiguration: {logDriver: json-file} # here"), "json-file", "awsfirelens"),
    ("ECS076", fargate("  logConfiguration: {logDriver: awslogs, options: {awslogs-group: g}} # here", over="executionRoleArn: r"),
     "group: g", "group: g, awslogs-stream-prefix: p"),
    ("ECS077", fargate("  logConfiguration: {logDriver: awslogs, options: {awslogs-group: g, awslogs-stream-prefix: p}} # here"),
     "  t:\n", "  t:\n    executionRoleArn: r\n"),
    ("ECS077", fargate().replace("nginx:1", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1 # here"),
     "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "public.ecr.aws"),
    ("ECS078", fargate(over="ephemeralStorage: {sizeInGiB: 20} # here"), "20", "21"),
    ("ECS078", task(over="requiresCompatibilities: [EC2]\nephemeralStorage: {sizeInGiB: 30} # here"), "    ephemeralStorage: {sizeInGiB: 30}", ""),
    ("ECS078", service("launchType: EC2").replace("  t:\n", "  t:\n    ephemeralStorage: {sizeInGiB: 30} # here\n"), "    ephemeralStorage: {sizeInGiB: 30}", ""),
    ("ECS079", task(over="runtimePlatform: {cpuArchitecture: ARM64, operatingSystemFamily: WINDOWS_SERVER_2022_CORE} # here"),
     "ARM64", "X86_64"),
    ("ECS080", task(over="cpu: 100 # here"), "100", "128"),
    ("ECS081", task(over="memory: 0 # here"), "memory: 0", "memory: 512"),
    ("ECS081", task(over="cpu: -256 # here"), "-256", "256"),
    ("ECS082", task(over="networkMode: awsvpc # here\nrequiresCompatibilities: [EXTERNAL]"), "EXTERNAL", "EC2"),
    ("ECS101", service("launchType: EC2\nnetworkConfiguration: {awsvpcConfiguration: {subnets: []}} # here", mode="awsvpc"), "[]", "[subnet-1]"),
    ("ECS100", service("launchType: EC2 # here\ncapacityProviderStrategy: [{capacityProvider: x, weight: 1}]"), "launchType: EC2", ""),
    ("ECS101", service("desiredCount: 1", mode="awsvpc").replace("  s:", "  s: # here"), "desiredCount: 1", SUBNETS),
    ("ECS102", service(f"{SUBNETS} # here"), "Mode: bridge", "Mode: awsvpc"),
    ("ECS103", service("deploymentConfiguration: {minimumHealthyPercent: 150} # here"), "150", "50"),
    ("ECS103", service("deploymentConfiguration: {maximumPercent: 50, minimumHealthyPercent: 0} # here"), "50,", "150,"),
    ("ECS103", service("deploymentConfiguration: {maximumPercent: 50, minimumHealthyPercent: 0} # here"), "50,", "300,"),
    ("ECS104", service("availabilityZoneRebalancing: DISABLED\ndeploymentConfiguration: {maximumPercent: 100, minimumHealthyPercent: 100} # here"),
     "minimumHealthyPercent: 100", "minimumHealthyPercent: 50"),
    ("ECS105", service("deploymentConfiguration: {maximumPercent: 100, minimumHealthyPercent: 0} # here"),
     "taskDefinition: t", "taskDefinition: t\n    availabilityZoneRebalancing: DISABLED"),
    ("ECS106", service("schedulingStrategy: DAEMON\ndesiredCount: 1 # here"), "DAEMON", "REPLICA"),
    ("ECS106", service("schedulingStrategy: DAEMON\ndeploymentConfiguration: {maximumPercent: 200} # here"), "200", "100"),
    ("ECS106", service("schedulingStrategy: DAEMON\nplacementStrategy: [{type: random}] # here"), "{type: random}", ""),
    ("ECS106", service("schedulingStrategy: DAEMON\navailabilityZoneRebalancing: ENABLED # here"), "ENABLED", "DISABLED"),
    ("ECS106", service("schedulingStrategy: DAEMON\ndeploymentConfiguration: {minimumHealthyPercent: 100} # here"), "100", "99"),
    ("ECS107", service(f"launchType: FARGATE\n{SUBNETS}\nplacementConstraints: [{{type: distinctInstance}}] # here"), "{type: distinctInstance}", ""),
    ("ECS108", service("launchType: EC2\nplatformVersion: LATEST # here"), "    platformVersion: LATEST", ""),
    ("ECS108", service(f"launchType: FARGATE\nplatformVersion: newest # here\n{SUBNETS}"), "newest", "1.4.0"),
    ("ECS109", service("role: r # here"), "    role: r", ""),
    ("ECS109", service(f"role: r # here\n{SUBNETS}\nloadBalancers: [{{targetGroupArn: a, containerName: c, containerPort: 80}}]", mode="awsvpc"),
     "    role: r", ""),
    ("ECS110", service("loadBalancers: [{targetGroupArn: GROUP, loadBalancerName: b, containerName: c, containerPort: 80}] # here".replace("GROUP", GROUP)),
     f"targetGroupArn: {GROUP}, ", ""),
    ("ECS110", service("loadBalancers: [{containerName: c, containerPort: 80}] # here"), "{cont", f"{{targetGroupArn: {GROUP}, cont"),
    ("ECS111", service("healthCheckGracePeriodSeconds: 1m # here"), "1m", "0"),
    ("ECS112", service("capacityProviderStrategy: [{capacityProvider: x, base: 1}, {capacityProvider: y, weight: 1, base: 1}] # here"),
     "x, base: 1", "x"),
    ("ECS112", service("capacityProviderStrategy: [{capacityProvider: x}, {capacityProvider: y}] # here"), "y}", "y, weight: 1}"),
    ("ECS112", service(f"{SUBNETS}\ncapacityProviderStrategy: [{{capacityProvider: FARGATE}}, {{capacityProvider: y, weight: 1}}] # here"),
     "y,", "FARGATE_SPOT,"),
    ("ECS112", service("capacityProviderStrategy: [{capacityProvider: x, weight: 1}, {capacityProvider: x, weight: 1}] # here"), "x, weight", "y, weight"),
    ("ECS113", service("deploymentController: {type: EXTERNAL} # here").replace("taskDefinition: t\n    deploymentController: {type: EXTERNAL} # here", "deploymentController: {type: EXTERNAL}\n    taskDefinition: t # here"), "EXTERNAL", "ECS"),
    ("ECS114", service("deploymentConfiguration: {strategy: BLUE_GREEN, bakeTimeInMinutes: 1441} # here"), "1441", "1440"),
    ("ECS121", LAUNCHED + "    volumeConfigurations: [{name: data, managedEBSVolume: {roleArn: r, sizeInGiB: 10, volumeType: io2}}] # here\n", "io2", "io2, iops: 100"),
    ("ECS122", service("availabilityZoneRebalancing: ENABLED # here\nplacementConstraints: [{type: memberOf, expression: 'attribute:ecs.availability-zone == a'}]"), "ecs.availability-zone", "ecs.instance-type"),
    ("ECS125", service("deploymentConfiguration: {lifecycleHooks: [{lifecycleStages: [PRE_SCALE_UP]}]} # here"), "{lifecycleStages", "{hookTargetArn: 'arn:aws:lambda:eu-west-1:123456789012:function:f', roleArn: 'arn:aws:iam::123456789012:role/r', lifecycleStages"),
    ("ECS126", service("networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-x]}} # here", mode="awsvpc"), "subnet-x", "subnet-0123456789abcdef0"),
    ("ECS127", service("deploymentConfiguration: {alarms: {enable: true, rollback: true, alarmNames: []}} # here"), "[]", "[a]"),
    ("ECS128", service("monitoring: {metricConfigurations: [{metricNames: [CPUUtilization], resolutionSeconds: 30}]} # here"), "30", "20"),
    ("ECS210", task("  memoryReservation: 5 # here"), "5", "6"),
    ("ECS211", task(over="executionRoleArn: <ROLE> # here"), "<ROLE>", "role"),
    ("ECS212", task("  portMappings: [{containerPort: 80, protocol: http}] # here"), "http", "tcp"),
    ("ECS213", task("  linuxParameters: {capabilities: {drop: [CAP_NET_ADMIN]}} # here"), "CAP_", ""),
    ("ECS214", task(over="volumes: [{name: v, efsVolumeConfiguration: {fileSystemId: fs-x}}] # here"), "fs-x", "fs-0123456789abcdef0"),
    ("ECS115", service(f"launchType: FARGATE # here\n{SUBNETS}").replace("  t:\n", "  t:\n    requiresCompatibilities: [EC2]\n"), "[EC2]", "[EC2, FARGATE]"),
    ("ECS116", service("desiredCount: -1 # here"), "-1", "0"),
    ("ECS117", service("launchType: EC2\nnetworkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1], assignPublicIp: ENABLED}} # here", mode="awsvpc"), "ENABLED", "DISABLED"),
    ("ECS117", service("launchType: EC2\nnetworkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1], assignPublicIp: ENABLED}} # here", mode="awsvpc"), "EC2", "FARGATE"),
    ("ECS117", service("networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1], assignPublicIp: ENABLED}} # here", mode="awsvpc", more="instances: {count: 1}\n"), "ENABLED", "DISABLED"),
    ("ECS118", service("enableExecuteCommand: true # here"), "  t:\n", "  t:\n    taskRoleArn: r\n"),
    ("ECS119", service(f"serviceRegistries: [{{registryArn: a}}, {{registryArn: b}}] # here\n{SUBNETS}", mode="awsvpc"), "{registryArn: a}, ", ""),
    ("ECS119", service("serviceRegistries: [{containerName: c, containerPort: 80}] # here"), "{container", "{registryArn: a, container"),
    ("ECS119", service("serviceRegistries: [{registryArn: a, containerName: c}] # here"), "c}", "c, containerPort: 80}"),
    ("ECS119", service("serviceRegistries: [{registryArn: a, port: 80, containerName: c, containerPort: 80}] # here"), "port: 80, ", ""),
    ("ECS120", service("serviceConnectConfiguration: {enabled: true} # here", mode="host"), "host", "bridge"),
    ("ECS120", service("serviceConnectConfiguration: {enabled: true, services: [{portName: c, clientAliases: [{port: 1}, {port: 2}]}]} # here").replace("[80]", "[{containerPort: 80, name: c}]"),
     "{port: 1}, ", ""),
    ("ECS120", service("serviceConnectConfiguration: {enabled: true, services: [{portName: c, clientAliases: [{port: 1}]}, {portName: c, clientAliases: [{port: 2}]}]} # here").replace("[80]", "[{containerPort: 80, name: c}]"),
     "{portName: c, clientAliases: [{port: 2}]}]", "{portName: c, discoveryName: d, clientAliases: [{port: 2}]}]"),
    ("ECS150", task(*[f"- {{name: c{n}, image: 'b:1', memory: 64}}" for n in range(10)]).replace("tions:\n      -", "tions: # here\n      -"),
     "- {name: c9, image: 'b:1', memory: 64}", ""),
    ("ECS151", task(f"  command: [{'x' * 65536}]").replace("  t:", "  t: # here"), "x" * 65536, "x"),
    ("ECS152", service(f"placementStrategy: [{', '.join(['{type: random}'] * 6)}] # here"), "{type: random}, ", ""),
    ("ECS152", service(f"placementConstraints: [{', '.join(['{type: distinctInstance}'] * 11)}] # here"), "{type: distinctInstance}, ", ""),
    ("ECS152", service("placementConstraints: [{type: memberOf}] # here"), "memberOf", "memberOf, expression: 'attribute:x == y'"),
    ("ECS152", service(f"placementConstraints: [{{type: memberOf, expression: attribute:x == {'x' * 2000}}}] # here"), "x" * 2000, "x" * 1900),
    ("ECS152", service("placementConstraints: [{type: distinctInstance, expression: 'attribute:x exists'}] # here"), "distinctInstance", "memberOf"),
    ("ECS152", service("placementStrategy: [{type: spread, field: zone}] # here"), "zone", "instanceId"),
    ("ECS152", service("placementConstraints: [{type: memberOf, expression: os is linux}] # here"), "os is linux", "attribute:os =~ linux.*"),
    ("ECS152", service("placementStrategy: [{field: cpu}] # here"), "{field", "{type: binpack, field"),
    ("ECS152", service("placementStrategy: [{type: binpack}] # here"), "binpack", "binpack, field: CPU"),
    ("ECS152", service("placementStrategy: [{type: random, field: cpu}] # here"), "random", "binpack"),
    ("ECS153", service(f"networkConfiguration: {{awsvpcConfiguration: {{subnets: [{', '.join(['s'] * 17)}]}}}} # here", mode="awsvpc"), "s, s,", "s,"),
    ("ECS154", service("capacityProviderStrategy: [" + ", ".join(["{capacityProvider: x, weight: 1}"] * 21) + "] # here"),
     "{capacityProvider: x, weight: 1}, ", ""),
    ("ECS155", service("loadBalancers: # here\n" + "- {targetGroupArn: a, containerName: c, containerPort: 80}\n" * 6),
     "    - {targetGroupArn: a, containerName: c, containerPort: 80}\n", ""),
    ("ECS155", service("loadBalancers: # here\n" + "- {loadBalancerName: a, containerName: c, containerPort: 80}\n- {targetGroupArn: a, containerName: c, containerPort: 80}\n").replace("[80]}", "['80:80']}"),
     "loadBalancerName", "targetGroupArn"),
    ("ECS156", task(over="tags: {'aws:x': y} # here"), "aws:", ""),
    ("ECS156", "name: p\ntags:\n  AWS:x: y # here\n", "AWS:", ""),
    ("ECS156", "name: p\ntags: {'ecsctl:project': y} # here\n", "ecsctl:", ""),
    ("ECS156", "name: p\ntags: # here\n" + "".join(f"  k{n}: v\n" for n in range(50)), "  k7: v\n", ""),
    ("ECS156", task(over="tags: # here\n" + "\n".join(f"  k{n}: v" for n in range(40))) + "tags:\n" + "".join(f"  p{n}: v\n" for n in range(10)), "  p7: v\n", ""),
    ("ECS156", f"name: p\ntags:\n  {'k' * 129}: v # here\n", "k" * 129, "k" * 128),
    ("ECS156", "name: p\ntags:\n  a: 'x<y' # here\n", "<", "-"),
    ("ECS157", task("  memoryReservation: 3 # here"), "3", "6"),
    ("ECS067", service("enableExecuteCommand: true # here", more="instances: {count: 2, image: ubuntu, agent: container}\n"),
     "agent: container", "agent: package"),
    ("ECS200", task("  environment: {DB_PASSWORD: hunter2} # here"), "hunter2", "/run/secrets/db"),
    ("ECS200", task("  environment: {URL: 'postgres://me:pass@host/db'} # here"), "me:pass@", ""),
    ("ECS201", task().replace("nginx:1", "nginx # here"), "nginx", "nginx:2"),
    ("ECS201", task().replace("nginx:1", "my.registry:5000/nginx # here"), "/nginx", "/nginx@sha256:00"),
    ("ECS202", task().replace("- name: c", "- name: c # here"), "memory: 64", "memory: 64\n        logConfiguration: {logDriver: splunk}"),
    ("ECS203", task("  memoryReservation: 64 # here").replace("        memory: 64\n", ""), "image:", "memory: 99\n        image:"),
    ("ECS204", service("desiredCount: 1 # here", more="instances: {count: 1}\n").replace("[80]}", "['80:80']}"), "count: 1}", "count: 2}"),
    ("ECS204", service("desiredCount: 1 # here", more="instances: {count: 1}\n").replace("[80]}", "['80:80']}"),
     "taskDefinition: t", "taskDefinition: t\n    deploymentConfiguration: {minimumHealthyPercent: 0}"),
    ("ECS205", "name: p\ninstances:\n  count: 1\n  image: /aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id # here\n",
     "amazon-linux-2/", "amazon-linux-2023/"),
    ("ECS206", task("  privileged: true # here"), "true", "false"),
    ("ECS207", task("  environment: ['A=1', 'A=2'] # here"), "A=2", "B=2"),
    ("ECS208", task(over="proxyConfiguration: {containerName: c} # here"), "    proxyConfiguration: {containerName: c}", ""),
    ("ECS209", service(SUBNETS).replace("  s:", "  s: # here").replace("  t:\n", "  t:\n    requiresCompatibilities: [FARGATE]\n"),
     "tion: t\n", "tion: t\n    launchType: FARGATE\n"),
]  # fmt: skip


def found(text: str) -> tuple[list[tuple[str, int]], list[str]]:
    """(rule, line) of all findings, and the faults as text."""
    _, faults = check(["-"], stdin=io.BytesIO(text.encode()))
    told = [str(fault) for fault in faults]
    unruly = [str(fault) for fault in faults if fault.rule is None]
    assert not unruly, unruly
    return [(fault.rule or "", fault.position.line if fault.position else 0) for fault in faults], told


@pytest.mark.parametrize(("rule", "text", "old", "new"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_a_rule_finds_its_fault_at_its_line_and_nothing_once_it_is_right(
    rule: str, text: str, old: str, new: str
) -> None:
    line = next(number for number, content in enumerate(text.splitlines(), 1) if HERE in content)
    before, told = found(text)
    assert (rule, line) in before, told
    assert old in text
    after, told = found(text.replace(old, new, 1))
    assert rule not in [other for other, _ in after], told


def test_no_rule_is_without_a_case() -> None:
    refusals = {one.refusal for one in EXAMPLES}
    elsewhere = {rule.id for rule in all_rules().values() if {cited.id for cited in rule.cites} & refusals}
    assert set(all_rules()) == {case[0] for case in CASES} | elsewhere


def test_every_rule_can_be_explained() -> None:
    for rule in all_rules().values():
        assert re.fullmatch(r"ECS\d{3}", rule.id)
        assert rule.title.endswith(".")
        assert rule.why.endswith((".", "%"))
        assert len(rule.title) < 130
        assert rule.looks_at, rule.id


def test_a_conclusion_from_a_refused_value_is_not_told() -> None:
    text = task("  memroy: 64").replace("        memory: 64\n", "")
    _, faults = check(["-"], stdin=io.BytesIO(text.encode()))
    assert [fault.rule for fault in faults if fault.severity == "error"] == [None]


RIGHT = {
    "fargate, everything of its limits": """\
        name: p
        taskDefinitions:
          web:
            requiresCompatibilities: [FARGATE]
            networkMode: awsvpc
            cpu: 16vCPU
            memory: 120GB
            ephemeralStorage: {sizeInGiB: 200}
            executionRoleArn: arn:aws:iam::123456789012:role/r
            runtimePlatform: {cpuArchitecture: ARM64, operatingSystemFamily: LINUX}
            volumes:
              - {name: data, efsVolumeConfiguration: {fileSystemId: fs-1, transitEncryption: ENABLED,
                 authorizationConfig: {accessPointId: fsap-1, iam: ENABLED}}}
            containerDefinitions:
              - name: web
                image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:0000000000000000000000000000000000000000000000000000000000000000
                logs: awslogs
                stopTimeout: 2m
                portMappings: ["80:80", {containerPort: 443, name: https}]
                healthCheck: {command: curl -f localhost, interval: 300, timeout: 60, retries: 10, startPeriod: 300}
                linuxParameters: {capabilities: {add: [SYS_PTRACE], drop: [ALL]}, initProcessEnabled: true}
                secrets: {A: /a}
                dependsOn: {init: SUCCESS, router: HEALTHY}
                mountPoints: ["data:/data"]
              - {name: init, image: "init:1", essential: false, logs: awslogs}
              - {name: router, image: "r:1", healthCheck: "true", logs: awslogs}
        services:
          s:
            taskDefinition: web
            capacityProviderStrategy: [{capacityProvider: FARGATE, base: 1, weight: 1}, {capacityProvider: FARGATE_SPOT}]
            networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1], assignPublicIp: ENABLED}}
            platformVersion: LATEST
            deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 101}
            loadBalancers: [{targetGroupArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef, containerName: web, containerPort: 443}]
            healthCheckGracePeriodSeconds: 1m
            serviceConnectConfiguration: {enabled: true, services: [{portName: https, clientAliases: [{port: 443}]}]}
        """,
    "instances, bridge, a classic balancer": """\
        name: p
        instances: {count: {min: 1, desired: 2, max: 3}, ingress: ["22@10.0.0.0/8", 80]}
        taskDefinitions:
          web:
            image: nginx:1
            memory: 512
            memoryReservation: 64MB
            cpu: 128
            logs: awslogs
            portMappings: ["80:80", "0:9000", "53:53/udp", "53:53/tcp"]
            links: []
            ulimits: [{name: nofile, softLimit: 5, hardLimit: -1}]
            placementConstraints: [{type: memberOf, expression: "attribute:ecs.os-type == linux"}]
        loadBalancers:
          lb: {healthCheck: {interval: 5, timeout: 2, healthyThreshold: 2, unhealthyThreshold: 2}}
        services:
          s:
            taskDefinition: web
            desiredCount: 2
            role: ecsServiceRole
            loadBalancer: lb:80
            deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: 200}
            placementStrategy: [{type: spread, field: "attribute:ecs.availability-zone"}]
        """,
    "a daemon on the host's network": """\
        name: p
        taskDefinitions:
          agent:
            networkMode: host
            pidMode: host
            image: agent:1
            memory: 64
            logs: awslogs
            portMappings: ["8125:8125/udp"]
            volumes: ["/proc:/host/proc:ro"]
        services:
          s:
            taskDefinition: agent
            schedulingStrategy: DAEMON
            launchType: EC2
            deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}
            placementConstraints: [{type: memberOf, expression: "attribute:x == y"}]
        """,
    "blue and green": """\
        name: p
        taskDefinitions:
          web: {image: "nginx:1", memory: 64, logs: awslogs, portMappings: [80]}
        services:
          s:
            taskDefinition: web
            deploymentConfiguration:
              strategy: BLUE_GREEN
              bakeTimeInMinutes: 0
              deploymentCircuitBreaker: {enable: true, rollback: true}
            loadBalancers:
              - targetGroupArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef
                containerName: web
                containerPort: 80
                advancedConfiguration: {alternateTargetGroupArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web2/0123456789abcdef, productionListenerRule: r, roleArn: r}
          other: {taskDefinition: "web:12", launchType: EXTERNAL, desiredCount: 0}
        """,
    "logs by firelens, a volume at launch": """\
        name: p
        taskDefinitions:
          web:
            memory: 1GB
            volumes: [{name: data, configuredAtLaunch: true}]
            containerDefinitions:
              - name: web
                image: web:1
                logConfiguration: {logDriver: awsfirelens, options: {Name: http}}
                mountPoints: ["data:/data"]
                environment: {TOKEN_FILE: /run/token, PASSWORD_MIN_LENGTH: "8"}
              - name: router
                image: fluent-bit:2
                firelensConfiguration: {type: fluentbit}
                logs: awslogs
        services:
          s: {taskDefinition: web, volumeConfigurations: [{name: data, managedEBSVolume: {roleArn: r, sizeInGiB: 5}}]}
        """,
}


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_found_in_what_is_right(name: str) -> None:
    _, told = found(textwrap.dedent(RIGHT[name]))
    assert not told
