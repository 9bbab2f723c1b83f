#!/bin/sh
# Run a one-off task and act on its exit code. Usage: run.sh [CODE the task ends with]
set -u
cd "$(dirname "$0")" || exit 1

ecsctl up --yes --quiet || exit $?
ecsctl run report --cluster batch --wait --env "CODE=${1:-0}"
code=$?
echo "the task ended with exit code $code"
ecsctl down --yes --quiet || exit $?
exit "$code"
