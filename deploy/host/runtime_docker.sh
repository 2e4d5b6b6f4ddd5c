#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Runtime `docker`: the manifest names an image, and its digest is what runs.
#
# What a runtime defines:
#   look_ahead           begin to look at what it takes time to see, while other things are looked at
#   prepare ARTIFACT     fetch what is not on this host yet, before anything is started or stopped; false, with PROBLEM
#   port_for COLOUR      the local port that a colour is to have, in REPLY
#   app_port PORT        the port that the app itself is told, in REPLY, where its colour has that one
#   run_colour COLOUR PORT ARTIFACT OUTPUT
#                        start an artifact as a colour that listens on a local port, by the manager's start_colour
#   await_start          wait for what run_colour left under way
#   adopt COLOUR         give what run_colour started its unit, where it has none yet
#   make_ready COLOUR    what was stopped, ready to be started again at once
#   is_bounded           whether what was seen healthy runs as what it may run as; false, with PROBLEM
#   state_of_colour COLOUR
#                        what the runtime knows of it, for people, on standard output
#   accepting COLOUR PORT
#                        whether the app itself accepts connections there
#   addresses COLOUR PORT
#                        the addresses that it listens on, in REPLY; false when there are none. REACHED_AT: where it has to
#   discard ARTIFACT     remove what prepare fetched, if no kept release needs it
#
# The container listens on the app's PORT, on all of its own interfaces; that is published as the colour's local port.
#
# The colour that was stopped is kept as a container made from its image anew, and not started yet: a rollback to it has
# nothing to do but to start it, and finds no file of its former life. Its label tagship.print says what it was made from;
# it is started only for that very image, environment and configuration. This program starts it: to set up a unit, and Docker's
# client in it, takes a tenth of a second of a machine that the app needs to start. It gets its unit when it is to serve
# (`adopt`), which follows it from the first line of its log: run/<colour>.ready tells the unit so, and everybody that the
# container may run without one (`remains`, `stop_record`). Each later start of the unit (a crash, a boot) makes it anew.

# shellcheck source=deploy/host/runtime_process.sh
. "$PROGRAM/host/runtime_process.sh" # for the environment, which is rendered in the same way

ENGINE=/var/run/docker.sock
ANSWER_LIMIT=30               # seconds, for what Docker does at once where it does not hang
PULL_LIMIT=${PULL_LIMIT:-600} # seconds; host.conf may say otherwise
CONTAINER_PID=none STARTING='' READY_ARTIFACT='' READY_PORT=0 READY_PRINT='' IMAGE_OF='' IMAGE=''

app_port() {
  REPLY=$PORT
}

