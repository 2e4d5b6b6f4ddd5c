#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# The proxy in front of the two colours. It is never restarted: at each new connection it reads run/upstream, one line, the
# port of the colour that serves; a rename of that file is the switch.

# The port that the proxy points at, in REPLY; 0 when it points nowhere.
upstream() {
  REPLY=0
  if [[ -s $BASE/run/upstream ]]; then read -r REPLY <"$BASE/run/upstream"; fi
}

point_proxy_at() {
  printf '%s\n' "$1" >"$BASE/run/upstream.new" && mv -f "$BASE/run/upstream.new" "$BASE/run/upstream"
}

# Begin to ask what `upstream` is going to tell.
ask_ahead() {
  return 0
}

# Begin what point_proxy_at is going to need.
poise_proxy() {
  return 0
}

point_proxy_nowhere() {
  rm -f "$BASE/run/upstream"
}

# Whether somebody accepts connections on a local port. No fork.
listening() {
  { : 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null
}

# Whether the proxy listens on the app's port.
proxy_is_right() {
  lives proxy && ((R_PORT == PORT)) && listening "$PORT"
}

# Have it do so; false, with the reason in REPLY, when it cannot.
ensure_proxy() {
  local tries
  if proxy_is_right; then return 0; fi
  if lives proxy; then stop_record proxy 1; fi # the settings moved the app to another port, or it hangs
  REPLY="something else listens on port $PORT"
  if listening "$PORT"; then BEFORE=there && return 1; fi
  : >"$BASE/run/proxy.env"
  launch proxy "$PORT" "$BASE/run/proxy.env" "$BASE" "$BASE/log/proxy.log" tagship-proxy --port "$PORT" --upstream-file "$BASE/run/upstream"
  for ((tries = 0; tries < 250; tries++)); do
    if listening "$PORT"; then return 0; fi
    kill -0 "$STARTED_PID" 2>/dev/null || break
    sleep 0.02
  done
  REPLY="the proxy does not start: $(tail -n 1 "$BASE/log/proxy.log")"
  return 1
}

# What it said last, for people, on standard output.
evidence_of_proxy() {
  tail -n 20 "$BASE/log/proxy.log" 2>&1
}

# Wait until nothing is under way to a port, at most DRAIN seconds. Nothing is when two looks in a row saw nothing: the proxy
# may just have read the old port. A command, if one is given, runs at each look; false as soon as it is.
drain() {
  local port=$1 looks=0 empty=0 until
  shift
  clock && until=$((REPLY + DRAIN * 1000))
  while ((looks++ < DRAIN * 20 && empty < 2)) && clock && ((REPLY < until)); do
    if ((looks > 1)); then sleep 0.05; fi
    "${@-true}" || return
    if busy "$port"; then empty=0; else empty=$((empty + 1)); fi
  done
}

# Whether a connection to a local port is established (state 01): the kernel's own table, IPv4 and IPv6. Where there is none
# (macOS), six looks have to do.
busy() {
  if [[ -r /proc/net/tcp ]]; then connected "$1"; else ((looks < 6)); fi
}

connected() {
  local hex
  printf -v hex ':%04X' "$1"
  awk -v port="$hex" '$4 == "01" && substr($2, length($2) - 4) == port { found = 1; exit } END { exit !found }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# A port that nobody listens on, in REPLY: below the range that outgoing connections take theirs from.
free_port() {
  local tries
  PROBLEM="no free port was found"
  for ((tries = 0; tries < 100; tries++)); do
    REPLY=$((20000 + RANDOM % 12000))
    listening "$REPLY" || return 0
  done
  return 1
}

# Whether a port may be taken again. (Hosts with systemd have ports of their own: walls.sh.)
is_walled() {
  return 0
}
