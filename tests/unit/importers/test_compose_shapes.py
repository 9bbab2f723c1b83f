"""Compose files of all shapes become valid files, in every way that they can be taken over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecsctl.importers.document import Target
from tests.unit.importers.shapes import SHAPES
from tests.unit.importers.support import (
    EC2,
    FARGATE,
    compose,
    data_of,
    faults_of,
    imported_compose,
    notes_of,
    only_container,
)


@pytest.mark.parametrize("one_task", [False, True], ids=["a-task-each", "one-task"])
@pytest.mark.parametrize("target", [EC2, FARGATE], ids=["EC2", "Fargate"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_written_is_valid(shape: str, target: Target, one_task: bool, tmp_path: Path) -> None:
    imported = imported_compose(tmp_path, SHAPES[shape], target, one_task=one_task, profiles=["*"])
    assert faults_of(imported, tmp_path) == []
    assert data_of(imported)["taskDefinitions"]


def test_the_smallest_file(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["minimal"])
    assert notes == []
    assert data == {
        "name": "shop",
        "cluster": "shop",
        "instances": {"count": 1, "type": "t3.small", "ingress": [80]},
        "taskDefinitions": {
            "shop-web": {
                "containerDefinitions": [
                    {"name": "web", "image": "nginx", "memoryReservation": 256, "portMappings": ["80:80"]}
                ]
            }
        },
        "services": {
            "web": {
                "taskDefinition": "shop-web",
                "desiredCount": 1,
                "deploymentConfiguration": {"minimumHealthyPercent": 0},
            }
        },
    }


def test_a_database_of_its_own(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["web_and_database"])
    (db,) = data["taskDefinitions"]["shop-db"]["containerDefinitions"]
    assert db["healthCheck"] == {
        "command": ["CMD-SHELL", "pg_isready -U app"],
        "interval": 10,
        "timeout": 5,
        "retries": 5,
        "startPeriod": 20,
    }
    assert db["mountPoints"] == ["shop_pg:/var/lib/postgresql/data"]
    volume = data["taskDefinitions"]["shop-db"]["volumes"]["shop_pg"]
    assert volume == {"dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local"}}
    (api,) = data["taskDefinitions"]["shop-api"]["containerDefinitions"]
    assert api["image"] == "registry.example.com/team/api:1.4"
    assert "dependsOn" not in api
    assert any(note.startswith("14 services.api.depends_on.db: db runs in a task of its own") for note in notes)
    assert any(note.startswith("5 services.api.build: ECS runs images and builds none: push") for note in notes)


def test_services_that_wait_for_each_other_share_a_task(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["web_and_database"], one_task=True)
    api, db = data["taskDefinitions"]["shop-api"]["containerDefinitions"]
    assert api["dependsOn"] == {"db": "HEALTHY"}
    assert api["links"] == ["db"]
    assert db["name"] == "db"
    assert list(data["services"]) == ["api"]
    assert not any("depends_on" in note for note in notes)


def test_what_must_succeed_is_not_essential(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["migrations"], one_task=True)
    boxes = {box["name"]: box for box in data["taskDefinitions"]["shop-app"]["containerDefinitions"]}
    assert boxes["app"]["dependsOn"] == {"migrate": "SUCCESS", "cache": "START"}
    assert boxes["app"]["links"] == ["cache"]
    assert boxes["migrate"]["essential"] is False
    assert boxes["migrate"]["dependsOn"] == {"cache": "START"}
    assert boxes["app"]["command"] == ["gunicorn", 'app:make("prod")', "--bind", "0.0.0.0:8000"]
    assert boxes["migrate"]["entryPoint"] == ["python", "manage.py"]
    assert any("services.migrate.restart" in note for note in notes)


def test_what_must_run_first_gets_no_service(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["migrations"])
    assert sorted(data["services"]) == ["app", "cache"]
    assert "shop-migrate" in data["taskDefinitions"]
    assert any("ecsctl run shop-migrate --wait" in note for note in notes)


def test_the_first_format_has_links_and_limits(tmp_path: Path) -> None:
    data, _ = compose(tmp_path, SHAPES["first_format"], one_task=True)
    boxes = {box["name"]: box for box in data["taskDefinitions"]["shop-frontend"]["containerDefinitions"]}
    assert boxes["frontend"]["links"] == ["store:redis"]
    assert boxes["frontend"]["memory"] == 256


def test_anchors_and_merges(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["anchors"])
    (two,) = data["taskDefinitions"]["shop-two"]["containerDefinitions"]
    assert two["environment"] == {"TZ": "Europe/Vienna", "LANG": "C.UTF-8", "EXTRA": "1"}
    assert two["logConfiguration"] == {"logDriver": "json-file", "options": {"max-size": "5m", "max-file": "2"}}
    assert [note for note in notes if not note.startswith("- services")] == []


def test_a_stack_of_swarm(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["swarm"])
    web = data["services"]["web"]
    assert web["desiredCount"] == 3
    assert web["placementConstraints"] == [{"type": "distinctInstance"}]
    assert web["deploymentConfiguration"] == {
        "minimumHealthyPercent": 100,
        "maximumPercent": 200,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    }
    (box,) = data["taskDefinitions"]["shop-web"]["containerDefinitions"]
    assert (box["cpu"], box["memory"], box["memoryReservation"]) == (256, 256, 64)
    assert data["services"]["agent"]["schedulingStrategy"] == "DAEMON"
    assert "desiredCount" not in data["services"]["agent"]
    (agent,) = data["taskDefinitions"]["shop-agent"]["containerDefinitions"]
    assert agent["mountPoints"] == ["var-run-docker-sock:/var/run/docker.sock:ro", "root:/host:ro"]
    assert data["instances"]["count"] == 3
    for key in (
        "labels",
        "rollback_config",
        "placement.constraints",
        "update_config.parallelism",
        "restart_policy.delay",
    ):
        assert any(f"services.web.deploy.{key}:" in note for note in notes), key


def test_secrets_become_variables_and_configs_are_told(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["secrets_and_configs"])
    box = only_container(data)
    assert box["secrets"] == {"MARIADB_ROOT_PASSWORD": "/shop/root_password", "KEY_PEM": "/shop/prod-backup-key"}
    assert "environment" not in box
    assert data["taskDefinitions"]["shop-db"]["executionRoleArn"] == "ecsTaskExecutionRole"
    assert any("services.db.configs[0]" in note for note in notes)
    assert any("configs.conf.content" in note for note in notes)
    assert any("secrets.root_password.file" in note for note in notes)


def test_what_is_asked_of_the_machine(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["kernel"])
    box = only_container(data)
    assert box["linuxParameters"] == {
        "capabilities": {"add": ["IPC_LOCK", "NET_ADMIN"], "drop": ["ALL"]},
        "initProcessEnabled": True,
        "sharedMemorySize": 256,
        "maxSwap": 1024,
        "tmpfs": [
            {"containerPath": "/tmp", "size": 64},
            {"containerPath": "/run", "size": 16, "mountOptions": ["mode=1777"]},
        ],
        "devices": [{"hostPath": "/dev/fuse", "containerPath": "/dev/fuse", "permissions": ["read", "write", "mknod"]}],
    }
    assert box["ulimits"] == [
        {"name": "memlock", "softLimit": -1, "hardLimit": -1},
        {"name": "nofile", "softLimit": 65536, "hardLimit": 65536},
    ]
    assert box["systemControls"] == [{"namespace": "net.core.somaxconn", "value": "1024"}]
    assert box["extraHosts"] == [
        {"hostname": "db", "ipAddress": "10.0.0.5"},
        {"hostname": "v6", "ipAddress": "::1"},
    ]
    assert (box["memory"], box["memoryReservation"], box["cpu"], box["stopTimeout"]) == (2048, 1024, 1536, 90)
    assert box["dnsServers"] == ["10.0.0.2"]
    assert box["dockerSecurityOptions"] == ["no-new-privileges:true"]
    assert (box["user"], box["workingDirectory"], box["hostname"]) == ("1000:1000", "/srv", "search-1")
    definition = data["taskDefinitions"]["shop-search"]
    assert (definition["pidMode"], definition["ipcMode"]) == ("host", "host")
    assert sorted(note.split(":")[0] for note in notes) == [
        "36 services.search.stop_signal",
        "37 services.search.oom_kill_disable",
    ]


def test_profiles_are_left_out_and_told_unless_they_are_asked_for(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["profiles"])
    assert list(data["services"]) == ["app"]
    assert sum("not imported (--compose-profile imports it)" in note for note in notes) == 2
    data, _ = compose(tmp_path, SHAPES["profiles"], profiles=["docs"])
    assert list(data["services"]) == ["app", "docs"]


def test_local_addresses_and_ranges_of_ports(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["profiles"])
    box = only_container(data)
    assert box["portMappings"] == ["9000:9000", "9001:9001/udp", "9002:9002/udp", "9003:9003/udp"]
    assert data["instances"]["ingress"] == ["9001-9003/udp"]
    assert any("cannot publish on 127.0.0.1 alone" in note for note in notes)


def test_templates_are_kept_and_dollars_stay_dollars(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["variables"])
    box = only_container(data)
    assert box["image"] == "${REGISTRY:-docker.io}/example/app:${TAG:-latest}"
    assert box["environment"] == {
        "MODE": "${MODE:-dev}",
        "MUST": "${MUST:?say what}",
        "MAYBE": "${MAYBE-none}",
        "PRICE": "$5",
        "HOME": "${HOME:-}",
        "NESTED": "${A:-${B:-c}}",
        "BARE": "${BARE:-}/x",
    }
    assert box["command"] == ["sh", "-c", "echo $${MODE} && exec app"]
    assert [note.split(": ")[0] for note in notes] == ["4 services.app.image"]


def test_gpus_and_long_volumes(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["gpu"])
    box = only_container(data)
    assert box["resourceRequirements"] == [{"type": "GPU", "value": "1"}]
    assert data["instances"]["type"] == "g4dn.xlarge"
    assert box["mountPoints"] == ["shop_models:/models"]
    assert box["linuxParameters"]["tmpfs"] == [{"containerPath": "/scratch", "size": 64}]
    volume = data["taskDefinitions"]["shop-model"]["volumes"]["shop_models"]["dockerVolumeConfiguration"]
    assert volume["driverOpts"] == {"type": "nfs", "o": "addr=10.0.0.9,rw", "device": ":/models"}
    assert any("services.model.volumes[1]" in note and "no such folder" in note for note in notes)
    assert any("services.model.volumes[0].volume.nocopy" in note for note in notes)


def test_the_network_of_the_host_and_of_another_service(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["host_network"])
    assert data["taskDefinitions"]["shop-home"]["networkMode"] == "host"
    assert data["taskDefinitions"]["shop-home"]["volumes"]["srv-media"] == "/srv/media"
    assert any("services.client.network_mode" in note and "--one-task" in note for note in notes)
    assert any("/srv/media must be there on every instance" in note for note in notes)


def test_plain_scalars_mean_what_they_mean_in_compose(tmp_path: Path) -> None:
    data, _ = compose(tmp_path, SHAPES["unquoted"])
    box = only_container(data)
    assert box["portMappings"] == ["2222:22", "56:56", "53:53/udp"]
    assert box["environment"] == {
        "YES": "yes",
        "NUMBER": "010",
        "FLOAT": "1.10",
        "EMPTY": "${EMPTY:-}",
        "BOOL": "true",
    }


def test_health_checks_are_held_within_the_bounds_of_ecs(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["shared_volumes"])
    (nginx,) = data["taskDefinitions"]["shop-nginx"]["containerDefinitions"]
    assert nginx["healthCheck"]["interval"] == 5
    assert nginx["healthCheck"]["retries"] == 10
    assert nginx["healthCheck"]["command"] == ["CMD-SHELL", "curl -f localhost || exit 1"]
    assert sum("ECS accepts" in note for note in notes) == 2
    (cron,) = data["taskDefinitions"]["shop-cron"]["containerDefinitions"]
    assert "healthCheck" not in cron
    assert cron["mountPoints"] == ["site:/var/www:ro"]


def test_volumes_of_another_service(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["shared_volumes"], one_task=True)
    boxes = {box["name"]: box for box in data["taskDefinitions"]["shop-nginx"]["containerDefinitions"]}
    assert boxes["nginx"]["volumesFrom"] == [{"sourceContainer": "php"}]
    assert not any("volumes_from" in note for note in notes)
    _, notes = compose(tmp_path, SHAPES["shared_volumes"])
    assert any("services.nginx.volumes_from[0]" in note and "--one-task" in note for note in notes)


def test_logs_to_cloudwatch_get_a_group(tmp_path: Path) -> None:
    data, _ = compose(tmp_path, SHAPES["logs_and_labels"])
    box = only_container(data)
    assert box["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {"awslogs-region": "eu-west-1", "awslogs-group": "/ecs/shop"},
    }
    assert box["dockerLabels"]["traefik.http.routers.api.rule"] == "Host(`x.example.com`)"
    assert box["portMappings"] == ["80:80", "443:443", "8080"]


def test_more_containers_than_a_task_has_are_not_grouped(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["many_services"], one_task=True)
    assert len(data["taskDefinitions"]) == 14
    assert any("not grouped" in note for note in notes)


def test_fargate_gets_sizes_networks_and_no_host_ports(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, SHAPES["swarm"], FARGATE)
    definition = data["taskDefinitions"]["shop-web"]
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert (definition["networkMode"], definition["cpu"], definition["memory"]) == ("awsvpc", "256", "512")
    mapping = {"name": "web-80", "containerPort": 80, "hostPort": 80}
    assert definition["containerDefinitions"][0]["portMappings"] == [mapping]
    service = data["services"]["web"]
    assert service["launchType"] == "FARGATE"
    assert service["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-0a1b"]
    assert "instances" not in data
    assert any("services.agent.volumes[0]: Fargate has no folders" in note for note in notes)


def offered(data: dict[str, Any]) -> dict[str, list[str]]:
    """Each service's names and ports for others."""
    found = {}
    for name, service in data["services"].items():
        connect = service.get("serviceConnectConfiguration") or {}
        aliases = [alias for row in connect.get("services", ()) for alias in row["clientAliases"]]
        found[name] = [f"{alias['dnsName']}:{alias['port']}" for alias in aliases] if connect else ["no"]
    return found


