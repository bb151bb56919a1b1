# shellcheck shell=bash
# The words of docs/runbooks for a cluster: `. deploy/oncall/kubernetes.sh`, then the pages' commands as they stand.
# KAB_NAMESPACE names another namespace than `kabinet`.

. "$(dirname "${BASH_SOURCE[0]}")/parts.sh"

kab_ctl() { kubectl --namespace "${KAB_NAMESPACE:-kabinet}" "$@"; }

kab_ask() { # PART PATH
    local port
    port=$(kab_port "$1") && kab_ctl exec "deploy/$1" -- python -c "$KAB_ASK" "$port" "$2"
}

kab_pods() { # PART: how its pods are chosen
    case $1 in
        portal) echo app.kubernetes.io/name=portal ;;
        *) echo "app.kubernetes.io/name=${1%-*},app.kubernetes.io/component=${1##*-}" ;;
    esac
}

# kab SERVICE ARGUMENTS: the service's own program, in its worker's pod, also while the service is stopped.
kab() { kab_ctl exec --stdin "deploy/$1-worker" -- "$@"; }

# sql SERVICE STATEMENT: one statement in the service's database, cells apart by tabs.
sql() {
    local pod
    pod=$(kab_ctl get pod --selector "cnpg.io/cluster=$1-db,cnpg.io/instanceRole=primary" --output name)
    kab_ctl exec "${pod:?the database of $1 has no primary now}" --container postgres -- psql -d "${1//-/_}" -AtF "	" -c "$2"
}

# logs PART [15m]: the lines of all its pods since then.
logs() { kab_ctl logs --selector "$(kab_pods "$1")" --since "${2:-15m}" --tail -1 --max-log-requests 20; }

# restart PART: one pod after another.
restart() { kab_ctl rollout restart "deploy/$1" && kab_ctl rollout status "deploy/$1" --timeout 5m; }

# stop SERVICE [worker]: no api, unless the worker alone is meant, and a worker that sleeps, so that `kab` goes on working.
stop() {
    kab_ctl annotate scaledobject "$1-worker" autoscaling.keda.sh/paused-replicas=1 --overwrite || true
    if [ "${2:-}" != worker ]; then kab_ctl scale "deploy/$1-api" --replicas 0; fi
    kab_ctl patch "deploy/$1-worker" --patch '{"spec": {"template": {"spec": {"containers": [{"name": "kabinet",
        "command": ["sleep", "infinity"], "args": null, "startupProbe": null, "livenessProbe": null, "readinessProbe": null}]}}}}'
    kab_ctl scale "deploy/$1-worker" --replicas 1
    kab_ctl rollout status "deploy/$1-worker" --timeout 5m
}

# start SERVICE: the worker as it was before; the autoscalers say how many.
start() {
    kab_ctl rollout undo "deploy/$1-worker"
    kab_ctl annotate scaledobject "$1-worker" autoscaling.keda.sh/paused-replicas- || true
    kab_ctl scale "deploy/$1-api" --replicas 2
    kab_ctl rollout status "deploy/$1-api" --timeout 5m && kab_ctl rollout status "deploy/$1-worker" --timeout 5m
}

# scale PART COUNT: until the autoscaler has another opinion.
scale() { kab_ctl scale "deploy/$1" --replicas "$2"; }
