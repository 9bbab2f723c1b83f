"""ecsctl's own part of the schema: the sections of the file around the API's definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.aws.names import ECS_NAME

Schema = dict[str, Any]

NAME = "[A-Za-z0-9][A-Za-z0-9_-]{0,39}"

# What an editor shows, by definition and member.
DESCRIPTIONS: dict[str, dict[str, str]] = {
    "Project": {
        "name": "The project. Everything that it makes carries its name as the tag ecsctl:project.",
        "region": "The AWS region. Default: --region, AWS_REGION, the profile's.",
        "account": "A guard: the 12 digits of the only account that this may be applied to, in quotes.",
        "cluster": "The cluster's name. Default: the project's name.",
        "instances": "EC2 capacity. Leave it out for Fargate, or for a cluster that has its own.",
        "taskDefinitions": "Task definitions by family: the input of RegisterTaskDefinition, or a path to a file.",
        "loadBalancers": "Load balancers that the project makes, by name.",
        "services": "Services by name: the input of CreateService, or a path to a file.",
        "tags": "Tags on everything that the project makes.",
        "stages": "What is laid over the file in each of its stages, by name: `ecsctl --stage prod up`.",
    },
    "Instances": {
        "count": "How many instances: a number, or {min, desired, max} of the Auto Scaling group.",
        "type": "The instance type. Default: t3.small.",
        "image": "al2023 (default), bottlerocket, ubuntu, an AMI id, or the name of an SSM parameter.",
        "agent": "How ubuntu (or Debian) runs the ECS agent: package (default) or container, by `docker run`.",
        "subnets": "Subnet ids. Default: those of the default VPC.",
        "ingress": "What may reach the instances: ports, as 80, 8000-8100/udp or 443@10.0.0.0/8.",
        "keyName": "An EC2 key pair; Session Manager needs none.",
    },
    "LoadBalancerDefinition": {
        "name": "Its name in AWS. Default: the key, with the stage.",
        "type": "classic (default), application or network.",
        "healthCheck": "When a target is healthy.",
        "listeners": "Ports. Default: the container ports of the services that name this balancer.",
        "subnets": "Subnet ids. Default: those of the default VPC.",
        "ingress": "Networks that may reach the listeners. Default: 0.0.0.0/0.",
        "scheme": "internet-facing (default) or internal.",
        "deregistrationDelay": "Seconds for which a target that leaves keeps its connections; not of classic "
        "balancers. Default: 30.",
        "stickiness": "Seconds for which a client keeps its target, by a cookie; of application balancers.",
        "slowStart": "Seconds in which a new target gets ever more of its share: 30 to 900, of application balancers.",
    },
    "LoadBalancerHealthCheck": {
        "interval": "Seconds between two checks. Default: 10.",
        "timeout": "Seconds until a check counts as failed, below the interval. Default: 5.",
        "healthyThreshold": "Checks in a row until healthy. Default: 2.",
        "unhealthyThreshold": "Checks in a row until unhealthy. Default: 2.",
        "target": "What a classic balancer asks: HTTP:80/path or TCP:80. Default: TCP and the first listener's port.",
        "path": "The path that is asked by HTTP.",
        "matcher": "The HTTP codes of a healthy answer, as 200, 200-399 or 200,301; of application balancers.",
    },
    "Listener": {
        "port": "The balancer's port.",
        "instancePort": "The port of the instances (classic: default the host port of the service's container), "
        "or of the container that a target group is for.",
        "protocol": "The protocol to the balancer. Default: HTTP; HTTPS with a certificate; TCP of a network balancer.",
        "instanceProtocol": "The protocol to the instances.",
        "certificate": "The ARN of a certificate.",
        "domain": "A name for which ACM has a certificate, instead of its ARN.",
        "redirect": "The port of the HTTPS listener to which whoever comes is sent; of application balancers.",
    },
    "LoadBalancerReference": {
        "name": "One of the file's loadBalancers.",
        "containerName": "The container; may be left out where the port tells it.",
        "containerPort": "The container's port; may be left out where there is one only.",
        "host": "The hosts whose requests the service gets, as *.example.com; of application balancers.",
        "path": "The paths whose requests the service gets, as /api/*; of application balancers.",
        "testListener": "The balancer's port at which a deployment that shifts traffic is tried before it has any.",
        "priority": "Which rule counts where several fit: the lowest. Default: 100, 200 … in the order of the file.",
    },
    "TaskDefinition": {
        "taskRole": "A role for the containers that the project makes: {policies, statements}; with what ECS Exec "
        "needs where a service of it has enableExecuteCommand.",
        "executionRole": "A role to start the containers that the project makes, with just what they need: images of "
        "ECR, logs, secrets and parameters; {} says no more.",
    },
    "Role": {
        "policies": "Managed policies, by name or ARN.",
        "statements": "What it may do, in the words of IAM: {Action, Resource}.",
    },
    "Scaling": {
        "min": "The least number of tasks.",
        "max": "The greatest number of tasks.",
        "cpu": "The average of the CPU that is to be kept, in percent.",
        "memory": "The average of the memory that is to be kept, in percent.",
        "requestsPerTarget": "The requests a minute that each task is to get, behind an application balancer.",
        "scaleInCooldown": "Seconds after a scale-in until the next one. Default: 300.",
        "scaleOutCooldown": "Seconds after a scale-out until the next one. Default: 300.",
        "schedules": "Other bounds from certain times on, by name.",
    },
    "ScalingSchedule": {
        "schedule": "When: cron(0 22 * * ? *), rate(1 hour) or at(2027-01-31T12:00:00).",
        "timezone": "Of the schedule, as Europe/Paris. Default: UTC.",
        "min": "The least number of tasks from then on.",
        "max": "The greatest number of tasks from then on.",
    },
    "Service": {
        "loadBalancer": "The balancer in front: name:port of the container, or {name, containerName, containerPort}.",
        "scaling": "How the number of tasks follows the load, by Application Auto Scaling; desiredCount is left alone.",
        "ingress": "What may reach the tasks of mode awsvpc (Fargate): ports, as of instances. They get a security "
        "group of their own, and, where networkConfiguration is left out, the subnets of the default VPC.",
    },
}


def project_definitions(api: Mapping[str, Schema]) -> dict[str, Schema]:
    """``$defs`` of ecsctl's own part, by name: ``Project`` is the whole file, ``Sections`` its definitions alone."""
    task = api["RegisterTaskDefinitionRequest"]
    service = api["CreateServiceRequest"]
    service_members = {k: v for k, v in service["properties"].items() if k not in ("cluster", "clientToken")}
    port = {"type": "integer", "minimum": 1, "maximum": 65535}
    text: Schema = {"type": "string", "minLength": 1}
    texts: Schema = {"type": "array", "items": text}
    count: Schema = {"type": "integer", "minimum": 0, "maximum": 5000}
    return {
        "TaskDefinition": {
            **task,
            "properties": {
                **task["properties"],
                "taskRole": {"$ref": "#/$defs/Role"},
                "executionRole": {"$ref": "#/$defs/Role"},
            },
            "required": [key for key in task.get("required", ()) if key != "family"],
        },
        "Role": _closed({"policies": texts, "statements": {"type": "array", "items": {"$ref": "#/$defs/Statement"}}}),
        # IAM's own document: what is in it is IAM's to judge.
        "Statement": {"type": "object", "additionalProperties": {}},
        "Service": {
            **service,
            "properties": {
                **service_members,
                "loadBalancer": {"$ref": "#/$defs/LoadBalancerReference"},
                "ingress": {"type": "array", "items": {"$ref": "#/$defs/Ingress"}},
                "scaling": {"$ref": "#/$defs/Scaling"},
            },
            "required": [],
            # The task sets of an EXTERNAL deployment controller say it instead.
            "if": {
                "required": ["deploymentController"],
                "properties": {"deploymentController": {"properties": {"type": {"const": "EXTERNAL"}}}},
            },
            "else": {"required": ["taskDefinition"]},
        },
        "Scaling": _closed(
            {
                "min": count,
                "max": {**count, "minimum": 1},
                "cpu": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
                "memory": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
                "requestsPerTarget": {"type": "number", "exclusiveMinimum": 0},
                "scaleInCooldown": {"type": "integer", "minimum": 0},
                "scaleOutCooldown": {"type": "integer", "minimum": 0},
                "schedules": _map_of("ScalingSchedule"),
            },
            required=("min", "max"),
        ),
        "ScalingSchedule": _closed(
            {
                "schedule": {"type": "string", "pattern": r"^(cron|rate|at)\(.+\)$"},
                "timezone": text,
                "min": count,
                "max": count,
            },
            required=("schedule",),
        ),
        "LoadBalancerReference": _closed(
            {
                "name": text,
                "containerName": text,
                "containerPort": port,
                "host": {"type": "array", "items": {**text, "maxLength": 128}, "maxItems": 5},
                "path": {"type": "array", "items": {**text, "maxLength": 128, "pattern": "^[/*]"}, "maxItems": 5},
                "priority": {"type": "integer", "minimum": 1, "maximum": 50000},
                "testListener": port,
            },
            required=("name",),
        ),
        "Count": _closed(
            {key: {"type": "integer", "minimum": 0, "maximum": 5000} for key in ("min", "desired", "max")}
        ),
        "Ingress": _closed(
            {
                "fromPort": port,
                "toPort": port,
                "protocol": {"type": "string", "enum": ["tcp", "udp"]},
                "cidr": text,
            },
            required=("fromPort",),
        ),
        "Instances": _closed(
            {
                "count": {"$ref": "#/$defs/Count"},
                "type": {"type": "string", "pattern": r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"},
                "image": text,
                "agent": {"type": "string", "enum": ["package", "container"]},
                "subnets": {**texts, "items": {"type": "string", "pattern": "^subnet-[0-9a-f]+$"}},
                "ingress": {"type": "array", "items": {"$ref": "#/$defs/Ingress"}},
                "keyName": text,
            },
            required=("count",),
        ),
        "LoadBalancerHealthCheck": _closed(
            {
                "interval": {"type": "integer", "minimum": 5, "maximum": 300},
                "timeout": {"type": "integer", "minimum": 2, "maximum": 120},
                "healthyThreshold": {"type": "integer", "minimum": 2, "maximum": 10},
                "unhealthyThreshold": {"type": "integer", "minimum": 2, "maximum": 10},
                "target": {"type": "string", "pattern": r"^(?:(?:TCP|SSL):\d{1,5}|HTTPS?:\d{1,5}/\S*)$"},
                "path": {"type": "string", "pattern": r"^/\S*$"},
                "matcher": {"type": "string", "pattern": r"^[2-4]\d\d(?:[,-][2-4]\d\d)*$"},
            }
        ),
        "Listener": _closed(
            {
                "port": port,
                "instancePort": port,
                "protocol": {"type": "string", "enum": ["HTTP", "HTTPS", "TCP", "SSL", "TLS", "UDP", "TCP_UDP"]},
                "instanceProtocol": {"type": "string", "enum": ["HTTP", "HTTPS", "TCP", "SSL"]},
                "certificate": text,
                "domain": text,
                "redirect": port,
            },
            required=("port",),
        ),
        "LoadBalancerDefinition": _closed(
            {
                "name": text,
                "type": {"type": "string", "enum": ["classic", "application", "network"]},
                "healthCheck": {"$ref": "#/$defs/LoadBalancerHealthCheck"},
                "listeners": {"type": "array", "items": {"$ref": "#/$defs/Listener"}},
                "subnets": {**texts, "items": {"type": "string", "pattern": "^subnet-[0-9a-f]+$"}},
                "ingress": texts,
                "scheme": {"type": "string", "enum": ["internet-facing", "internal"]},
                "deregistrationDelay": {"type": "integer", "minimum": 0, "maximum": 3600},
                "stickiness": {"type": "integer", "minimum": 0, "maximum": 604800},
                "slowStart": {"type": "integer", "minimum": 0, "maximum": 900},
            }
        ),
        **_whole_files(),
    }


def _whole_files() -> dict[str, Schema]:
    texts: Schema = {"type": "array", "items": {"type": "string", "minLength": 1}}
    sections = {
        "instances": {"$ref": "#/$defs/Instances"},
        "taskDefinitions": _map_of("TaskDefinition"),
        "loadBalancers": _map_of("LoadBalancerDefinition"),
        "services": _map_of("Service"),
    }
    return {
        "Sections": _closed(sections),
        "Project": _closed(
            {
                "name": {"type": "string", "pattern": f"^{NAME}$"},
                "region": {"type": "string", "pattern": r"^[a-z]{2,4}(-[a-z0-9]+)+-\d+$"},
                "account": {"type": "string", "pattern": r"^\d{12}$"},
                "cluster": {"type": "string", "pattern": f"^{ECS_NAME}$"},
                **sections,
                "include": {**texts, "description": "Files that this one is laid over, relative to it."},
                "tags": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 256}},
                "stages": {"type": "object", "additionalProperties": {"type": "object"}},
            },
            required=("name",),
        ),
    }


def _closed(properties: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _map_of(name: str) -> Schema:
    return {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{name}"}}