# The image that a release's manifest names, by digest, in REPLY.
image_of() {
  if [[ $IMAGE_OF != "$1" ]]; then
    IMAGE_OF=$1 IMAGE=$(awk '
      /^  "image": \{$/ { inside = 1; next }
      /^  [}"]/ { inside = 0 }
      inside && NF == 2 { gsub(/[":,]/, "", $1); gsub(/[",]/, "", $2); part[$1] = $2 }
      END { if (part["digest"] ~ /^sha256:[0-9a-f]+$/) print part["repository"] "@" part["digest"] }' \
      "$BASE/releases/$1/manifest.json")
  fi
  REPLY=$IMAGE
  [[ -n $REPLY ]]
}

prepare() {
  local image user
  PROBLEM="the manifest of $1 names no image"
  image_of "$1" || return
  image=$REPLY
  look_for_ready
  if [[ $READY_ARTIFACT == "$1" ]]; then return 0; fi # its container holds the image
  name_is_ours || return
  if user=$(user_of "$image"); then
    name_image "$1"
    may_run_as "$user"
    return
  fi
  outlives_docker || return
  PROBLEM="the journal cannot be written: $(disk)"
  journal pull "$IDLE" || return
  name_kept_images
  say "Pulling $image."
  pull "$image" || return
  name_image "$1"
  sync -f "$DOCKER_ROOT" || sync # or a power cut would leave layers of which Docker knows, without a byte in them
  may_run_as "$(user_of "$image")"
}

# Whether no container of somebody else's has the name that a new one is to get, which would remove it. False with PROBLEM.
name_is_ours() {
  local said name=$CONTAINER-$IDLE
  said=$(let_go && engine GET "$name/json" 2>/dev/null) || return 0 # it has none, or Docker does not answer, which others say
  PROBLEM="a container of this host is called $name, and is not one of $APP's: rename it (docker rename $name $name-before), or set ec2.container.name in tagship.toml"
  [[ $said == *"\"tagship.app\":\"$APP\""* ]]
}

# Whom an image runs as, on standard output; false when it is not here.
user_of() {
  timeout "$ANSWER_LIMIT" docker image inspect --format '{{.Config.User}}' "$1" 2>/dev/null
}

# Root in a container is root to the host's kernel, whatever bounds it has.
may_run_as() {
  PROBLEM="the image of $ARTIFACT runs as root: give it a USER in its Dockerfile; or, knowing what it means, ec2.container.root = true for $ENVIRONMENT in tagship.toml, and publish again"
  [[ $CONTAINER_ROOT == allowed || ! ${1%%:*} =~ ^(0*|root)$ ]]
}

# A name may be root's, in the image's own list of accounts: the kernel has the number.
is_bounded() {
  local word uid=''
  while read -r word uid _; do
    if [[ $word == Uid: ]]; then break; fi
  done <"/proc/$CONTAINER_PID/status"
  may_run_as "$uid"
}

# A release's image gets a name on this host: `docker image prune` takes every image without one, and what was pulled by
# digest has none. It is run by its digest all the same. An app's name may end in a hyphen, which a repository's may not.
name_image() {
  image_of "$1" && timeout "$ANSWER_LIMIT" docker tag "$REPLY" "$(local_name "$1")" && return
  say "The image of $1 has no name on this host: docker image prune would remove it."
}

local_name() {
  printf 'tagship:%s_%s' "$APP" "$1"
}

# Those that an earlier tagship pulled, too: should there be no room for the next one, people are told to prune.
name_kept_images() {
  local release
  for release in "$BASE"/releases/*; do
    if image_of "${release##*/}"; then timeout "$ANSWER_LIMIT" docker tag "$REPLY" "$(local_name "${release##*/}")" 2>/dev/null; fi
  done
}

# Say what a restart of Docker would do to the app, where it would stop it. A container lives on with `live-restore`, and can
# be reached all the while where no docker-proxy is between. False when Docker does not answer.
outlives_docker() {
  local keeps config=/etc/docker/daemon.json apply='systemctl reload docker && systemctl restart docker'
  PROBLEM="Docker does not answer on this host: systemctl status docker"
  keeps=$(timeout "$ANSWER_LIMIT" docker info --format '{{.LiveRestoreEnabled}} {{.DockerRootDir}}') && [[ -n $keeps ]] || return
  DOCKER_ROOT=${keeps#* } keeps=${keeps%% *}
  if [[ $keeps == true ]] && ! grep -qsx docker-proxy /proc/[0-9]*/comm; then return 0; fi
  KEEPS_RUNNING="echo '{\"live-restore\": true, \"userland-proxy\": false}' >$config && $apply"
  if [[ -e $config ]]; then KEEPS_RUNNING="put \"live-restore\": true and \"userland-proxy\": false into $config, then: $apply"; fi
  say "A restart of Docker stops this app for some seconds. To have it run on: $KEEPS_RUNNING"
}

# The login lives in a folder of its own, for as long as the pull takes. A layer's URL is presigned: who reads it may fetch.
pull() {
  local image=$1 folder=$BASE/run/docker said why='' status=0
  rm -rf "$folder" && mkdir -m 0700 "$folder" || return
  if log_in "${image%%/*}" "$folder"; then
    said=$(let_go && AWS_ECR_CACHE_DIR=$folder/ecr timeout "$PULL_LIMIT" docker --config "$folder" pull --quiet "$image" 2>&1) || status=$?
    why=$(sed -n 's/.* error="\(.*\)"$/\1/p' "$folder/ecr/log/ecr-login.log" 2>/dev/null | tail -n 1)
    without_queries "$said" && said=$REPLY
    without_queries "$why" && why=$REPLY
    printf '%s\n%s\n' "$said" "$why"
    PROBLEM="$image cannot be pulled: ${said##*$'\n'}${why:+ ($why)}$(advice_on "$said $why")"
    if ((status == 124)); then
      PROBLEM="$image was not pulled within $PULL_LIMIT s: see that the registry can be reached from this host, or set PULL_LIMIT in /etc/tagship/$APP/host.conf"
    fi
  else
    status=1
  fi
  rm -rf "$folder"
  return "$status"
}

# What is to be done about a pull or a login that failed, after a semicolon.
advice_on() {
  case $1 in
  *"no space left"*) printf '; make room: docker system df, then docker image prune and docker builder prune, which leave every kept version alone (docker image prune --all does not)' ;;
  *"locate credentials"*) printf '; this host has no role: attach the instance profile of the stack tagship-%s-%s (aws ec2 associate-iam-instance-profile), and deploy again' "$APP" "$ENVIRONMENT" ;;
  *ExpiredToken* | *"oken has expired"* | *"security token included in the request"*) printf "; see whose credentials this host has, and whether its clock is right: aws sts get-caller-identity; timedatectl" ;;
  *401* | *denied* | *AccessDenied* | *"no basic auth"*) printf "; this host's role needs ecr:GetAuthorizationToken and, on the repository, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer: inv setup --dry-run" ;;
  *"not found"* | *"manifest unknown"*) printf '; it was deleted from the registry: publish it again, or deploy another version' ;;
  *"Docker daemon"* | *"error during connect"* | EOF | *"unexpected EOF"*) printf '; was Docker restarted? systemctl status docker, and deploy again' ;;
  *"not yet valid"* | *"Signature expired"*) printf '; is the clock of this host right? timedatectl' ;;
  *refused* | *timeout* | *"endpoint URL"* | *"proxy URL"* | *"no such host"* | *"no route"* | *"i/o"*) printf '; see that the registry can be reached from this host, and deploy again' ;;
  esac
}

