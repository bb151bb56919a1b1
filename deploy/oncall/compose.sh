# shellcheck shell=bash
# The words of docs/runbooks for docker compose: `. deploy/oncall/compose.sh` in the checkout, then the pages' commands as they stand.

. "$(dirname "${BASH_SOURCE[0]}")/parts.sh"

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

# logs PART [15m]: its lines since then.
logs() { docker compose logs --no-log-prefix --since "${2:-15m}" "$1"; }

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
