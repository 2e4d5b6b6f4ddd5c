#!/usr/bin/env bash
# First boot of an ASG or preview host: fetch the artifact that the environment runs, verify it, deploy it.
#
# `inv user-data --env dev` prints what a launch template takes: a header of variables, and this program and stage 1
# (deploy/host/entry.sh) packed under it. From there it is the way that Run Command goes: stage 1 verifies the signature
# with the pinned key, unpacks, and becomes ec2_deploy.sh.
#
# The artifact is named by the first of: DEPLOYMENT_KEY in the header or exported before it, DEPLOYMENT_KEY in
# /etc/tagship/<app>/host.env, the environment's pointer object, which the last healthy deployment wrote. It names one
# artifact and its manifest's sha256: the same bytes for every host. One that a deployment overtakes meanwhile reads it again.
# The pointer is signed as a manifest is. It says until when it may be put into the bucket, and S3 says when that was: an old
# one that somebody put back is refused, and a host that boots a year later obeys what stood there all the time.
#
# Exit codes are tagship's: 0 healthy (or nothing to deploy yet), 2 the header is wrong, 4 a later action has this host,
# 5 missing or not authentic, 6 and 7 the app did not become healthy, 8 IMDS, AWS or a package failed.

set -uo pipefail
export LC_ALL=C HOME=${HOME:-/root} DEBIAN_FRONTEND=noninteractive AWS_PAGER=''
umask 022

# The header, which nothing that is started here inherits.
APP=${APP-} ENVIRONMENT=${ENVIRONMENT-} DEPLOYMENT_BUCKET=${DEPLOYMENT_BUCKET-} DEPLOYMENT_KEY=${DEPLOYMENT_KEY-}
REGION=${REGION-} NEEDS=${NEEDS-} ALLOW_UNSIGNED=${ALLOW_UNSIGNED-} KEYS=${KEYS-} REVOKED=${REVOKED-} ATTESTED=${ATTESTED-} ENTRY=${ENTRY-}
NUMBERS=${NUMBERS:-none}
export -n APP ENVIRONMENT DEPLOYMENT_BUCKET DEPLOYMENT_KEY REGION NEEDS ALLOW_UNSIGNED KEYS REVOKED ATTESTED ENTRY NUMBERS

ROOT=${TAGSHIP_HOST_ROOT-}
IMDS=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
PAUSE=${TAGSHIP_PAUSE:-2} # seconds, longer at each attempt
ID='[0-9a-z][0-9A-Za-z.-]{0,63}'
ARTIFACT='' SHA256=none FENCE=0 POINTED='' UNSIGNED=refused TOKEN='' SAID='' WORK=''

say() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

# End with an exit code, what is wrong, and what to do.
fail() {
  say "error: $2"
  say "next: $3"
  exit "$1"
}

# -- what this host has to have ----------------------------------------------------------------------------------------

# The package that has a command, in REPLY: dnf's name and apt's.
package() {
  case $1 in
  aws) REPLY='awscli-2 awscli' ;;
  flock) REPLY='util-linux util-linux' ;;
  awk) REPLY='gawk mawk' ;;
  docker) REPLY='docker docker.io' ;;
  *) REPLY="$1 $1" ;;
  esac
}

absent() {
  REPLY=''
  local each
  for each in curl aws openssl flock tar gzip awk $NEEDS; do
    command -v "$each" >/dev/null || REPLY+=" $each"
  done
}

install_missing() {
  local missing='' each names=''
  absent && missing=$REPLY
  if [[ -n $missing ]]; then
    say "installing what is missing:$missing"
    if command -v dnf >/dev/null; then
      for each in $missing; do package "$each" && names+=" ${REPLY% *}"; done
      # shellcheck disable=SC2086 # names of packages, one word each
      dnf install -y -q $names # it waits for its own lock
    elif command -v apt-get >/dev/null; then
      for each in $missing; do package "$each" && names+=" ${REPLY#* }"; done
      apt_get update
      for each in $names; do apt_get install -y --no-install-recommends "$each"; done
      command -v aws >/dev/null || snap install aws-cli --classic # Ubuntu 24.04 has no package of it
    fi
    absent && [[ -z $REPLY ]] || fail 8 "these could not be installed:$REPLY" "Put them into the image that hosts start from."
  fi
  if [[ " $NEEDS " == *' docker '* ]]; then
    systemctl enable --now docker
    outlive_docker
  fi
}

