#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Runtime `process`: the bundle carries the app itself, and its command runs in the release's folder.

# Nothing to fetch: the bundle has it all.
prepare() {
  return 0
}

# A release that ran as a container has given its image a name, which would keep it.
discard() {
  if command -v docker >/dev/null && grep -q '^  "image": {$' "$BASE/releases/$1/manifest.json"; then timeout 30 docker rmi "tagship:${APP}_$1"; fi
  return 0
}

look_ahead() {
  return 0
}

await_start() {
  return 0
}

adopt() {
  return 0
}

accepting() {
  listening "$2"
}

REACHED_AT=127.0.0.1

addresses() {
  listed_addresses "$2" /proc/net/tcp /proc/net/tcp6
}

port_for() {
  free_port
}

app_port() {
  REPLY=$1
}

make_ready() {
  return 0
}

# Its account is not root (provide_account).
is_bounded() {
  return 0
}

state_of_colour() {
  return 0
}

# The script that a unit runs: the variables, the folder, the command, each word quoted.
start_script() {
  local environment=$2 folder=$3 words
  shift 3
  printf -v words ' %q' "$@"
  printf 'cd %q || exit\nset -a\n. %q\nset +a\nexec%s\n' "$folder" "$environment" "$words"
}

# Start an artifact as a colour on a port, its output to a log.
run_colour() {
  local colour=$1 port=$2 artifact=$3 output=$4
  hand_over "$BASE/.env.new" "$BASE/run/$colour.env" || return
  eval "set -- $COMMAND" # shlex.join wrote it, and the bundle that it came in was verified
  start_colour "$colour" "$port" "$artifact" "$BASE/run/$colour.env" "$output" "$@"
}

# .env: the variables of the environment's settings, the release's secrets, then the operator's own .env.local. It becomes
# .env when what it is for serves. run/<colour>.env: those, and what every colour is told. Both 0600, quoted so that a
# shell reads back exactly the value.
render_environment() {
  local colour=$1 port artifact=$3 each
  app_port "$2" && port=$REPLY
  know_manifest "$artifact"
  (
    umask 077
    for each in "$BASE/.env.new" "$BASE/run/$colour.env"; do
      if [[ -e $each ]]; then rm -f "$each"; fi # one that is there would keep its mode
    done
    { settings_variables && secret_variables "$artifact" && local_variables; } >"$BASE/.env.new" || exit
    {
      cat "$BASE/.env.new"
      assign PORT "$port"
      assign VERSION "$artifact"
      assign COMMIT_SHA "$M_commit"
      assign BUILD_TIME "$M_build_time"
      assign ENVIRONMENT "$ENVIRONMENT"
      assign OUTPUT_DIR "$BASE/output"
    } >"$BASE/run/$colour.env"
  )
}

# Have the manifest of a release in M_*.
know_manifest() {
  [[ ${M_artifact_id-} == "$1" ]] || read_manifest "$BASE/releases/$1/manifest.json"
}

settings_variables() {
  local name value
  for name in $VARIABLES; do
    value=VARIABLE_$name
    assign "$name" "${!value}"
  done
}

# NAME=value lines; quotes around a value are taken off, and nothing in it is interpreted.
local_variables() {
  local line name value
  [[ -f $BASE/.env.local ]] || return 0
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
    name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    case $value in
    \'*\') value=${value#\'} value=${value%\'} ;;
    \"*\") value=${value#\"} value=${value%\"} ;;
    esac
    case $name in
    BASH* | EUID | PPID | UID | SHELLOPTS | _ | PWD | OLDPWD | SHLVL | COMP_WORDBREAKS | DIRSTACK | EPOCH* | FUNCNAME | \
      GROUPS | HISTCMD | LINENO | OPTIND | PIPESTATUS | RANDOM | SECONDS | SRANDOM) say ".env.local: $name belongs to the shell, and is left out" >&2 ;;
    *) assign "$name" "$value" ;;
    esac
  done <"$BASE/.env.local"
}

# NAME='value'
assign() {
  local quote="'\\''"
  printf "%s='%s'\n" "$1" "${2//\'/$quote}"
}
