#!/bin/sh
# The main job on this machine: a sandbox, `up`, `locate`, an HTTP answer, `down`. Needs no AWS account; with a Docker
# engine the containers are real. It uses a sandbox of its own and leaves nothing behind.
set -eu
cd "$(dirname "$0")"
export ECSCTL_SANDBOX_NAME=demo ECSCTL_SANDBOX_HOME="${ECSCTL_SANDBOX_HOME:-$(mktemp -d)}"

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }
finish() {
  code=$?
  ecsctl sandbox reset --yes --quiet || true
  ecsctl sandbox stop --quiet || true
  rm -rf "$ECSCTL_SANDBOX_HOME"
  exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

python image/build.py tutum/hello-world || [ $? = 3 ]
run ecsctl sandbox start --port 0
eval "$(ecsctl sandbox env)"
run ecsctl up -f helloworld/ecsctl.yaml --yes
run ecsctl ps -c OsonesTest
run ecsctl locate -c OsonesTest
address=$(ecsctl locate -q -c OsonesTest | head -n 1)
say "curl http://$address"
python -c 'import sys, urllib.request as http; print(http.urlopen("http://" + sys.argv[1], timeout=10).read().decode().strip())' "$address"
run ecsctl down -f helloworld/ecsctl.yaml --yes
printf '\nThat was the main job. Next: `ecsctl --help`, and the README.\n'