# At the first boot Ubuntu and Debian look for upgrades by themselves, and hold apt's locks meanwhile. It waits for dpkg's
# if it is told to, for the others never. What has no package has none the next time, either.
apt_get() {
  local attempt
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    apt-get -qq -o DPkg::Lock::Timeout=60 -o APT::Update::Error-Mode=any "$@" 2>"$WORK/errors" && return
    cat "$WORK/errors"
    if ((attempt == 10)) || grep -qE 'Unable to locate package|no installation candidate' "$WORK/errors"; then return; fi
    sleep $((PAUSE * attempt))
  done
}

# A restart of Docker shall not stop the app. Nothing is changed where somebody configured Docker, nor where a restart would
# stop a container: there the first deployment that pulls says the command. Where Docker does not start so (flags of its
# unit, swarm mode), it is as it was.
outlive_docker() {
  local config=$ROOT/etc/docker/daemon.json
  [[ ! -e $config ]] && REPLY=$(docker ps -aq) && [[ -z $REPLY ]] || return
  mkdir -p "${config%/*}" && echo '{"live-restore": true, "userland-proxy": false}' >"$config"
  systemctl restart docker && return
  say "Docker does not start with live-restore: it is started without"
  rm -f "$config" && systemctl reset-failed docker && systemctl restart docker
}

# -- what this host is -------------------------------------------------------------------------------------------------

# One answer of the metadata service, IMDSv2 only: without a token nothing is asked.
imds() { curl -fsS --noproxy '*' --max-time 3 -H "X-aws-ec2-metadata-token: $TOKEN" "$IMDS/latest/$1" 2>/dev/null; }

ask_imds() {
  local attempt
  for attempt in 1 2 3 4 5; do
    TOKEN=$(curl -fsS --noproxy '*' --max-time 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$IMDS/latest/api/token") && break
    sleep $((PAUSE * attempt))
  done
  [[ -n $TOKEN ]] || fail 8 "the metadata service at $IMDS gives no token: without it there are no credentials either" \
    "Allow it in the launch template: MetadataOptions HttpEndpoint=enabled, HttpTokens=required."
  say "instance $(imds meta-data/instance-id) in $(imds meta-data/placement/region)"
}

# host.env is read, not run: known names, and what is there already wins.
read_host_env() {
  local file=$ROOT/etc/tagship/$APP/host.env name value
  [[ -f $file ]] || return 0
  while IFS='=' read -r name value || [[ -n $name ]]; do
    case $name in
    ENVIRONMENT | DEPLOYMENT_BUCKET | DEPLOYMENT_KEY | REGION) [[ -n ${!name} ]] || printf -v "$name" '%s' "${value%$'\r'}" ;;
    esac
  done <"$file"
}

# Region and environment where nothing else names them; and never another environment than the instance's tag says.
read_instance() {
  local tag
  REGION=${REGION:-$(imds meta-data/placement/region)}
  tag=$(imds meta-data/tags/instance/tagship:environment) || return 0
  ENVIRONMENT=${ENVIRONMENT:-$tag}
  [[ $tag == "$ENVIRONMENT" ]] || fail 2 "this host is tagged for another environment ($(printf %q "$tag")) than $(printf %q "$ENVIRONMENT")" \
    "Correct the tag tagship:environment, or the launch template's user data."
}

check() {
  local name='^[a-z][a-z0-9-]{0,30}$' bucket='^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' key='^[A-Za-z0-9][A-Za-z0-9._/-]{0,400}$'
  local wrong=''
  [[ $ENVIRONMENT =~ $name ]] || wrong+=" ENVIRONMENT=$(printf %q "$ENVIRONMENT")"
  [[ $DEPLOYMENT_BUCKET =~ $bucket ]] || wrong+=" DEPLOYMENT_BUCKET=$(printf %q "$DEPLOYMENT_BUCKET")"
  [[ $REGION =~ ^[a-z][a-z0-9-]{1,29}$ ]] || wrong+=" REGION=$(printf %q "$REGION")"
  [[ -z $DEPLOYMENT_KEY || $DEPLOYMENT_KEY =~ $key ]] || wrong+=" DEPLOYMENT_KEY=$(printf %q "$DEPLOYMENT_KEY")"
  [[ -z $wrong ]] || fail 2 "these cannot be right:$wrong" "Correct the launch template (inv user-data) or host.env."
  export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION
}

