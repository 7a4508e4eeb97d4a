#!/usr/bin/env bash
# Makes the views anew from the events. See --help.
set -euo pipefail
script=rebuild-projections.sh
# shellcheck source=scripts/program.sh
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"

usage() {
  cat <<'TEXT'
Usage: rebuild-projections.sh [--dsn DSN] [--dry-run]

Makes the views that customers see anew from the events: fills a second table beside
the one that is read, compares the two row by row, swaps them, and verifies the
result. Nodes may run and customers may read all the while. If it is killed, nothing
has changed, and it can be run again. Two at a time: the second one is refused.

  --dsn DSN   the database; default $ORDERFLOW_DSN, or else orderflow.db
  --dry-run   say what would be run, and run nothing
  --help      print this

$ORDERFLOW_BIN names the program; default bin/orderflow of this repository, or else
orderflow on the PATH.

Exit codes: 0 the views are as the events say; 1 the rebuild failed, or its result is
wrong; 2 wrong use.
TEXT
}

while [[ $# -gt 0 ]]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --dsn) [[ $# -ge 2 ]] || fail '--dsn needs a value'; dsn="$2"; shift 2 ;;
    --dsn=*) dsn="${1#--dsn=}"; shift ;;
    --dry-run) dry=yes; shift ;;
    *) fail "unknown argument: $1" ;;
  esac
done
prepare

echo '== before'
call projections status || true # what is wrong before is what the rebuild mends
echo '== rebuild'
call projections rebuild
echo '== verify'
call projections verify
echo '== after'
call projections status
