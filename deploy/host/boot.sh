#!/usr/bin/env bash
# After a boot: point the proxy at the colour that was committed last, and start both. A deployment that the power cut is
# not gone on with here; the next run undoes what is left of it.

set -euo pipefail
base=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
app=${base##*/}

said() {
  sed -n "s/^  \"$1\": \"\{0,1\}\([A-Za-z0-9._-]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$base/state.json"
}

exec 9>>"$base/lock"
flock -w 60 9
if [[ ! -f $base/state.json ]]; then exit 0; fi
colour=$(said colour) port=$(said port)
printf 'active %s\n%s %s\n%s 0\n' "$colour" "$colour" "$port" "$([[ $colour == blue ]] && echo green || echo blue)" \
  >"$base/run/proxy.map.new"
mv -f "$base/run/proxy.map.new" "$base/run/proxy.map"
# An action that the power cut may have taken the record of this colour away already (manager_systemd.sh).
if [[ ! -s $base/run/$colour ]]; then printf '%s %s %(%s)T\n' "$port" "$(said serving)" -1 >"$base/run/$colour"; fi
systemctl start --no-block "$app@$colour.service" "$app-proxy.service" 9>&-
