#!/usr/bin/env bash
# After a boot: point the proxy at the colour that was committed last, and start both. A job is not started: see that its
# timer is, and that both are what was committed. A deployment that the power cut is not gone on with here; the next run
# undoes what is left of it.

set -euo pipefail
base=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
app=${base##*/}

said() {
  sed -n "s/^  \"$1\": \"\{0,1\}\([A-Za-z0-9._-]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$base/state.json"
}

until [[ /dev/fd/9 -ef $base/lock ]]; do # an action may put another file in its place (entry.sh, renew_lock)
  exec 9>>"$base/lock"
  flock -w 60 9
done
if [[ ! -f $base/state.json ]]; then exit 0; fi
colour=$(said colour) port=$(said port)
if [[ $colour == job && -e $base/run/next.switch ]]; then bash "$base/run/next.switch" 9>&- || :; fi # job.sh
# An action that the power cut may have taken the record of this colour away already (manager_systemd.sh).
if [[ ! -s $base/run/$colour ]]; then printf '%s %s %(%s)T\n' "$port" "$(said serving)" -1 >"$base/run/$colour"; fi
if [[ $colour == job ]]; then
  if [[ -e /etc/systemd/system/$app-job.timer ]]; then systemctl enable --now --quiet "$app-job.timer" 9>&-; fi
  exit 0
fi
printf 'active %s\n%s %s\n%s 0\n' "$colour" "$colour" "$port" "$([[ $colour == blue ]] && echo green || echo blue)" \
  >"$base/run/proxy.map.new"
mv -f "$base/run/proxy.map.new" "$base/run/proxy.map"
systemctl start --no-block "$app@$colour.service" "$app-proxy.service" 9>&-
