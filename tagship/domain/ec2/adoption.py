"""How a host is taken over from what ran there before tagship, and given back.

What ran is stopped and kept: its units are disabled, its containers have no restart policy any more, and the app's
folder is renamed. /etc/tagship/<app>/adopted is written first and says all of that, a line each, so that a run that was
cut off is finished by the next one, and so that `undo` knows what to start. Nothing is deleted on either way. The lines
go to AWS-RunShellScript.
"""

from __future__ import annotations

from tagship.domain.ec2.inspection import FINDS, head, lines_of

_COMMON = r"""
before=$root/opt/$app.before-tagship
record=$root/etc/tagship/$app/adopted

end() {
  reason=$(printf '%s' "$2" | tr -c ' -~' ' ' | tr '\\"' '??')
  printf '{"tagship":1,"action":"%s","outcome":"%s","reason":"%s"}\n' "$verb" "$1" "$reason"
  exit 0
}

# Nobody deploys meanwhile: an order that comes now is held.
held() {
  [ -e "$base/lock" ] || return 0
  exec 9>>"$base/lock" && flock -n 9 || end held "another action runs on this host"
}
"""

_ADOPT = r"""
note() {
  for name in $(units); do
    active=no enabled=no
    if systemctl -q is-active "$name"; then active=yes; fi
    if systemctl -q is-enabled "$name" 2>/dev/null; then enabled=yes; fi
    printf 'unit %s %s %s\n' "$name" "$active" "$enabled"
  done
  for name in $(containers); do
    printf 'container %s %s\n' "$name" "$(docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' "$name")"
  done
  if [ -n "$(files)" ]; then echo folder; fi
}

# Whether a file of the old folder is in it. By a link, whose folder it was could have root read any file to the app.
within() {
  case $(readlink -f "$1") in "$(readlink -f "$before")"/*) return 0 ;; esac
  return 1
}

if [ -s "$base/state.json" ]; then end unchanged 'tagship deploys here already'; fi
if [ ! -e "$record" ]; then
  if [ -e "$before" ]; then end refused "$before is there already: move it elsewhere"; fi
  noted=$(note)
  if [ -z "$noted" ]; then end unchanged 'nothing ran here before'; fi
  mkdir -p "${record%/*}" && printf '%s\n' "$noted" >"$record.new" && sync "$record.new" &&
    mv "$record.new" "$record" || end failed "$record cannot be written"
fi
held
while read -r kind name _; do
  case $kind in
  unit)
    systemctl -q disable "$name" 2>/dev/null
    systemctl stop "$name" || end failed "$name cannot be stopped: systemctl status $name"
    ;;
  container)
    docker update --restart=no "$name" >/dev/null && docker stop "$name" >/dev/null ||
      end failed "the container $name cannot be stopped: docker ps"
    ;;
  folder)
    if [ ! -e "$before" ]; then mv "$base" "$before" || end failed "$base cannot be renamed"; fi
    mkdir -p "$base" && chmod 0711 "$base" || end failed "$base cannot be made"
    # What an order of a failed deployment left; a number that was seen counts on.
    if [ -s "$before/fence" ] && [ ! -e "$base/fence" ] && within "$before/fence"; then
      cp -p "$before/fence" "$base/fence"
    fi
    for file in .env.local .env; do
      if [ -f "$before/$file" ] && [ ! -e "$base/.env.local" ]; then
        within "$before/$file" || end failed "$before/$file is a link out of its folder: copy it to $base/.env.local"
        (umask 077 && cp "$before/$file" "$base/.env.local.new") && mv "$base/.env.local.new" "$base/.env.local" ||
          end failed "$before/$file cannot be copied"
      fi
    done
    ;;
  esac
done <"$record"
grep -qx done "$record" || echo done >>"$record" || end failed "$record cannot be written"
end unchanged "what ran is stopped and kept"
"""

_UNDO = r"""
if [ ! -e "$record" ]; then end unchanged 'nothing was adopted here'; fi
held
if [ -z "$root" ]; then
  for name in "$app-job.timer" "$app@blue.service" "$app@green.service" "$app@job.service" "$app@next.service" \
    "$app-proxy.service" "$app-boot.service"; do
    if systemctl -q is-enabled "$name" 2>/dev/null; then systemctl -q disable "$name"; fi
    if systemctl -q is-active "$name"; then systemctl stop "$name" || end failed "$name cannot be stopped"; fi
  done
  umount "$base/output" 2>/dev/null
fi
if [ -e "$before" ] && grep -qx folder "$record"; then
  aside=$root/opt/$app.tagship-$(date +%Y%m%d-%H%M%S)
  if [ -e "$base" ]; then mv "$base" "$aside" || end failed "$base cannot be renamed"; fi
  mv "$before" "$base" || end failed "$before cannot be renamed"
  # An order that comes late is held by the number that was seen last.
  # (Not through a link that lies there: the folder is somebody else's again.)
  if [ -s "$aside/fence" ]; then cp -p --remove-destination "$aside/fence" "$base/fence"; fi
fi
while read -r kind name was boots; do
  case $kind in
  unit)
    if [ "$boots" = yes ]; then systemctl -q enable "$name"; fi
    if [ "$was" = yes ]; then systemctl start "$name" || end failed "$name does not start: systemctl status $name"; fi
    ;;
  container)
    docker update --restart="$was" "$name" >/dev/null && docker start "$name" >/dev/null ||
      end failed "the container $name does not start: docker logs $name"
    ;;
  esac
done <"$record"
mv -f "$record" "$record.undone"
end unchanged 'what ran before runs again'
"""


def adoption_commands(app: str, port: int, container: str = "", *, undo: bool) -> list[str]:
    """Write lines that take a host over, or give it back."""
    first = f"{head(app, port, container)} verb={'undo' if undo else 'adopt'}"
    return [first, *lines_of(FINDS + _COMMON + (_UNDO if undo else _ADOPT))]