# ECR's credential helper where it is installed (what it caches and logs goes with the folder), else a password of `aws`,
# which goes from standard output to standard input. Another registry is the operator's own: the login that this host has
# for it is copied.
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
  password=$(let_go && password_of_ecr "${BASH_REMATCH[2]}" 2>"$folder/said") || no_login "$host" "aws ecr get-login-password" $? "$(<"$folder/said")" || return
  said=$(let_go && printf '%s' "$password" | timeout "$PULL_LIMIT" docker --config "$folder" login --username AWS --password-stdin "$host" 2>&1) ||
    no_login "$host" "docker login" $? "$said"
}

# The AWS CLI itself would wait for minutes where there is no route. What it says on standard error holds no password.
password_of_ecr() {
  AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=3 timeout "$PULL_LIMIT" \
    aws ecr get-login-password --region "$1" --cli-connect-timeout 5 --cli-read-timeout 20
}

# Why there is no login, in PROBLEM, and all that was said of it in the log. Always false.
no_login() {
  local host=$1 program=$2 status=$3
  without_queries "$4"
  printf '%s\n' "$REPLY"
  PROBLEM="no login to $host: $program: ${REPLY##*$'\n'}$(advice_on "$REPLY")"
  if ((status == 124)); then PROBLEM="no login to $host: $program did not end within $PULL_LIMIT s$(advice_on timeout)"; fi
  return 1
}

# The port of the container that is ready, if nobody has taken it since; else any free one.
port_for() {
  REPLY=$READY_PORT
  if [[ $1 != "$IDLE" || $READY_ARTIFACT != "$ARTIFACT" ]] || ! is_walled "$READY_PORT" || listening "$READY_PORT"; then free_port; fi
}

