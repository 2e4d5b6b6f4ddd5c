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

point_proxy_nowhere() {
  rm -f "$BASE/run/upstream"
}

# Whether somebody accepts connections on a local port. No fork.
listening() {
  { : 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null
}

# Have the proxy listen on the app's port; false, with the reason in REPLY, when it cannot.
ensure_proxy() {
  local tries
  if lives proxy; then
    if ((R_PORT == PORT)) && listening "$PORT"; then return 0; fi
    stop_record proxy 1 # the settings moved the app to another port, or it hangs
  fi
  REPLY="something else listens on port $PORT"
  if listening "$PORT"; then return 1; fi
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

# Wait until no connection to a port is left, at most DRAIN seconds. Nothing is left when two looks in a row saw nothing:
# the proxy may just have read the old port.
drain() {
  local port=$1 looks=0 empty=0
  if [[ ! -r /proc/net/tcp ]]; then
    if ((DRAIN > 0)); then sleep 0.3; fi
    return 0
  fi
  while ((looks++ < DRAIN * 20 && empty < 2)); do
    if ((looks > 1)); then sleep 0.05; fi
    if connected "$port"; then empty=0; else empty=$((empty + 1)); fi
  done
}

# Whether a connection to a local port is established (state 01): the kernel's own table, IPv4 and IPv6.
connected() {
  local hex
  printf -v hex ':%04X' "$1"
  awk -v port="$hex" '$4 == "01" && substr($2, length($2) - 4) == port { found = 1; exit } END { exit !found }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# A port that nobody listens on, in REPLY: below the range that outgoing connections take theirs from.
free_port() {
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    REPLY=$((20000 + RANDOM % 12000))
    listening "$REPLY" || return 0
  done
  return 1
}
