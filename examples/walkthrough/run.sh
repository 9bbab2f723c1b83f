#!/bin/bash
# From nothing to a load-balanced service that heals, step by step, and back to nothing.
#
# It needs ecsctl on the PATH and an AWS endpoint with containers: `ecsctl sandbox start --docker always`, then
# `eval "$(ecsctl sandbox env)"`. The images it runs are built by ../image/build.py. It stops at the first step that
# does not hold, and says which.
set -u
cd "$(dirname "$0")" || exit 1

cluster=OsonesTest
export ECSCTL_CLUSTER=$cluster
step=0

title() { step=$((step + 1)); printf '\n== %d. %s\n' "$step" "$*"; }
die() { printf 'step %d failed: %s\n' "$step" "$*" >&2; exit 1; }
must() { printf '$ %s\n' "$*"; "$@" || die "\`$*\` exited with $?"; }
fetch() { curl --silent --show-error --fail --max-time 5 "http://$1/"; }
hosts() { # ask the balancer for a while, and print each host name that answered
  for _ in $(seq "${2:-40}"); do fetch "$1" 2>/dev/null | sed -n 's/.*My hostname is \([^<]*\).*/\1/p'; sleep 0.2; done | sort -u
}
count() { ecsctl cluster show $cluster -o json | python3 -c "import json,sys; print(json.load(sys.stdin)['$1'])"; }

title "A cluster"
must ecsctl cluster create $cluster
must ecsctl cluster show $cluster
[ "$(count registeredContainerInstancesCount)" = 0 ] || die "a new cluster has instances"

title "Two instances that join it"
must ecsctl instance bootstrap --count 2 --image ubuntu --ingress 80
must ecsctl cluster show $cluster
[ "$(count registeredContainerInstancesCount)" = 2 ] || die "not 2 instances"
must ecsctl instance list

title "A task definition from a JSON list of containers; a task of it; its address"
must ecsctl task register nginx.json --family nginx
task=$(ecsctl run nginx -q) || die "run exited with $?"
must ecsctl locate "$task"
fetch "$(ecsctl locate -q "$task")" || die "the task does not answer"
must ecsctl stop "$task"

title "A classic balancer and a service of two tasks behind it"
must ecsctl up -f balancer.yaml --yes
must ecsctl task register helloworld.json --family helloworld
must ecsctl service create service.json
must ecsctl service show svc-helloworld
balancer=$(ecsctl service show svc-helloworld -o json | python3 -c '
import json, sys
print(json.load(sys.stdin)["loadBalancers"][0]["address"])')
[ -n "$balancer" ] || die "the service shows no balancer address"

title "The balancer answers from both hosts"
before=$(hosts "$balancer")
echo "$before"
[ "$(echo "$before" | wc -l)" = 2 ] || die "not two host names"

title "A stopped task is replaced; the balancer keeps answering"
victim=$(ecsctl ps --service svc-helloworld -q | head -n 1)
must ecsctl stop "$victim" --no-wait
silent=0
for _ in $(seq 150); do
  after=$(fetch "$balancer" 2>/dev/null | sed -n 's/.*My hostname is \([^<]*\).*/\1/p')
  [ -n "$after" ] || silent=$((silent + 1))
  if [ -n "$after" ] && ! echo "$before" | grep -qx "$after"; then break; fi
  sleep 0.2
done
echo "a new host answers: ${after:-none} (requests without an answer meanwhile: $silent)"
{ [ -n "$after" ] && ! echo "$before" | grep -qx "$after"; } || die "no new host name appeared"

title "A terminated instance is replaced by its group; the service is whole again"
instance=$(ecsctl instance list -q | head -n 1)
must aws ec2 terminate-instances --instance-ids "$instance" --output text
for _ in $(seq 300); do
  now=$(ecsctl instance list -q)
  running=$(ecsctl service show svc-helloworld -o json | python3 -c 'import json,sys; print(json.load(sys.stdin)["runningCount"])')
  if ! echo "$now" | grep -q "$instance" && [ "$(echo "$now" | grep -c .)" = 2 ] && [ "$running" = 2 ]; then break; fi
  sleep 0.3
done
must ecsctl instance list
must ecsctl ps
! ecsctl instance list -q | grep -q "$instance" || die "the terminated instance is still listed"
[ "$running" = 2 ] || die "the service runs $running of 2 tasks"
for _ in $(seq 100); do [ "$(hosts "$balancer" 5 | grep -c .)" = 2 ] && break; done
answering=$(hosts "$balancer")
echo "$answering"
[ "$(echo "$answering" | grep -c .)" = 2 ] || die "the balancer does not answer from both hosts"

title "Tear down"
must ecsctl service delete svc-helloworld --yes
must ecsctl down -f balancer.yaml --yes
must ecsctl cluster delete $cluster --yes
must ecsctl task deregister nginx --yes
must ecsctl task deregister helloworld --yes
printf '\nthe walk-through is done\n'