# Ask the engine for both colours' containers. Which one is idle is known only when a run that was cut off has been settled;
# that makes none ready.
look_ahead() {
  exec {CONTAINERS}< <(let_go && engine GET "$CONTAINER-{blue,green}/json" 2>/dev/null | ready_ones)
  poise start -f -m "$ANSWER_LIMIT" --unix-socket "$ENGINE"
  image_of "$ARTIFACT" || :
}

# "NAME ARTIFACT PORT PRINT" of a container that was never started, from the engine's JSON of it: one line, in which no quote
# of a value stands unescaped.
ready_ones() {
  sed -n 's/.*"Status":"created".*"Name":"\/\([^"]*\)".*"tagship.artifact":"\([^"]*\)".*"tagship.port":"\([^"]*\)".*"tagship.print":"\([^"]*\)".*/\1 \2 \3 \4/p'
}

# The idle colour's container, where it was never started, in READY_*.
look_for_ready() {
  local name artifact port print
  while read -r name artifact port print; do
    if [[ $name == "$CONTAINER-$IDLE" ]]; then READY_ARTIFACT=$artifact READY_PORT=$port READY_PRINT=$print; fi
  done <&"$CONTAINERS"
  exec {CONTAINERS}<&-
}

# Ask Docker's engine about containers ({…,…} is several, for curl), at its usual socket; false where it says no. A client of
# Docker's takes twice as long, on a machine that the app needs to start. Where the socket is elsewhere, none is found ready.
engine() {
  curl -q -sSf -m "$ANSWER_LIMIT" --unix-socket "$ENGINE" -X "$1" "http://docker/containers/$2"
}

# No value of a variable is among the words: the client takes those from its own environment.
run_colour() {
  local colour=$1 port=$2 artifact=$3 output=$4 name image group print variables words=()
  image_of "$artifact" || return
  image=$REPLY CONTAINER_PID=none
  account_of && group=${ACCOUNT_IS[2]} || return
  if [[ -e $BASE/run/$colour.ready ]]; then rm -f "$BASE/run/$colour.ready"; fi
  know_manifest "$artifact"
  if [[ -n $MEMORY ]]; then words+=(--memory "$MEMORY" --memory-swap "$MEMORY"); fi
  for name in $VOLUMES; do
    words+=(--volume "$name")
  done
  if [[ -n $ENTRYPOINT ]]; then words+=(--entrypoint "$ENTRYPOINT"); fi
  words+=(--init --volume "$BASE/output:$BASE/output" --group-add "$group"
    --pids-limit "$PIDS" --security-opt no-new-privileges --ulimit core=0 --stop-timeout 10
    --log-driver local --log-opt max-size=10m --log-opt max-file=2
    --label "tagship.app=$APP" --label "tagship.environment=$ENVIRONMENT" --label "tagship.artifact=$artifact"
    --label "tagship.commit=$M_commit" --label "tagship.build-time=$M_build_time")
  # A release of an older tagship, which is started again, keeps what it had.
  if [[ $CAPABILITIES != older ]]; then words+=(--cap-drop ALL); fi
  for name in ${CAPABILITIES/older/}; do
    words+=(--cap-add "$name")
  done
  text_of "$BASE/run/$colour.env" && variables=$REPLY
  print=$(printf '%s\n' "$image" "$port:$PORT" "${words[@]}" "$ARGUMENTS" "$variables" | sha256sum) || return
  print=${print%% *}
  if [[ $colour == "$IDLE" && $port == "$READY_PORT" && $print == "$READY_PRINT" ]] && starts "$colour" "$print" && metadata_is_settled; then
    say "Its container is ready."
    start_ready "$colour" "$port" "$artifact"
    return
  fi
  while read -r name; do
    words+=(--env "$name")
  done < <(names_in "$BASE/run/$colour.env")
  if [[ $colour != next ]]; then words+=(--publish "127.0.0.1:$port:$PORT"); fi
  words+=(--label "tagship.port=$port" --label "tagship.print=$print" "$image")
  eval "words+=($ARGUMENTS)" # shlex.join wrote it, and the bundle that it came in was verified
  start_colour "$colour" "$port" "$artifact" "$BASE/run/$colour.env" "$output" "${words[@]}"
}