def test_services_offer_their_ports_to_each_other_by_name(tmp_path: Path) -> None:
    text = """
        services:
          web: {image: example/web, ports: ["8080:80", "53:53/udp"], environment: {API: "http://api:3000/"}}
          api: {image: example/api, depends_on: [db], command: ["--cache", "cache:6380"]}
          db: {image: "docker.io/library/postgres:16"}
          cache: {image: example/cache}
          mail: {image: example/mail, expose: ["25", "587/tcp"]}
          worker: {image: example/worker, links: ["mail:smtp"]}
          probe: {image: example/probe, network_mode: host}
          quiet: {image: example/quiet}
          asks: {image: example/asks, environment: {Q: quiet}}
          once: {image: example/once, restart: "no"}
    """
    data, notes = compose(tmp_path, text)
    assert offered(data) == {
        "web": ["web:80"],
        "api": ["api:3000"],
        "db": ["db:5432"],
        "cache": ["cache:6380"],
        "mail": ["mail:25", "mail:587"],
        "worker": [],
        "probe": ["no"],
        "quiet": [],
        "asks": [],
        **({"once": []} if "once" in data["services"] else {}),
    }
    order = list(data["services"])
    assert order.index("db") < order.index("api") < order.index("web")
    assert order.index("cache") < order.index("api")
    assert any("services.quiet: no port of it is known" in note for note in notes)
    assert any("services.probe: tasks on the host's network" in note for note in notes)
    assert any("Service Connect has it as mail, not as smtp" in note for note in notes)


