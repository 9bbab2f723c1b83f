"""Compose files of the shapes that people write, each in its own words."""

from __future__ import annotations

SHAPES: dict[str, str] = {
    "minimal": """
        services:
          web:
            image: nginx
            ports: ["80:80"]
        """,
    "web_and_database": """
        version: "3.9"
        services:
          api:
            build: ./api
            image: registry.example.com/team/api:1.4
            restart: unless-stopped
            ports:
              - "3000:3000"
            environment:
              DATABASE_URL: postgres://app:app@db:5432/app
              DEBUG: "false"
            depends_on:
              db:
                condition: service_healthy
          db:
            image: postgres:16-alpine
            environment:
              - POSTGRES_USER=app
              - POSTGRES_DB=app
            volumes:
              - pg:/var/lib/postgresql/data
            healthcheck:
              test: ["CMD-SHELL", "pg_isready -U app"]
              interval: 10s
              timeout: 5s
              retries: 5
              start_period: 20s
        volumes:
          pg:
        """,
    "first_format": """
        frontend:
          image: example/front
          ports:
            - 8000:8000
          links:
            - store:redis
          mem_limit: 256m
          log_driver: syslog
        store:
          image: redis
          expose: [6379]
        """,
    "anchors": """
        x-env: &env
          TZ: Europe/Vienna
          LANG: C.UTF-8
        x-base: &base
          restart: always
          logging: &log
            driver: json-file
            options: {max-size: 5m, max-file: "2"}
          environment:
            <<: *env
        services:
          one:
            <<: *base
            image: example/one:2
            ports: ["8001:80"]
          two:
            <<: *base
            image: example/two:2
            environment:
              <<: *env
              EXTRA: "1"
            ports: ["8002:80"]
        """,
    "swarm": """
        version: "3.8"
        services:
          web:
            image: example/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
            ports:
              - target: 80
                published: 8080
                protocol: tcp
                mode: ingress
            networks: [front, back]
            deploy:
              mode: replicated
              replicas: 3
              labels: {tier: front}
              placement:
                max_replicas_per_node: 1
                constraints: [node.role == worker]
              update_config: {parallelism: 1, delay: 10s, order: start-first, failure_action: rollback}
              rollback_config: {parallelism: 1}
              restart_policy: {condition: any, delay: 5s, max_attempts: 3}
              resources:
                limits: {cpus: "0.50", memory: 256M, pids: 200}
                reservations: {cpus: "0.25", memory: 64M}
          agent:
            image: example/agent
            deploy: {mode: global, endpoint_mode: dnsrr}
            volumes: [/var/run/docker.sock:/var/run/docker.sock:ro, /:/host:ro]
        networks:
          front: {driver: overlay}
          back: {driver: overlay, internal: true}
        """,
    "secrets_and_configs": """
        services:
          db:
            image: mariadb:11
            environment:
              MARIADB_ROOT_PASSWORD_FILE: /run/secrets/root_password
            secrets:
              - root_password
              - source: backup_key
                target: key.pem
                mode: 0400
            configs:
              - source: conf
                target: /etc/mysql/conf.d/own.cnf
        secrets:
          root_password:
            file: ./root.txt
          backup_key:
            external: true
            name: prod-backup-key
        configs:
          conf:
            content: |
              [mysqld]
              max_connections = 50
        """,
    "kernel": """
        services:
          search:
            image: example/search:8
            privileged: false
            read_only: true
            init: true
            user: "1000:1000"
            working_dir: /srv
            hostname: search-1
            cap_add: [IPC_LOCK, CAP_NET_ADMIN]
            cap_drop: [ALL]
            ulimits:
              memlock: {soft: -1, hard: -1}
              nofile: 65536
            sysctls:
              net.core.somaxconn: 1024
            security_opt: ["no-new-privileges:true"]
            extra_hosts: ["db:10.0.0.5", "v6=::1"]
            dns: 10.0.0.2
            dns_search: [example.internal]
            shm_size: 256mb
            tmpfs: [/tmp, "/run:size=16m,mode=1777"]
            devices: ["/dev/fuse:/dev/fuse:rwm"]
            stop_grace_period: 1m30s
            mem_limit: 2g
            mem_reservation: 1g
            memswap_limit: 3g
            cpus: 1.5
            labels:
              com.example.team: search
            tty: true
            stdin_open: true
            pid: host
            ipc: host
            stop_signal: SIGINT
            oom_kill_disable: true
        """,
    "migrations": """
        services:
          app:
            image: example/app
            command: gunicorn 'app:make("prod")' --bind 0.0.0.0:8000
            depends_on:
              migrate: {condition: service_completed_successfully}
              cache: {condition: service_started, required: false}
          migrate:
            image: example/app
            entrypoint: ["python", "manage.py"]
            command: migrate
            restart: "no"
            depends_on: [cache]
          cache:
            image: memcached
        """,
    "profiles": """
        services:
          app: {image: example/app, ports: ["127.0.0.1:9000:9000", "9001-9003:9001-9003/udp"]}
          shell: {image: busybox, profiles: [debug], command: sleep 1d}
          docs: {image: example/docs, profiles: [docs, debug]}
        """,
    "variables": """
        services:
          app:
            image: ${REGISTRY:-docker.io}/example/app:${TAG}
            environment:
              - MODE=${MODE:-dev}
              - MUST=${MUST:?say what}
              - MAYBE=${MAYBE-none}
              - PRICE=$$5
              - HOME
              - NESTED=${A:-${B:-c}}
              - BARE=$BARE/x
            command: sh -c "echo $${MODE} && exec app"
        """,
    "gpu": """
        services:
          model:
            image: example/model
            platform: linux/amd64
            deploy:
              resources:
                reservations:
                  memory: 8G
                  devices:
                    - driver: nvidia
                      count: 1
                      capabilities: [gpu]
            volumes:
              - type: volume
                source: models
                target: /models
                volume: {nocopy: true}
              - type: bind
                source: ./data
                target: /data
                read_only: true
              - type: tmpfs
                target: /scratch
                tmpfs: {size: 64m}
        volumes:
          models: {driver: local, driver_opts: {type: nfs, o: "addr=10.0.0.9,rw", device: ":/models"}}
        """,
    "host_network": """
        services:
          home:
            image: example/home:stable
            network_mode: host
            privileged: true
            ports: ["8123:8123"]
            volumes: [/etc/localtime:/etc/localtime:ro, ./config:/config, /srv/media:/media]
          vpn:
            image: example/vpn
            cap_add: [NET_ADMIN]
          client:
            image: example/client
            network_mode: service:vpn
            depends_on: [vpn]
        """,
    "unquoted": """
        services:
          ssh:
            image: example/ssh
            ports:
              - 2222:22
              - 56:56
              - 53:53/udp
            environment:
              YES: yes
              NUMBER: 010
              FLOAT: 1.10
              EMPTY:
              BOOL: true
        """,
    "shared_volumes": """
        services:
          php:
            image: example/php
            volumes: ["app:/var/www", "/tmp/cache"]
          nginx:
            image: nginx:alpine
            volumes_from: [php]
            depends_on: [php]
            ports: ["8080:80"]
            healthcheck: {test: "curl -f localhost || exit 1", interval: 1s, retries: 30}
          cron:
            image: example/php
            command: ["crond", "-f"]
            volumes: ["app:/var/www:ro"]
            healthcheck: {disable: true}
        volumes:
          app: {external: {name: site}}
        """,
    "logs_and_labels": """
        services:
          traefik:
            image: traefik:v3
            command:
              - --providers.docker=true
              - --entrypoints.web.address=:80
            ports: ["80:80", "443:443", "8080"]
            labels:
              - traefik.enable=true
              - "traefik.http.routers.api.rule=Host(`x.example.com`)"
            logging: {driver: awslogs, options: {awslogs-region: eu-west-1}}
        """,
    "many_services": "\nservices:\n"
    + "".join(
        f'  s{n}: {{image: "example/s{n}", depends_on: [{", ".join(f"s{m}" for m in range(max(0, n - 1), n))}]}}\n'
        for n in range(14)
    ),
}