# Whether what the unit of a colour runs is what made the container with that print. (A run that was cut off may have left
# the script of another.)
starts() {
  text_of "$BASE/run/$1.start" && [[ $REPLY == *" tagship.print=$2 "* ]]
}

# The record comes first, so that nothing runs of which the next run would not know.
start_ready() {
  local name=$CONTAINER-$1
  record_colour "$@" && : >"$BASE/run/$1.ready" || return
  tell start "url = \"http://docker/containers/$name/start\""$'\nrequest = POST' || return
  STARTING=$name ALONE=$1
  install_units "$1"
}

# The container that was ready has been started by now; where it could not be, another is made.
await_start() {
  if [[ -z $STARTING ]]; then return 0; fi
  STARTING=''
  if hear start; then return 0; fi
  say "Docker did not start the container that was ready: making another."
  READY_PRINT='' ALONE=''
  run_colour "$IDLE" "$IDLE_PORT" "$ARTIFACT" "$APP_LOG"
}

adopt() {
  if [[ -z $ALONE ]]; then return 0; fi
  ALONE=''
  start_unit "$1"
}

# The script that the unit runs: it makes the container of a colour, runs it, and ends when it ends, with its code. With
# the argument `create` it makes it, and no more.
#
# Docker's client ends with the container, or with Docker: where live-restore is on, a container outlives a restart of
# Docker, and the script goes on with it. What the app says meanwhile Docker itself keeps, with the time when it is back.
#
# Whose it is it knows by its own name: a job's is renamed when it is committed (job.sh). `make` has the container's name as
# an argument, since the app's variables may be called anything.
start_script() {
  # shellcheck disable=SC2016  # that script expands them
  local environment=$2 folder=$3 words name='"$name"' ready='"$ready"'
  shift 3
  printf -v words ' %q' "$@"
  cat <<END
ready=\${0%.start}.ready
name=\${0##*/}
name=$CONTAINER-\${name%.start}
make() (
  docker rm --force "\$2" >/dev/null 2>&1
  cd $(printf %q "$folder") && set -a && . $(printf %q "$environment") && set +a && exec docker "\$1" --name "\$2"$words
)
if [ "\${1-}" = create ]; then
  make create $name
  exit
fi
if [ -e $ready ]; then
  rm -f $ready
  docker logs --follow $name
else
  make run $name
fi
code=\$?
while :; do
  lost=\$(date +%s.%N)
  state=\$(docker container inspect --format '{{.State.Status}} {{.State.ExitCode}}' $name 2>&1)
  case \$state in
  'exited '* | 'dead '*) exit "\${state#* }" ;;
  'created '* | *'No such'*) exit "\$code" ;;
  'running '* | 'paused '*) docker logs --follow --since "\$lost" $name || sleep 0.5 ;;
  *) sleep 0.5 ;; # Docker is away
  esac
done
END
}

# A failure costs nothing but time at the next rollback. A colour of the other runtime has no such script.
make_ready() {
  [[ "$(<"$BASE/run/$1.start")" == *'make create'* ]] || return 0
  timeout "$ANSWER_LIMIT" bash "$BASE/run/$1.start" create >/dev/null || { container_of "$1" && docker rm --force "$REPLY" >/dev/null 2>&1; }
  return 0
}

state_of_colour() {
  container_of "$1"
  printf 'its container: '
  docker container inspect --format '{{.State.Status}}, exit code {{.State.ExitCode}}, killed for want of memory: {{.State.OOMKilled}}, started {{.State.StartedAt}}, ended {{.State.FinishedAt}}, limit of memory {{.HostConfig.Memory}}{{with .State.Error}}, error: {{.}}{{end}}' \
    "$REPLY" 2>&1
}

