#!/usr/bin/env bash
# Puts a backup in the place of the database and proves what is there. See --help.
set -euo pipefail
script=restore.sh
# shellcheck source=scripts/program.sh
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"

usage() {
  cat <<'TEXT'
Usage: restore.sh [--dsn DSN] [--dry-run] FILE

Puts the backup FILE in the place of the database (orderflow restore), and verifies the
result: the event store, and the views. Stop all nodes first: a database that a live
node works on, or that any process has open, stays as it is. On SQLite the database
before is kept beside the new one. Orders placed after the backup are gone.

  --dsn DSN   the database; default $ORDERFLOW_DSN, or else orderflow.db
  --dry-run   look whether it could be done, say what would be, on SQL Server by which
              statements, and do nothing
  --help      print this

$ORDERFLOW_BIN names the program; default bin/orderflow of this repository, or else
orderflow on the PATH.

Exit codes: 0 the backup is in place and nothing is wrong; 1 it is not in place, or
something is wrong; 2 wrong use.
TEXT
}

file=
dry_run=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --dsn) [[ $# -ge 2 ]] || fail '--dsn needs a value'; dsn="$2"; shift 2 ;;
    --dsn=*) dsn="${1#--dsn=}"; shift ;;
    --dry-run) dry_run=(--dry-run); shift ;;
    -*) fail "unknown argument: $1" ;;
    *) [[ -z "$file" ]] || fail "more than one file: $1"; file="$1"; shift ;;
  esac
done
[[ -n "$file" ]] || fail 'no file was given'
prepare

echo '== restore'
call restore "$file" ${dry_run[@]+"${dry_run[@]}"}
[[ ${#dry_run[@]} -eq 0 ]] || exit 0
echo '== projections verify'
call projections verify
