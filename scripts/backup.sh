#!/usr/bin/env bash
# Makes a backup and proves that it is good. See --help.
set -euo pipefail
script=backup.sh
# shellcheck source=scripts/program.sh
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"

usage() {
  cat <<'TEXT'
Usage: backup.sh [--dsn DSN] [--dry-run] FILE

Copies the database to FILE (orderflow backup), which must not be there yet. Nodes may
run meanwhile. On SQLite all of the copy is read and checked; on SQL Server FILE is one
of the server's machine, and the server verifies it.

  --dsn DSN   the database; default $ORDERFLOW_DSN, or else orderflow.db
  --dry-run   say what would be done, on SQL Server by which statements, and do nothing
  --help      print this

$ORDERFLOW_BIN names the program; default bin/orderflow of this repository, or else
orderflow on the PATH.

Exit codes: 0 the backup is made and good; 1 it could not be made, or is not good;
2 wrong use.
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

call backup "$file" ${dry_run[@]+"${dry_run[@]}"}