def test_one_task_needs_no_service_connect(tmp_path: Path) -> None:
    text = """
        services:
          web: {image: example/web, ports: ["80:80"], depends_on: [db]}
          db: {image: "postgres:16"}
    """
    imported = imported_compose(tmp_path, text, one_task=True)
    assert "serviceConnect" not in imported.text
    assert "- services: web and db share a task, where links are their names" in notes_of(imported)
    imported = imported_compose(tmp_path, text, FARGATE, one_task=True)
    assert "- services: web and db share a task: they reach each other at localhost" in notes_of(imported)


def test_names_in_a_cluster_of_several_projects_are_the_projects_own(tmp_path: Path) -> None:
    text = "services: {web: {image: a, ports: [80]}, db: {image: 'postgres:16'}}"
    data, _ = compose(tmp_path, text, Target(name="shop", cluster="shared"))
    [row] = data["services"]["db"]["serviceConnectConfiguration"]["services"]
    assert row["discoveryName"] == "shop-db-5432"


def test_a_circle_of_services_ends(tmp_path: Path) -> None:
    text = "services: {a: {image: a, ports: [1], links: [b]}, b: {image: b, ports: [2], links: [a]}}"
    data, _ = compose(tmp_path, text)
    assert offered(data) == {"a": ["a:1"], "b": ["b:2"]}


