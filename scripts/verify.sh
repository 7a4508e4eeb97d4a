#!/usr/bin/env bash
# Proves that the system is in order. See --help.
set -euo pipefail
script=verify.sh
# shellcheck source=scripts/program.sh
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"

usage() {
  cat <<'TEXT'
Usage: verify.sh [--dsn DSN] [--dry-run] [--json]

Proves the invariants of the event store (orderflow check) and compares the views that
customers see with it (orderflow projections verify). Nodes may run meanwhile. It
changes nothing.

  --dsn DSN   the database; default $ORDERFLOW_DSN, or else orderflow.db
  --json      print two JSON documents, one of each command
  --dry-run   say what would be run, and run nothing
  --help      print this

$ORDERFLOW_BIN names the program; default bin/orderflow of this repository, or else
orderflow on the PATH.

Exit codes: 0 nothing is wrong; 1 something is, or the database could not be read;
2 wrong use.
TEXT
}

json=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --dsn) [[ $# -ge 2 ]] || fail '--dsn needs a value'; dsn="$2"; shift 2 ;;
    --dsn=*) dsn="${1#--dsn=}"; shift ;;
    --dry-run) dry=yes; shift ;;
    --json) json=(--json); shift ;;
    *) fail "unknown argument: $1" ;;
  esac
done
prepare

# Both run, whatever the first one finds.
[[ ${#json[@]} -gt 0 ]] || echo '== check'
each call check ${json[@]+"${json[@]}"}
[[ ${#json[@]} -gt 0 ]] || echo '== projections verify'
each call projections verify ${json[@]+"${json[@]}"}
exit "$worst"
