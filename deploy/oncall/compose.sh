# shellcheck shell=bash
# The words of docs/runbooks for docker compose: `. deploy/oncall/compose.sh` in the checkout, then the pages' commands as they stand.
# A PART is identity-api, identity-worker, …, or portal; a SERVICE is identity, verification, billing-link or notifier.

KAB_PARTS="identity-api identity-worker verification-api verification-worker billing-link-api billing-link-worker notifier-api notifier-worker portal"

kab_port() {
    case $1 in
        portal) echo 8080 ;;
        identity-api) echo 8001 ;; identity-worker) echo 9001 ;;
        verification-api) echo 8002 ;; verification-worker) echo 9002 ;;
        billing-link-api) echo 8003 ;; billing-link-worker) echo 9003 ;;
        notifier-api) echo 8004 ;; notifier-worker) echo 9004 ;;
        *) echo "no part named $1; there are: $KAB_PARTS" >&2; return 1 ;;
    esac
}

KAB_ASK='import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}{sys.argv[2]}", timeout=10).read().decode())
except urllib.error.HTTPError as answer:
    print(answer.code, answer.read().decode())
except OSError as problem:
    print("no answer:", problem)'

kab_ask() { # PART PATH
    local port
    port=$(kab_port "$1") && docker compose exec -T "$1" python -c "$KAB_ASK" "$port" "$2"
}

# kab SERVICE ARGUMENTS: the service's own program, in a container of its own, so also while the service is stopped.
kab() { docker compose run --rm --no-deps -T "$1-worker" "${@:2}"; }

# sql SERVICE STATEMENT: one statement in the service's database, cells apart by tabs.
sql() {
    # shellcheck disable=SC2016 # expanded in the container
    docker compose exec -T postgres sh -c 'PGPASSWORD=$(cat /run/secrets/postgres_password) exec psql -U postgres -d "$0" -AtF "	" -c "$1"' "${1//-/_}" "$2"
}

# ready [PART]: what readiness says, of one part or of all.
ready() {
    local part
    for part in ${1:-$KAB_PARTS}; do
        printf '%-20s ' "$part"
        kab_ask "$part" /readyz
    done
}

# metrics PART: its figures as they are now.
metrics() { kab_ask "$1" /metrics; }

# logs PART [15m]: its lines since then.
logs() { docker compose logs --no-log-prefix --since "${2:-15m}" "$1"; }

# errors [15m]: what wants a person, of all parts.
errors() {
    local part
    for part in $KAB_PARTS; do
        logs "$part" "${1:-15m}" | grep -E '"level": "(error|critical)"'
    done
}

# restart PART: a new container, with the settings, secrets and keys as they are now.
restart() { docker compose up --detach --no-deps --force-recreate "$1"; }

# stop SERVICE [worker]: api and worker, or the worker alone; `kab` goes on working.
stop() {
    if [ "${2:-}" != worker ]; then docker compose stop "$1-api"; fi
    docker compose stop "$1-worker"
}

# start SERVICE
start() { docker compose up --detach --no-deps "$1-api" "$1-worker"; }

# scale PART COUNT
scale() { docker compose up --detach --no-deps --no-recreate --scale "$1=$2" "$1"; }