# The keys that releases and orders are verified with, in place of those that the image has. Where the launch template allows
# what nobody signed, this host says so to stage 1 from now on.
pin_keys() {
  local pinned=$ROOT/etc/tagship/$APP
  if [[ $ALLOW_UNSIGNED == true ]]; then
    { mkdir -p "$pinned" && touch "$pinned/allow-unsigned"; } || fail 8 "$pinned cannot be written" "Look at the disk: df -h"
    say "UNSIGNED: this host runs what nobody signed: its launch template says so"
    UNSIGNED=allowed
  fi
  unpack_stage_1
  # shellcheck source=/dev/null
  REPLY=$(. "$WORK/entry.sh" && pin "$APP" "$ENVIRONMENT" "$KEYS" "$REVOKED" "$ATTESTED" 2>&1) ||
    fail 8 "no key could be pinned in $pinned: $REPLY" "Look at the disk (df -h) and at the image."
  say "$REPLY"
}

# -- which artifact ----------------------------------------------------------------------------------------------------

# An AWS command, its output in SAID. Tried again unless it says that nothing is there: just after boot the role's
# credentials may not be known everywhere yet.
try() {
  local attempt
  for attempt in 1 2 3 4 5; do
    SAID=$("$@" 2>"$WORK/errors") && return
    if grep -qE '\((404|NoSuchKey)\)' "$WORK/errors"; then return 1; fi
    if ((attempt < 5)); then sleep $((PAUSE * attempt)); fi
  done
  fail 8 "aws $2 $3: $(last_error)" "Look at the host's role and network, then start another host."
}

# Without what stands behind the "?" of a URL: in a presigned one that is a password.
last_error() { tail -n 1 "$WORK/errors" | sed -E 's#(/[^[:space:]"?]*\?)[^[:space:]"]*#\1***#g'; }

fetch() { try aws s3 cp "s3://$DEPLOYMENT_BUCKET/$1" "$2"; }

# Name the artifact, by its key or by the pointer.
choose() {
  if [[ $DEPLOYMENT_KEY =~ ^$APP/$ENVIRONMENT/($ID)/deploy-bundle\.tar\.gz$ ]]; then
    ARTIFACT=${BASH_REMATCH[1]}
  elif [[ -z $DEPLOYMENT_KEY ]] && fetch_pointer; then
    POINTED=yes
    read_pointer
  fi
}

# The pointer, and what S3 says of it.
fetch_pointer() {
  try aws s3api get-object --bucket "$DEPLOYMENT_BUCKET" --key "$APP/_pointer/$ENVIRONMENT.json" "$WORK/pointer" --output json &&
    printf '%s' "$SAID" >"$WORK/said"
}

# Believe what the pinned key signed for this environment, if it was put there in time. Stage 1 has the words.
read_pointer() {
  local again="Write it again: inv deploy --env $ENVIRONMENT; and find out who writes to the bucket" values expires put numbers
  values=$(believed_values 2>/dev/null)
  read -r _ _ _ ARTIFACT SHA256 FENCE expires numbers <<<"$values"
  [[ -n $numbers ]] || fail 5 "the pointer of $ENVIRONMENT is not signed for this host" "$again"
  if [[ $numbers != - ]]; then NUMBERS=$numbers; fi
  put=$(sed -n 's/^ *"LastModified": "\([^"]*\)".*/\1/p' "$WORK/said")
  if [[ $put != 20* ]]; then put=$(date -u -d "$put" +%FT%T); fi
  [[ ${put:0:19} && ! ${put:0:19} > $expires ]] ||
    fail 5 "the pointer of $ENVIRONMENT names $ARTIFACT and is an old one: it expired at $expires, and was put there at $put" "$again"
  start_floor
  DEPLOYMENT_KEY=$APP/$ENVIRONMENT/$ARTIFACT/deploy-bundle.tar.gz
  say "the pointer of $ENVIRONMENT names $ARTIFACT (manifest sha256 $SHA256)"
}