def test_notes_stand_at_the_end_of_the_file_too(tmp_path: Path) -> None:
    imported = imported_compose(tmp_path, SHAPES["kernel"])
    tail = imported.text.rpartition("\n\n")[2].splitlines()
    assert all(line.startswith("#") for line in tail)
    assert [line for line in tail if "compose.yaml:36: services.search.stop_signal: " in line]
    assert len(tail) == len(notes_of(imported)) + 1


def test_a_volume_whose_source_is_a_variable_that_is_not_set_is_no_empty_volume(tmp_path: Path) -> None:
    text = """
        services:
          web:
            image: a
            volumes:
              - ${MEDIA}:/m
              - {type: bind, source: "${OTHER}", target: /o}
              - ${DATA:-/srv/data}:/d
    """
    data, notes = compose(tmp_path, text)
    assert only_container(data)["mountPoints"] == ["srv-data:/d"]
    assert [note for note in notes if "variable of its source is not set" in note] == [
        "6 services.web.volumes[0]: the variable of its source is not set; omitted",
        "7 services.web.volumes[1]: the variable of its source is not set; omitted",
    ]


def test_a_health_check_without_a_timeout_gets_dockers(tmp_path: Path) -> None:
    data, _ = compose(tmp_path, "services: {web: {image: a, healthcheck: {test: exit 0, interval: 10s}}}")
    assert only_container(data)["healthCheck"] == {"command": ["CMD-SHELL", "exit 0"], "interval": 10, "timeout": 30}
    data, _ = compose(tmp_path, "services: {web: {image: a, healthcheck: {test: exit 0, timeout: 3s}}}")
    assert only_container(data)["healthCheck"]["timeout"] == 3


