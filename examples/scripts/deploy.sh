#!/bin/sh
# A deployment as a script writes it: exit codes decide, -q gives bare values.
# Usage: deploy.sh [FILE]
set -eu
file=${1:-../helloworld/ecsctl.yaml}

ecsctl validate -f "$file" --quiet

set +e
ecsctl plan -f "$file" --exit-code --quiet >/dev/null
code=$?
set -e
case $code in
  0) echo "nothing to do" ;;
  3) ecsctl up -f "$file" --yes --quiet >/dev/null ;;
  *) exit "$code" ;;
esac

for address in $(ecsctl locate -c OsonesTest --service svc-helloworld --quiet); do
  echo "running at $address"
done
