"""What a host is asked before a deployment: its room, and what is in the way. It changes nothing there.

The lines go to AWS-RunShellScript; the host answers with a verdict whose `facts` are numbers, and names of plain
characters.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

FINDS = r"""
root=${TAGSHIP_HOST_ROOT-}
base=$root/opt/$app

# What lies in the app's folder and is not tagship's.
files() {
  if [ -s "$base/state.json" ] || [ ! -d "$base" ]; then return; fi
  for each in "$base"/* "$base"/.[!.]*; do
    case ${each##*/} in
    releases | output | log | incoming | run | secrets | lock | lock.new | fence | journal.jsonl | .env.local) ;;
    lost+found | boot.sh | metadata.sh | floor | current | .env.new | state.json.new | journal.jsonl.new | *.sh.new) ;;
    *) if [ -e "$each" ] || [ -L "$each" ]; then printf '%s\n' "${each##*/}"; fi ;;
    esac
  done
}

# A unit of the app's name, or one that runs something of its folder, and its timer: started, or to be started at boot.
units() {
  if [ -n "$root" ] || ! command -v systemctl >/dev/null; then return; fi
  for each in /etc/systemd/system/*.service /usr/lib/systemd/system/*.service; do
    [ -f "$each" ] || continue
    name=${each##*/}
    case $name in
    "$app@"*.service | "$app-proxy.service" | "$app-boot.service" | "$app-metadata.service") continue ;;
    "$app.service") ;;
    *) grep -qE "^(ExecStart|WorkingDirectory|EnvironmentFile)=.*/opt/$app(/|\$|[[:space:]])" "$each" || continue ;;
    esac
    for name in "${name%.service}.timer" "$name"; do
      if systemctl -q is-active "$name" || systemctl -q is-enabled "$name" 2>/dev/null; then printf '%s\n' "$name"; fi
    done
  done
}

# Those that bear the app's label are of tagship.
containers() {
  if [ -n "$root" ] || ! command -v docker >/dev/null; then return; fi
  for each in "name=^/?$app\$" "name=^/?$container\$" "publish=$port"; do
    timeout 5 docker ps --filter "$each" --format '{{.Names}} {{.Label "tagship.app"}}' 2>/dev/null
  done | awk -v app="$app" '$2 != app { print $1 }' | sort -u
}
"""
"""What ran on a host before tagship, by shell functions that read `app` and `port`."""

_LOOK = r"""
# Cut to plain characters, so that no file's name can end the JSON; ten of a kind are enough to know.
names() { tr -c 'A-Za-z0-9._@:/\n-' '?' | sort -u | head -n 10 | sed '/^$/d; s/.*/"&"/' | paste -sd, -; }

# Who listens on the app's port, where no proxy of tagship's can be.
port() {
  if [ -n "$root" ] || [ -s "$base/state.json" ] || ! command -v ss >/dev/null; then return; fi
  ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)".*/\1/p'
}

# The accounts that the units ran as: whose their data is.
users() { units | while read -r name; do systemctl show -p User --value "$name"; done; }

# A folder, where the app sees it, and whose it is, by number and by name.
folder() {
  state=used
  if [ -z "$(find "$1" -mindepth 1 -maxdepth 1 ! -name lost+found 2>/dev/null | head -n 1)" ]; then state=empty; fi
  printf '%s:%s:%s:%s:%s\n' "${1#"$root"}" "$2" "$3" "$(stat -Lc '%u:%g:%U:%G' "$1" 2>/dev/null)" "$state"
}

# Those that the settings name.
volumes() {
  for each in $volumes; do if [ -d "$root$each" ]; then folder "$root$each" "$each" true; fi; done
}

# Those that what ran before may have written to: what its containers had mounted, or the folders of its own.
data() {
  containers | while read -r name; do
    timeout 5 docker inspect --format '{{range .Mounts}}{{.Source}}:{{.Destination}}:{{.RW}}{{println}}{{end}}' "$name"
  done 2>/dev/null | while IFS=: read -r from to writable; do
    if [ -d "$from" ]; then
      folder "$from" "$to" "$writable"
    elif [ -f "$from" ]; then
      printf '%s:%s:file\n' "$from" "$to"
    fi
  done
  if [ -n "$(containers)" ]; then return; fi
  files | while read -r name; do
    case $name in
    .* | node_modules | venv | env | bin | lib | src | dist | build) continue ;;
    static | public | templates | __pycache__) continue ;;
    esac
    if [ -d "$base/$name" ]; then folder "$base/$name" "/opt/$app/$name" true; fi
  done
}

at=$base
until [ -d "$at" ]; do case $at in */*/*) at=${at%/*} ;; *) at=/ ;; esac; done
kb=$(df -Pk "$at" 2>/dev/null | awk 'NR == 2 && $4 ~ /^[0-9]+$/ { print $4 }')
# itotal 0: a file system that counts none
inodes=$(df --output=itotal,iavail "$at" 2>/dev/null | awk 'NR == 2 && $1 > 0 { print $2 }')
ours=no
if [ -s "$base/state.json" ]; then ours=yes; fi
adopted=no record=$root/etc/tagship/$app/adopted
if [ -e "$record" ]; then
  adopted=half
  if grep -qx done "$record"; then adopted=yes; fi
fi

printf '{"tagship":1,"action":"inspect","outcome":"unchanged","facts":{'
printf '"ours":"%s","adopted":"%s"' "$ours" "$adopted"
if [ -n "$kb" ]; then printf ',"free_kb":%s' "$kb"; fi
if [ -n "$inodes" ]; then printf ',"free_inodes":%s' "$inodes"; fi
printf ',"files":[%s],"units":[%s],"containers":[%s],"port":[%s],"users":[%s]' "$(files | names)" \
  "$(units | names)" "$(containers | names)" "$(port | names)" "$(users | names)"
printf ',"volumes":[%s],"data":[%s]}}\n' "$(volumes | names)" "$(data | names)"
"""


def inspection_commands(app: str, port: int, container: str = "", volumes: Sequence[str] = ()) -> list[str]:
    """Write lines for AWS-RunShellScript that look at a host.

    `container`: what containers of the app are called, too; `volumes`: folders of the host that the settings name.
    """
    words = shlex.quote(" ".join(volumes))
    return [f"{head(app, port, container)} volumes={words}", *lines_of(FINDS + _LOOK)]


def head(app: str, port: int, container: str) -> str:
    """Write the variables that FINDS reads."""
    return f"app={shlex.quote(app)} port={port} container={shlex.quote(container or app)}"


def lines_of(script: str) -> list[str]:
    """Split a script into lines that Systems Manager leaves as they are."""
    # It would put a stored parameter in the place of `{{`, which is always within quotes here.
    return [line for line in script.replace("{{", "{''{").split("\n") if line]
