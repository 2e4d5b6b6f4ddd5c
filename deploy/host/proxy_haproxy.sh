#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# The proxy of hosts with systemd: HAProxy, told through its control socket while it runs (docs/adr/0007-proxy.md).
# It replaces these of proxy.sh, and leaves `drain`, `listening` and `free_port`.
#
# What a proxy defines:
#   upstream             the port that it points at, in REPLY; 0 when nowhere
#   ask_ahead            begin to ask what `upstream` is going to tell
#   poise_proxy          begin what point_proxy_at is going to need
#   point_proxy_at PORT  point it at a colour's port, for good: also after a restart of the proxy
#   point_proxy_nowhere  nothing serves
#   proxy_is_right       whether it listens on the app's port, as this release has it
#   ensure_proxy         have it do so; false, with the reason in REPLY, when it cannot. One that serves is never stopped
#   evidence_of_proxy    what it said last, for people, on standard output
#   busy PORT            whether a request to a colour's port is under way
#
# run/proxy.map is what it reads when it starts: the active colour, and each colour's port.

CONTROL=/run/$APP-proxy/control.sock
HOW_TO_TELL=(-f -m 5 --unix-socket "$CONTROL")
PROXY_IS=(blue 0 0 0 0) # active colour, ports of blue and green, requests in flight to each; the worker's number
WORKER=''               # of a worker that has taken over since: only its word counts

# How the running proxy is set, in PROXY_IS; false when it does not run. With a path it is set so first.
ask_proxy() {
  local words='url = "http://proxy/"' name=proxy
  if (($#)); then words="url = \"http://proxy$1\""$'\nrequest = PUT' name=switch; fi
  told "$name" "$words" "${HOW_TO_TELL[@]}" || return
  read -ra PROXY_IS <<<"$REPLY"
  ((${#PROXY_IS[@]} >= 5))
}

ask_ahead() {
  poise proxy "${HOW_TO_TELL[@]}"
  tell proxy 'url = "http://proxy/"' || :
}

poise_proxy() {
  poise switch "${HOW_TO_TELL[@]}"
}

# The same out of the file, when the proxy does not run.
read_map() {
  local key value
  PROXY_IS=(blue 0 0 0 0)
  [[ -f $BASE/run/proxy.map ]] || return 0
  while read -r key value; do
    case $key in
    active) PROXY_IS[0]=$value ;;
    blue) PROXY_IS[1]=$value ;;
    green) PROXY_IS[2]=$value ;;
    esac
  done <"$BASE/run/proxy.map"
}

# What it points at. A run that was cut off between telling the proxy and writing the file is put right here: the file is
# made to say what the proxy does.
upstream() {
  if ask_proxy; then write_map; else read_map; fi
  REPLY=${PROXY_IS[1]}
  if [[ ${PROXY_IS[0]} == green ]]; then REPLY=${PROXY_IS[2]}; fi
}

point_proxy_at() {
  local port=$1 colour=blue each
  for each in blue green; do
    if read_record "$each" && [[ $R_PORT == "$port" ]]; then colour=$each; fi
  done
  set_proxy "$colour" "$port"
}

# For some milliseconds after a reload the worker before still takes orders, which are gone with it.
set_proxy() {
  local colour=$1 port=$2 tries
  if ask_proxy "/$colour/$port"; then
    for ((tries = 0; tries < 100; tries++)); do
      if [[ -z $WORKER || ${PROXY_IS[5]-} == "$WORKER" ]]; then break; fi
      sleep 0.02
      ask_proxy "/$colour/$port" || return
    done
    [[ ${PROXY_IS[0]} == "$colour" ]] || return
  else
    if lives proxy; then return 1; fi
    read_map
    PROXY_IS[0]=$colour
    if [[ $colour == blue ]]; then PROXY_IS[1]=$port; else PROXY_IS[2]=$port; fi
  fi
  write_map
}

# The colour that is not active becomes so, with port 0: `drain` still finds the other one by its port.
point_proxy_nowhere() {
  upstream
  other "${PROXY_IS[0]}"
  set_proxy "$REPLY" 0
}

write_map() {
  local text
  printf -v text 'active %s\nblue %s\ngreen %s' "${PROXY_IS[@]:0:3}"
  if [[ -f $BASE/run/proxy.map && $text == "$(<"$BASE/run/proxy.map")" ]]; then return 0; fi
  replace "$BASE/run/proxy.map" "$text"
}

ensure_proxy() {
  local before=''
  REPLY="haproxy is not installed on this host: dnf install haproxy, or apt-get install haproxy"
  command -v haproxy >/dev/null || return
  if proxy_is_right && ask_proxy; then return 0; fi
  if ! lives proxy; then
    REPLY="something else listens on port $PORT: ss -ltnp 'sport = :$PORT'"
    if listening "$PORT"; then BEFORE=there && return 1; fi
  fi
  REPLY="the proxy's unit cannot be written: $(disk)"
  [[ -f $BASE/run/proxy.map ]] || write_map || return
  printf '%s proxy 0\n' "$PORT" >"$BASE/run/proxy" || return
  install_from proxy.service "$UNITS/$APP-proxy.service"
  reload_units || return
  if install_from proxy.cfg "$BASE/run/proxy.cfg" good_config && lives proxy; then
    if ask_proxy; then before=${PROXY_IS[5]-none}; fi
    systemctl reload "$APP-proxy.service"
  fi
  if ! is_from proxy.cfg "$BASE/run/proxy.cfg"; then
    REPLY="the proxy cannot use its configuration: haproxy -c -f $BASE/run/.proxy.cfg.new"
    return 1
  fi
  if systemctl start "$APP-proxy.service" && await_worker "$before"; then return 0; fi
  REPLY="the proxy does not start: $(journalctl --unit "$APP-proxy.service" --grep ALERT --lines 2 --output cat --no-pager)"
  if ! listening "$PORT"; then systemctl stop "$APP-proxy.service"; fi
  return 1
}

good_config() {
  haproxy -c -q -f "$1"
}

# Wait until the proxy listens and answers, at most ten seconds; after a reload, until another worker than the one before does.
await_worker() {
  local until
  clock && until=$((REPLY + 10000))
  while clock && ((REPLY < until)); do
    if ask_proxy && [[ ${PROXY_IS[5]-none} != "$1" ]] && listening "$PORT"; then
      if [[ -n $1 ]]; then WORKER=${PROXY_IS[5]-}; fi
      return 0
    fi
    sleep 0.02
  done
  return 1
}

evidence_of_proxy() {
  systemctl show -p ActiveState,SubState,Result,ExecMainStatus,NRestarts "$APP-proxy.service" | tr '\n' ' '
  journalctl --unit "$APP-proxy.service" --lines 10 --output cat --no-pager
}

proxy_is_right() {
  [[ -f $BASE/run/proxy.map && -f $BASE/run/proxy && $(<"$BASE/run/proxy") == "$PORT proxy 0" ]] || return
  is_from proxy.service "$UNITS/$APP-proxy.service" && is_from proxy.cfg "$BASE/run/proxy.cfg" && listening "$PORT"
}

# Whether a request to a local port is under way.
busy() {
  ask_proxy || return
  [[ ${PROXY_IS[1]} == "$1" && ${PROXY_IS[3]} != 0 || ${PROXY_IS[2]} == "$1" && ${PROXY_IS[4]} != 0 ]]
}
