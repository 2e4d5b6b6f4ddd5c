#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Runtime `docker`: the manifest names an image, and its digest is what runs.
#
# What a runtime defines:
#   prepare ARTIFACT     fetch what is not on this host yet, before anything is started or stopped; false, with PROBLEM
#   run_colour COLOUR PORT ARTIFACT OUTPUT
#                        start an artifact as a colour that listens on a local port, by the manager's start_colour
#   accepting COLOUR PORT
#                        whether the app itself accepts connections there
#   discard ARTIFACT     remove what prepare fetched, if no kept release needs it
#
# The container listens on the app's PORT, on all of its own interfaces; that is published as the colour's local port.

# shellcheck source=deploy/host/runtime_process.sh
. "$PROGRAM/host/runtime_process.sh" # for the environment, which is rendered in the same way

PULL_LIMIT=600 # seconds
CONTAINER_PID=none

# The image that a release's manifest names, by digest, in REPLY.
image_of() {
  REPLY=$(awk '
    /^  "image": \{$/ { inside = 1; next }
    /^  [}"]/ { inside = 0 }
    inside && NF == 2 { gsub(/[":,]/, "", $1); gsub(/[",]/, "", $2); part[$1] = $2 }
    END { if (part["digest"] ~ /^sha256:[0-9a-f]+$/) print part["repository"] "@" part["digest"] }' \
    "$BASE/releases/$1/manifest.json")
  [[ -n $REPLY ]]
}

prepare() {
  local image
  PROBLEM="the manifest of $1 names no image"
  image_of "$1" || return
  image=$REPLY
  if docker image inspect --format '{{.Id}}' "$image" 2>/dev/null; then return 0; fi
  PROBLEM="Docker does not answer on this host: systemctl status docker"
  docker version --format '{{.Server.Version}}' || return
  PROBLEM="the journal cannot be written: $(disk)"
  journal pull "$IDLE" || return
  say "Pulling $image."
  pull "$image"
}

# The login lives in a folder of its own, for as long as the pull takes.
pull() {
  local image=$1 folder=$BASE/run/docker said status=0
  rm -rf "$folder" && mkdir -m 0700 "$folder" || return
  if log_in "${image%%/*}" "$folder"; then
    said=$(timeout "$PULL_LIMIT" docker --config "$folder" pull --quiet "$image" 2>&1) || status=$?
    printf '%s\n' "$said"
    PROBLEM="$image cannot be pulled: ${said##*$'\n'}"
    if ((status == 124)); then PROBLEM="$image was not pulled within $PULL_LIMIT s"; fi
  else
    status=1
  fi
  rm -rf "$folder"
  return "$status"
}

# ECR's credential helper where it is installed, else a password of `aws`, which goes from standard output to standard
# input. Another registry is the operator's own: the login that this host has for it is copied.
log_in() {
  local host=$1 folder=$2 password said
  if [[ ! $host =~ ^[0-9]{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$ ]]; then
    cp "${HOME:-/root}/.docker/config.json" "$folder/" 2>/dev/null
    return 0
  fi
  if command -v docker-credential-ecr-login; then
    printf '{"credHelpers":{"%s":"ecr-login"}}\n' "$host" >"$folder/config.json"
    return
  fi
  PROBLEM="no login to $host: aws ecr get-login-password failed"
  password=$(aws ecr get-login-password --region "${BASH_REMATCH[2]}") || return
  said=$(docker --config "$folder" login --username AWS --password-stdin "$host" <<<"$password" 2>&1) && return
  PROBLEM="the login to $host failed: ${said##*$'\n'}"
  return 1
}

# The words after the environment's names are the same for each colour of a release; no value of a variable is among them.
run_colour() {
  local colour=$1 port=$2 artifact=$3 output=$4 name image words=()
  render_environment "$colour" "$PORT" "$artifact" && image_of "$artifact" || return
  image=$REPLY CONTAINER_PID=none
  chmod 1777 "$BASE/output" # whoever the image runs as may write there
  while read -r name; do
    words+=(--env "$name")
  done < <(names_in "$BASE/run/$colour.env")
  if [[ -n ${MEMORY-} ]]; then words+=(--memory "$MEMORY" --memory-swap "$MEMORY"); fi
  read_manifest "$BASE/releases/$artifact/manifest.json"
  start_colour "$colour" "$port" "$artifact" "$BASE/run/$colour.env" "$output" docker run \
    --name "$APP-$colour" --init --publish "127.0.0.1:$port:$PORT" --volume "$BASE/output:$BASE/output" \
    --pids-limit "${PIDS:-1024}" --security-opt no-new-privileges --stop-timeout 10 \
    --log-driver local --log-opt max-size=10m --log-opt max-file=2 \
    --label "tagship.app=$APP" --label "tagship.environment=$ENVIRONMENT" --label "tagship.artifact=$artifact" \
    --label "tagship.commit=$M_commit" --label "tagship.build-time=$M_build_time" \
    "${words[@]}" "$image"
}

# The names that a file of variables sets, as a shell of its own reads it.
names_in() {
  # shellcheck disable=SC2016  # that shell expands it
  env -i bash --norc -c 'set -a; . "$1"; set +a; compgen -e' - "$1" | grep -vxE '_|OLDPWD|PWD|SHLVL'
}

# The container's own table of sockets tells (state 0A: listens). A connection would not: Docker's proxy accepts before the
# app does, and may hold it for a second when the container's network is not up yet.
accepting() {
  local colour=$1 hex
  if [[ ! -r /proc/$CONTAINER_PID/net/tcp ]]; then
    CONTAINER_PID=$(docker inspect --format '{{.State.Pid}}' "$APP-$colour" 2>/dev/null)
    if [[ ${CONTAINER_PID:-0} == 0 ]]; then CONTAINER_PID=none && return 1; fi
  fi
  printf -v hex ':%04X' "$PORT"
  awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1; exit } END { exit !found }' \
    "/proc/$CONTAINER_PID/net/tcp" "/proc/$CONTAINER_PID/net/tcp6" 2>/dev/null
}

# The container knows more of its end than the program that watched it.
how_it_ended() {
  local code=0 memory=false problem=''
  read -r code memory problem < <(docker inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}' "$APP-$1")
  REPLY="its container exited with code $code${problem:+: $problem}"
  if [[ $memory == true ]]; then REPLY="its container was killed for want of memory"; fi
}

discard() {
  local image release
  image_of "$1" || return 0
  image=$REPLY
  for release in "$BASE"/releases/*; do
    if [[ ${release##*/} != "$1" ]] && image_of "${release##*/}" && [[ $REPLY == "$image" ]]; then return 0; fi
  done
  docker ps --all --quiet --filter "label=tagship.app=$APP" --filter "label=tagship.artifact=$1" --filter status=exited |
    xargs -r docker rm
  docker rmi "$image"
}
