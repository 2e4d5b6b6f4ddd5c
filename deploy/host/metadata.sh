#!/usr/bin/env bash
# Close the instance's metadata service to an app, or open it again:
#
#   metadata.sh close|open NUMBER SELECTOR…
#
# Who reaches it has the rights of the host's role. Rules of routing, by which the kernel refuses what comes from the app:
# SELECTOR is its account (uidrange 998-998), or the bridge of its container (iif docker0), which has a rule beside the other's.
# It may be closed again, and opened again.

set -euo pipefail
action=$1 number=$2
shift 2

# close FAMILY ADDRESS SELECTOR…
close() {
  local family=$1 address=$2 wrong pref=$number
  shift 2
  if [[ $1 == iif ]]; then pref=$((number + 10000)); fi
  wrong=$(ip "$family" rule add pref "$pref" to "$address" "$@" prohibit 2>&1) && return
  if [[ $wrong == *'File exists'* ]]; then return 0; fi
  printf '%s\n' "$wrong" >&2
  return 1
}

open() {
  local pref
  for pref in "$number" $((number + 10000)); do
    while ip "$1" rule delete pref "$pref" to "$2" 2>/dev/null; do :; done
  done
}

"$action" -4 169.254.169.254/32 "$@"
if [[ -e /proc/net/if_inet6 ]]; then "$action" -6 fd00:ec2::254/128 "$@"; fi
