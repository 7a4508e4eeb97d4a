#!/usr/bin/env bash
# Replays orders from their events. See --help.
set -euo pipefail
script=replay.sh
# shellcheck source=scripts/program.sh
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"

usage() {
  cat <<'TEXT'
Usage: replay.sh [--dsn DSN] [--dry-run] ORDER-ID...

Replays each order from its events, one by one, and prints after each event where the
order then stood. Says whether the end is what customers see. It changes nothing; to
make all views anew, see rebuild-projections.sh.

  --dsn DSN   the database; default $ORDERFLOW_DSN, or else orderflow.db
  --dry-run   say what would be run, and run nothing
  --help      print this

$ORDERFLOW_BIN names the program; default bin/orderflow of this repository, or else
orderflow on the PATH.

Exit codes: 0 every order was replayed and ends as customers see it; 1 one was not
found or ends otherwise; 2 wrong use.
TEXT
}

orders=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --dsn) [[ $# -ge 2 ]] || fail '--dsn needs a value'; dsn="$2"; shift 2 ;;
    --dsn=*) dsn="${1#--dsn=}"; shift ;;
    --dry-run) dry=yes; shift ;;
    -*) fail "unknown argument: $1" ;;
    *) orders+=("$1"); shift ;;
  esac
done
[[ ${#orders[@]} -gt 0 ]] || fail 'no order id was given'
for id in "${orders[@]}"; do
  [[ "$id" =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]] || fail "$id is not an order id"
done
prepare

for id in "${orders[@]}"; do
  printf '== %s\n' "$id"
  each call orders replay "$id"
done
exit "$worst"
