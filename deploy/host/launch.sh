#!/usr/bin/env bash
# Become a service: record who we are, drop the deployer's environment, read the service's own, and exec it.
#
#   launch.sh RECORD WORDS ENVIRONMENT FOLDER COMMAND…

set -eu
record=$1 words=$2 environment=$3 folder=$4
shift 4

BASE=''
# shellcheck source=deploy/host/manager_process.sh
. "${BASH_SOURCE[0]%/*}/manager_process.sh"

born $$
printf '%s %s %s\n' $$ "$REPLY" "$words" >"$record.new"
mv -f "$record.new" "$record"

cd "$folder"
for name in $(compgen -e); do
  case $name in
  PATH | HOME | LANG | TZ | TMPDIR | USER | LOGNAME) ;;
  *) unset "$name" 2>/dev/null || : ;;
  esac
done
set -a
# shellcheck source=/dev/null
. "$environment"
export _TAGSHIP_RECORD=$record # what leaves the session is known by it (manager_process.sh)
set +a
exec "$@"
