#!/usr/bin/env bash
# Shows that the cluster of compose.yaml works: places orders at both API nodes, kills
# one worker in the middle, waits until every order has ended, and has the program prove
# that each was dealt with by the rules. Run it in the folder of compose.yaml after
# `docker compose up`; ORDERS says how many (40). It needs curl and the token file.
set -euo pipefail
orders="${ORDERS:-40}"
[[ ! -f deploy/compose/.env ]] || export COMPOSE_ENV_FILES=deploy/compose/.env
token() { sed -n "s/^$1://p" deploy/compose/tokens.txt; }
customer="Authorization: Bearer $(token customer)"
[[ "$customer" != 'Authorization: Bearer ' ]] || { echo 'deploy/compose/tokens.txt has no token of a customer' >&2; exit 2; }

# within SECONDS WHAT COMMAND...: tries once a second.
within() {
  local until=$((SECONDS + $1)) what="$2"
  shift 2
  until "$@"; do
    [[ $SECONDS -lt $until ]] || { echo "gave up waiting: $what" >&2; exit 1; }
    sleep 1
  done
}

ready() { curl --silent --fail --output /dev/null "http://127.0.0.1:$1/readyz"; }
within 180 'the first API node is ready' ready 8765
within 60 'the second API node is ready' ready 8766

for i in $(seq "$orders"); do
  curl --silent --show-error --fail --output /dev/null -H "$customer" -H 'Content-Type: application/json' \
    -d "{\"tracking_id\": \"smoke-$i\", \"detail\": {\"number\": $i}}" "http://127.0.0.1:$((8080 + i % 2))/v1/orders"
done
echo "placed $orders orders"

docker kill "$(docker compose ps --quiet worker | head -n 1)" >/dev/null
echo 'killed a worker'

# Those that have not ended, at the node that took the others.
open() {
  local n=0 status page
  for status in Pending Scheduling PreProcessing Processing PostProcessing RollingBack; do
    page="$(curl --silent --show-error --fail -H "$customer" "http://127.0.0.1:8081/v1/orders?status=$status&limit=200")" || return 1
    n=$((n + $(grep --only-matching '"order_id"' <<<"$page" | wc -l)))
  done
  echo "$n orders have not ended"
  [[ $n -eq 0 ]]
}
within 300 'all orders have ended' open

# As the login that can only read.
: "${ORDERFLOW_READER_PASSWORD:=$(sed -n 's/^ORDERFLOW_READER_PASSWORD=//p' deploy/compose/.env)}"
dsn="sqlserver://orderflow_reader:$ORDERFLOW_READER_PASSWORD@sqlserver:1433?database=orderflow&encrypt=true&TrustServerCertificate=true"
docker compose run --rm --no-deps -e ORDERFLOW_DSN="$dsn" api-1 check
docker compose run --rm --no-deps -e ORDERFLOW_DSN="$dsn" api-1 projections verify
echo 'the cluster works'