# What is signed, a word each; nothing where it is not.
believed_values() {
  local each unsigned=$UNSIGNED
  # shellcheck source=/dev/null
  . "$WORK/entry.sh"
  # shellcheck disable=SC2034 # stage 1 reads it
  KEY=$ROOT/etc/tagship/$APP/release.pub.pem UNSIGNED=$unsigned
  verify_sealed "$WORK/pointer" >/dev/null || return
  for each in kind=pointer "app=$APP" "environment=$ENVIRONMENT" "artifact=$ID" 'manifest_sha256=[0-9a-f]{64}' \
    'fence=[0-9]{1,15}' 'expires=[0-9T:-]{19}[+]00:00' 'numbers=[A-Z_0-9=,]*'; do
    sealed_value "$WORK/pointer" "${each%%=*}" "${each#*=}" || return
    printf '%s ' "${REPLY:--}"
  done
}

# A pointer that is later than all that this host has heard may name an older version: somebody went back. An old pointer is
# held by its number.
start_floor() {
  local highest=0 base=$ROOT/opt/$APP
  if [[ -s $base/fence ]]; then read -r highest <"$base/fence"; fi
  if [[ $highest =~ ^[0-9]+$ ]] && ((FENCE > highest)); then rm -f "$base/floor"; fi
}

# HEAD: whether it is there; its size, date and metadata are said.
look_at() {
  local size date
  try aws s3api head-object --bucket "$DEPLOYMENT_BUCKET" --key "$1" --output json || return
  size=$(sed -n 's/^ *"ContentLength": \([0-9]*\).*/\1/p' <<<"$SAID")
  date=$(sed -n 's/^ *"LastModified": "\([^"]*\)".*/\1/p' <<<"$SAID")
  [[ $size =~ ^[1-9][0-9]*$ ]] || fail 5 "s3://$DEPLOYMENT_BUCKET/$1 is empty" "Publish it under a new number."
  say "s3://$DEPLOYMENT_BUCKET/$1: $size bytes, of $date"
  sed -n '/"Metadata": {$/,/}/s/^ *"\([a-z-]*\)": "\(.*\)",\{0,1\}$/  \1: \2/p' <<<"$SAID"
}

say_what_is_there() {
  local prefix
  say "$1 is not in s3://$DEPLOYMENT_BUCKET. The latest there:"
  for prefix in "$APP/$ENVIRONMENT/" "bundles/$ENVIRONMENT/"; do
    aws s3 ls "s3://$DEPLOYMENT_BUCKET/$prefix" --recursive 2>&1 | sort | tail -n 10 | sed 's/^/  /'
  done
}

# -- deploying it ------------------------------------------------------------------------------------------------------

unpack_stage_1() {
  if [[ $ENTRY != *$'\n' ]]; then
    fail 2 "stage 1 is not whole in this script" "Render it again: inv user-data --env $ENVIRONMENT"
  fi
  printf '%s' "$ENTRY" >"$WORK/entry.sh"
}

# As Run Command does it. With a key alone, the manifest that stands beside the bundle is meant, whose signature decides.
deploy() {
  local id
  if [[ $SHA256 == none ]]; then
    fetch "$APP/$ENVIRONMENT/$ARTIFACT/manifest.json" "$WORK/manifest" ||
      fail 5 "$ARTIFACT has no manifest: it is no artifact" "Publish it: inv publish --artifact $ARTIFACT"
    SHA256=$(sha256sum <"$WORK/manifest") && SHA256=${SHA256%% *}
  fi
  id=$(date -u +%Y%m%d-%H%M%S)-000000-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
  say "deploying $ARTIFACT as $id"
  bash "$WORK/entry.sh" deploy "$APP" "$ENVIRONMENT" "$ARTIFACT" "$SHA256" "$id" "$FENCE" "$DEPLOYMENT_BUCKET" "$REGION" "$UNSIGNED" "$NUMBERS" </dev/null
}

