# shellcheck shell=bash
# What the scripts share; they source it. The script sets `script`, its own name.

# fail MESSAGE ends the script as used wrongly.
fail() {
  echo "$script: $1" >&2
  echo "Run \"$script --help\" for help." >&2
  exit 2
}

# The database, until --dsn says otherwise.
dsn="${ORDERFLOW_DSN:-orderflow.db}"

# prepare sets `bin` to the program and hands it the database: in the environment and not
# on the command line, where everybody on the machine could read a password.
prepare() {
  [[ -n "$dsn" ]] || fail '--dsn is empty'
  export ORDERFLOW_DSN="$dsn"
  bin="${ORDERFLOW_BIN:-$(dirname "${BASH_SOURCE[0]}")/../bin/orderflow}"
  [[ -x "$bin" || -n "${ORDERFLOW_BIN:-}" ]] || bin="$(command -v orderflow || true)"
  [[ -x "$bin" ]] || fail 'the program orderflow was not found: run "make build", or name it in ORDERFLOW_BIN'
}

# call runs the program, or says how it would be run in a dry run.
dry=
call() {
  if [[ -n "$dry" ]]; then
    echo "would run: orderflow $*"
  else
    "$bin" "$@"
  fi
}

# each runs its arguments and keeps the worst exit code in `worst`, so that what comes
# after it runs too. A crash counts as a failure.
worst=0
each() {
  local code=0
  "$@" || code=$?
  ((code <= 2)) || code=1
  ((code <= worst)) || worst=$code
}
