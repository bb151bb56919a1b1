# shellcheck shell=bash
# What compose.sh and kubernetes.sh have in common. They say how a part is asked (kab_ask) and its lines are had (logs).
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

# ready [PART]: what readiness says, of one part or of all (in a cluster of each one pod).
ready() {
    local part
    for part in ${1:-$KAB_PARTS}; do
        printf '%-20s ' "$part"
        kab_ask "$part" /readyz
    done
}

# metrics PART: its figures as they are now (in a cluster those of one of its pods).
metrics() { kab_ask "$1" /metrics; }

# errors [15m]: what wants a person, of all parts.
errors() {
    local part
    for part in $KAB_PARTS; do
        logs "$part" "${1:-15m}" | grep -E '"level": "(error|critical)"'
    done
}