# Older layouts have no manifest and no signature: whoever can write to the bucket could run anything here as root.
legacy() {
  local key keys=()
  if [[ -n $ARTIFACT ]]; then keys=("bundles/$ENVIRONMENT/deploy-bundle-$ARTIFACT.tar.gz"); fi
  if [[ $ENVIRONMENT == pr-* ]]; then keys+=("$APP/$ENVIRONMENT/$APP-deployment.tar.gz"); fi
  if [[ -n $DEPLOYMENT_KEY && -z $ARTIFACT ]]; then keys=("$DEPLOYMENT_KEY"); fi
  for key in ${keys[@]+"${keys[@]}"}; do
    look_at "$key" || continue
    say "WARNING: this is a bundle of an older layout: nobody signed it, and nothing says that it is what was built."
    [[ $ALLOW_UNSIGNED == true ]] || fail 5 "s3://$DEPLOYMENT_BUCKET/$key is not signed, so nothing of it is run" \
      "Publish it with inv publish; or, knowing what it means: allow_unsigned = true for $ENVIRONMENT, and inv user-data again"
    unsigned "$key" 2>&1 | sed -u 's/^/UNSIGNED: /'
    return "${PIPESTATUS[0]}"
  done
  [[ -n $DEPLOYMENT_KEY ]] || { say "nothing was deployed to $ENVIRONMENT yet: this host waits for the first deployment" && return; }
  fail 5 "there is no artifact to run" "Name one that there is (DEPLOYMENT_KEY), or publish this one: inv publish"
}

# What such a bundle knows is its own deploy/ec2_deploy.sh VERSION. Stage 1 looks into it first: what is damaged, or would
# write anywhere but into its own folder, is not unpacked.
unsigned() {
  local place=$ROOT/opt/$APP/legacy wrong
  fetch "$1" "$WORK/bundle"
  # shellcheck source=/dev/null disable=SC2034 # stage 1 reads them
  wrong=$(. "$WORK/entry.sh" && M_unpacked=0 M_size=$(wc -c <"$WORK/bundle") && look_into_tar "$WORK/bundle" older && echo nothing || echo "$REASON")
  [[ $wrong == nothing ]] || fail 5 "${wrong/the bundle of /it}" "Look at it: aws s3 cp s3://$DEPLOYMENT_BUCKET/$1 ."
  { rm -rf "$place" && mkdir -p "$place" && tar --no-same-owner -xzf "$WORK/bundle" -C "$place"; } ||
    fail 5 "it cannot be unpacked into $place" "Look at it: aws s3 cp s3://$DEPLOYMENT_BUCKET/$1 ."
  [[ -f $place/deploy/ec2_deploy.sh ]] || fail 5 "it has no deploy/ec2_deploy.sh" "Publish it with inv publish"
  say "running its own deploy/ec2_deploy.sh ${ARTIFACT:-$ENVIRONMENT}"
  export APP ENVIRONMENT
  cd "$place" && bash deploy/ec2_deploy.sh "${ARTIFACT:-$ENVIRONMENT}" </dev/null
}

run() {
  if [[ -n $ARTIFACT ]] && look_at "$DEPLOYMENT_KEY"; then deploy; else
    if [[ -n $ARTIFACT ]]; then say_what_is_there "$DEPLOYMENT_KEY"; fi
    legacy
  fi
}

# Run what the pointer names until it names what was run: a deployment that ended meanwhile may not have known of this host.
follow() {
  local times code last
  for times in 1 2 3; do
    run
    code=$? last=$ARTIFACT
    changed || return "$code"
  done
  say "the pointer changed during each of $times deployments: the last was of $last, and it names $ARTIFACT now"
  say "next: inv heal --env $ENVIRONMENT"
  return "$code"
}

# Whether the pointer names something else by now, which is read.
changed() {
  local was=$SHA256
  if ! (fetch_pointer) >/dev/null; then
    say "whether a deployment ended meanwhile is not known ($(last_error)): inv status --env $ENVIRONMENT"
    return 1
  fi
  read_pointer
  [[ $SHA256 != "$was" ]]
}

main() {
  [[ $APP =~ ^[a-z][a-z0-9-]{0,30}$ ]] || fail 2 "the header is not filled in" "Render this script: inv user-data --env <environment>"
  WORK=$(mktemp -d) && trap 'rm -rf "$WORK"' EXIT
  install_missing
  ask_imds
  read_host_env
  read_instance
  check
  pin_keys
  choose
  if [[ -n $POINTED ]]; then follow; else run; fi
}

LOG=$ROOT/var/log/user-data.log
mkdir -p "${LOG%/*}"
main 2>&1 | tee -a "$LOG"
code=${PIPESTATUS[0]}
say "user data ended with exit $code" | tee -a "$LOG"
exit "$code"
