#!/usr/bin/env bash
# Prints a token file with a new token for each role. Redirect it to tokens.txt beside
# this file:
#
#     deploy/compose/tokens.sh > deploy/compose/tokens.txt
#
# docker mounts the file as it is, and the program in the container is neither its owner
# nor in its group: leave it readable (0644) and keep the folder to yourself instead.
set -euo pipefail
for role in customer operator auditor; do
  printf '%s:%s\n' "$role" "$(openssl rand -hex 32)"
done