# The names that a file of variables sets, as a shell of its own reads it.
names_in() {
  # shellcheck disable=SC2016  # that shell expands it
  env -i bash --norc -c 'set -a; . "$1"; set +a; compgen -e' - "$1" | grep -vxE '_|OLDPWD|PWD|SHLVL'
}

# The container's own table of sockets tells (state 0A: listens). A connection would not: Docker's proxy accepts before the
# app does, and may hold it for a second when the container's network is not up yet. It tells when it is worth asking. On its
# own loopback nobody reaches it.
accepting() {
  local colour=$1 hex
  if [[ ! -r /proc/$CONTAINER_PID/net/tcp ]]; then
    listening "$2" || return
    container_of "$colour" && pid_of "$REPLY" || return
  fi
  printf -v hex ':%04X' "$PORT"
  sockets_of tcp sockstat TCP && [[ ${REPLY//" 0100007F$hex "/} == *"$hex 00000000:0000 0A "* ]] ||
    { sockets_of tcp6 sockstat6 TCP6 &&
      [[ ${REPLY//" 00000000000000000000000001000000$hex "/} == *"$hex 00000000000000000000000000000000:0000 0A "* ]]; }
}

REACHED_AT=0.0.0.0

# Of the container's own.
addresses() {
  container_of "$1" && pid_of "$REPLY" && listed_addresses "$PORT" "/proc/$CONTAINER_PID/net/tcp" "/proc/$CONTAINER_PID/net/tcp6"
}

# A container's process, in CONTAINER_PID; false while it has none.
pid_of() {
  local said
  CONTAINER_PID=none
  said=$(engine GET "$1/json" 2>/dev/null || docker inspect --format '"Pid":{{.State.Pid}}' "$1" 2>/dev/null)
  [[ $said =~ \"Pid\":([1-9][0-9]*) ]] && CONTAINER_PID=${BASH_REMATCH[1]}
}

# The container's sockets of a kind, in REPLY; false where it has none. The count comes first: the kernel walks the table of
# the whole machine for the list. (So would bash's `read`, which goes back to the start of each next line: mapfile does not.)
sockets_of() {
  local lines net=/proc/$CONTAINER_PID/net
  mapfile -t lines 2>/dev/null <"$net/$2"
  if [[ "${lines[*]}" == *"$3: inuse 0"* ]]; then return 1; fi
  mapfile -t lines 2>/dev/null <"$net/$1"
  REPLY=${lines[*]}
}

# The container knows more of its end than the program that watched it.
how_it_ended() {
  local code=0 memory=false problem=''
  container_of "$1"
  read -r code memory problem < <(docker inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}' "$REPLY")
  REPLY="its container exited with code $code${problem:+: $problem}"
  if [[ $memory == true ]]; then REPLY="its container was killed for want of memory${MEMORY:+: it may have $MEMORY, raise limits.memory in tagship.toml}"; fi
  if docker_was_restarted; then REPLY+="; Docker was restarted meanwhile: deploy again"; fi
}

# Whether Docker has started since the colour has (read_record).
docker_was_restarted() {
  local since
  since=$(systemctl show -p ActiveEnterTimestampMonotonic --value docker.service 2>/dev/null)
  ((${R_UP:-0} > 0 && ${since:-0} / 1000 > R_UP))
}

discard() {
  local image release
  image_of "$1" || return 0
  image=$REPLY
  timeout "$ANSWER_LIMIT" docker rmi "$(local_name "$1")"
  for release in "$BASE"/releases/*; do
    if [[ ${release##*/} != "$1" ]] && image_of "${release##*/}" && [[ $REPLY == "$image" ]]; then return 0; fi
  done
  docker ps --all --quiet --filter "label=tagship.app=$APP" --filter "label=tagship.artifact=$1" \
    --filter status=exited --filter status=created |
    xargs -r docker rm
  docker rmi "$image"
}