@pytest.mark.parametrize(
    ("mount", "test"),
    [
        ("./check.sh:/check.sh", "/check.sh || exit 1"),
        ("./check.sh:/check.sh:ro", '["CMD", "/check.sh"]'),
        ("./scripts:/opt/scripts/", "sh -c '/opt/scripts/check.sh --fast'"),
        ("${SCRIPTS}:/opt/scripts", "bash /opt/scripts/check"),
    ],
)
def test_a_check_goes_with_the_mount_that_its_script_came_from(tmp_path: Path, mount: str, test: str) -> None:
    text = f"""
        services:
          db:
            image: a
            volumes: ["{mount}"]
            healthcheck:
              test: {test}
          web: {{image: b, depends_on: {{db: {{condition: service_healthy}}}}}}
    """
    data, notes = compose(tmp_path, text, one_task=True)
    (definition,) = data["taskDefinitions"].values()
    boxes = {box["name"]: box for box in definition["containerDefinitions"]}
    assert "healthCheck" not in boxes["db"]
    assert boxes["web"]["dependsOn"] == {"db": "START"}
    assert any("services.db.healthcheck: it runs a file of the mount" in note for note in notes)


def test_a_check_of_its_own_image_stays(tmp_path: Path) -> None:
    text = "services: {db: {image: a, volumes: ['./conf:/etc/app'], healthcheck: {test: /etc/application/check}}}"
    data, _ = compose(tmp_path, text)
    assert "healthCheck" in only_container(data)


def test_a_command_that_came_from_a_mount_is_noted(tmp_path: Path) -> None:
    text = "services: {db: {image: a, volumes: ['./run.sh:/run.sh'], command: [sh, /run.sh]}}"
    data, notes = compose(tmp_path, text)
    assert only_container(data)["command"] == ["sh", "/run.sh"]
    assert any("services.db.command: it runs a file of the mount /run.sh" in note for note in notes)


def test_a_password_in_a_url_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CACHE=redis://:hunter2@cache:6379\n", encoding="utf-8")
    (tmp_path / "web.env").write_text("DATABASE_URL=postgres://app:hunter3@db/app\nHOME=http://x\n", encoding="utf-8")
    text = "services: {web: {image: a, env_file: web.env, environment: {CACHE: '${CACHE}'}}}"
    imported = imported_compose(tmp_path, text)
    assert "hunter" not in imported.text
    assert "hunter" not in " ".join(notes_of(imported))
    assert only_container(data_of(imported))["environment"] == {
        "DATABASE_URL": "${DATABASE_URL:-}",
        "HOME": "http://x",
        "CACHE": "${CACHE:-}",
    }


def test_secrets_in_clear_are_named(tmp_path: Path) -> None:
    text = "services: {web: {image: a, environment: {URL: 'amqp://me:hunter2@mq', DB_PASSWORD: hunter2, LOG: debug}}}"
    _, notes = compose(tmp_path, text)
    assert any("in clear as in the Compose file: DB_PASSWORD, URL;" in note for note in notes)
    assert "hunter2" not in " ".join(notes)


@pytest.mark.parametrize(
    ("platforms", "type_", "noted"),
    [
        (["linux/arm64"], "t3.small", "t3.small does not run images for ARM64"),
        (["linux/arm64"], "t4g.small", None),
        (["linux/arm64"], None, None),
        (["linux/amd64"], "m7gd.large", "m7gd.large does not run images for X86_64"),
        (["linux/amd64"], "c6i.large", None),
        (["linux/amd64", "linux/arm64"], None, "ARM64 and X86_64 do not run on one type of instance"),
    ],
)
def test_the_type_of_the_instances_runs_the_images(
    tmp_path: Path, platforms: list[str], type_: str | None, noted: str | None
) -> None:
    services = ", ".join(f"s{n}: {{image: a, platform: {name}}}" for n, name in enumerate(platforms))
    target = Target(name="shop", instance_type=type_)
    data, notes = compose(tmp_path, f"services: {{{services}}}", target)
    told = [note for note in notes if "instances.type" in note]
    assert [noted in note for note in told] == ([True] if noted else [])
    if type_ is None and len(platforms) == 1:
        assert data["instances"]["type"].startswith("t4g")


def test_a_variable_called_name_alone_is_written_so_that_it_stays_a_variable(tmp_path: Path) -> None:
    imported = imported_compose(tmp_path, "services: {web: {image: a, environment: {name: x, value: y}}}")
    assert only_container(data_of(imported))["environment"] == [
        {"name": "name", "value": "x"},
        {"name": "value", "value": "y"},
    ]
    assert not faults_of(imported, tmp_path)
