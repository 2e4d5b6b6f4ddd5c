#!/usr/bin/env bash
# Stage 1: everything that must be true before a byte of a bundle runs on this host.
#
#   entry.sh ACTION APP ENVIRONMENT ARTIFACT MANIFEST_SHA256 DEPLOYMENT FENCE BUCKET REGION [UNSIGNED [NUMBERS]]
#
# It travels inside the SSM document (bash reads it from /dev/stdin), so it stands alone. In order: lock, fencing,
# the manifest's hash and signature by a key pinned on this host, the bundle's hash, the names in it, every file's hash;
# then it becomes the release's own ec2_deploy.sh. An artifact without a signature is refused, unless UNSIGNED is `allowed`
# and the file allow-unsigned stands beside the pinned key: what is unsigned has no say in that. That program sources this file for the words that both stages speak
# (journal, verdict, verify), and main is not run then.
#
# Standard output is the verdict, one JSON line, and lines for people after it; all else goes to log/<deployment>.log.
# bash 4.4, coreutils, awk, sed, tar, gzip, openssl, flock and aws are all it needs.

set -uo pipefail
export LC_ALL=C
umask 022

ROOT=${TAGSHIP_HOST_ROOT-}
MOST_FILES=100000
# tagship/domain/fence.py has the same two.
LEAP=1000000 GENERATION=1000000000

# What the verdict says.
ACTION='' ARTIFACT='' FENCE=0 UNSIGNED=refused NUMBERS=none OUTCOME='' REASON='' EVIDENCE='' SAID='' SERVING='' PREVIOUS='' KEPT='' BEFORE=''
FETCHED=no ATTEMPTS=0 ANSWER='' FETCH_MS=0 START_MS=0 HEALTH_MS=0 SWITCH_MS=0 GAP_MS='' STARTED_UP=${TAGSHIP_STARTED_UP-} LOCK_IS_OPEN=no

# -- words that both stages speak --------------------------------------------------------------------------------------

# Milliseconds since the boot, in REPLY: setting the clock changes no wait and no duration. The time, where the kernel does
# not tell (the sandbox on macOS). No fork where bash knows the time (5.0).
clock() {
  local up
  if read -r up _ 2>/dev/null </proc/uptime; then
    REPLY=$((10#${up/./} * 10))
  elif [[ -n ${EPOCHREALTIME-} ]]; then
    REPLY=$((${EPOCHREALTIME/./} / 1000))
  else
    REPLY=$(date +%s)000
  fi
}

# UTC in ISO 8601, in REPLY.
stamp() {
  if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 2))); then
    TZ=UTC0 printf -v REPLY '%(%Y-%m-%dT%H:%M:%SZ)T' -1
  else
    REPLY=$(date -u +%Y-%m-%dT%H:%M:%SZ) # the sandbox on macOS
  fi
}

# A line for people: in the log at once, and after the verdict.
say() {
  printf '%s\n' "$*"
  SAID+="$*"$'\n'
}

# End with an outcome and its reason. Always false, so that `|| return` follows it.
conclude() {
  OUTCOME=$1 REASON=$2 EVIDENCE=${3-}
  return 1
}

# Have a file that no other account may open. No fork.
own() {
  if [[ -e $1 ]]; then return 0; fi
  umask 077
  : >>"$1"
  umask 022
  [[ -e $1 ]]
}

# One line in the journal, before the step is done.
# TAGSHIP_KILL_AFTER=<step> kills this program right there: how the tests cut the power.
journal() {
  local step=$1 colour=${2-} port=${3:-0}
  stamp
  own "$BASE/journal.jsonl"
  printf '{"at":"%s","deployment":"%s","action":"%s","artifact":"%s","fence":%s,"step":"%s","colour":"%s","port":%s}\n' \
    "$REPLY" "$DEPLOYMENT" "$ACTION" "$ARTIFACT" "$FENCE" "$step" "$colour" "$port" >>"$BASE/journal.jsonl" || return
  if [[ ${TAGSHIP_KILL_AFTER-} == "$step" ]]; then kill -KILL $$; fi
}

# Standard input with only what a terminal and a JSON reader can take: UTF-8 stays, control characters and broken bytes
# become "?". `clean json` gives the inside of a JSON string, `clean lines` lines.
clean() {
  tr -d '\000' | awk -v json="$1" '
    BEGIN {
      json = json == "json"
      t = "[\200-\277]"
      good = "^([ !#-[\\]-~]|[\303-\337]" t "|\302[\240-\277]|\340[\240-\277]" t "|[\341-\354\356\357]" t t "|\355[\200-\237]" t \
        "|\360[\220-\277]" t t "|[\361-\363]" t t t "|\364[\200-\217]" t t ")+"
    }
    NR > 1 { printf "%s", json ? "\\n" : "\n" }
    {
      while (length($0)) {
        if (match($0, good)) { printf "%s", substr($0, 1, RLENGTH); $0 = substr($0, RLENGTH + 1); continue }
        c = substr($0, 1, 1); $0 = substr($0, 2)
        if (c == "\"" || c == "\\") printf "%s%s", json ? "\\" : "", c
        else if (c == "\t") printf "%s", json ? "\\t" : "\t"
        else printf "?"
      }
    }'
}

# A text without what stands behind the "?" of its URLs, in REPLY: in a presigned one that is a password.
without_queries() {
  REPLY=$1
  if [[ $1 == */*\?* ]]; then REPLY=$(sed -E 's#(/[^[:space:]"?]*\?)[^[:space:]"]*[^[:space:]":,;)]#\1***#g' <<<"$1"); fi
}

# A text as the inside of a JSON string, in REPLY; the last $2 bytes of it at most. Plain text costs no fork.
quoted() {
  local text=$1 most=${2:-600}
  if ((${#text} > most)); then text="…${text:$((${#text} - most))}"; fi
  REPLY=$text
  if [[ $text == *[!\ !#-[^-~]* ]]; then REPLY=$(printf '%s' "$text" | clean json); fi
}

# Milliseconds as seconds, in REPLY.
seconds() {
  printf -v REPLY '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
}

# What a refused artifact comes to: in the log of user data, for people alone.
# shellcheck disable=SC2329 # another takes its place
speak() {
  speak_to_people
}

# not at first boot: begin
# The verdict on standard output, then the lines for people. At most 20,000 characters: SSM keeps the first 24,000.
speak() {
  local artifact reason evidence answer fetch start health switch total kept gap='' before='' unsigned=false
  quoted "$ARTIFACT" 100 && artifact=$REPLY
  quoted "$REASON" && reason=$REPLY
  quoted "$EVIDENCE" 5000 && evidence=$REPLY
  quoted "$ANSWER" && answer=$REPLY
  seconds "$FETCH_MS" && fetch=$REPLY
  seconds "$START_MS" && start=$REPLY
  seconds "$HEALTH_MS" && health=$REPLY
  seconds "$SWITCH_MS" && switch=$REPLY
  clock && seconds $((REPLY - ${STARTED_UP:-REPLY})) && total=$REPLY
  if [[ -n $GAP_MS ]]; then seconds "$GAP_MS" && gap=",\"gap\":$REPLY"; fi
  if nobodys; then unsigned=true; fi
  kept=${KEPT:+\"${KEPT// /\",\"}\"}
  if ran_before; then before=",\"facts\":{\"before\":\"$BEFORE\"}"; fi
  printf '{"tagship":1,"action":"%s","outcome":"%s","artifact":"%s","serving":"%s","previous":"%s","unsigned":%s,' \
    "$ACTION" "$OUTCOME" "$artifact" "$SERVING" "$PREVIOUS" $unsigned
  printf '"reason":"%s","evidence":"%s","fence":%s,"health":{"attempts":%d,"answer":"%s"},' \
    "$reason" "$evidence" "$FENCE" "$ATTEMPTS" "$answer"
  printf '"durations":{"fetch":%s,"start":%s,"health":%s,"switch":%s,"total":%s%s},"kept":[%s]%s}\n' \
    "$fetch" "$start" "$health" "$switch" "$total" "$gap" "$kept" "$before${EDITED-}"
  speak_to_people
}

# Whether something ran here before tagship, of which nothing has served yet: BEFORE is `kept` (inv adopt) or `there`.
ran_before() {
  [[ $ACTION == deploy && -z $SERVING$PREVIOUS ]] || return
  if [[ -e $ROOT/etc/tagship/$APP/adopted ]]; then BEFORE=kept; fi
  [[ -n $BEFORE ]]
}
# not at first boot: end

# Whether the artifact, or what serves, is a release here that nobody signed; its name in REPLY.
nobodys() {
  for REPLY in "$ARTIFACT" "$SERVING"; do
    if [[ -f ${BASE-}/releases/$REPLY/manifest.json && ! -e $BASE/releases/$REPLY/manifest.sig ]]; then return; fi
  done
  return 1
}

speak_to_people() {
  local lines="$SAID$OUTCOME: ${REASON:+$REASON; }${SERVING:-nothing} serves"$'\n'
  if nobodys; then lines="UNSIGNED: nobody signed $REPLY"$'\n'$lines; fi
  if [[ -n $EVIDENCE ]]; then lines+="$EVIDENCE"$'\n'; fi
  if ((${#lines} > 6000)); then lines="…${lines:$((${#lines} - 6000))}"; fi
  if [[ $lines == *[!$'\n\t'\ -~]* ]]; then lines=$(printf '%s' "$lines" | clean lines)$'\n'; fi
  printf '%s' "$lines"
}

# The exit code of an outcome.
code() {
  case $OUTCOME in
  healthy | unchanged | empty | pruned) return 0 ;;
  held) return 4 ;;
  refused) return 5 ;;
  rollback-failed) return 7 ;;
  *) return 6 ;;
  esac
}

# shellcheck disable=SC2034  # the program that sources this file reads them
# What state.json says, in S_*. It is written by us alone, one key a line, and replaced by a rename.
read_state() {
  S_SERVING='' S_COLOUR='' S_PORT=0 S_PID=0 S_PREVIOUS='' S_DEPLOYMENT=''
  local line
  [[ -f $BASE/state.json ]] || return 0
  while IFS= read -r line; do
    [[ $line =~ ^\ \ \"([a-z]+)\":\ \"?([A-Za-z0-9._-]*)\"?,?$ ]] || continue
    case ${BASH_REMATCH[1]} in
    serving) S_SERVING=${BASH_REMATCH[2]} ;;
    colour) S_COLOUR=${BASH_REMATCH[2]} ;;
    port) S_PORT=${BASH_REMATCH[2]} ;;
    pid) S_PID=${BASH_REMATCH[2]} ;;
    previous) S_PREVIOUS=${BASH_REMATCH[2]} ;;
    deployment) S_DEPLOYMENT=${BASH_REMATCH[2]} ;;
    esac
  done <"$BASE/state.json"
}

# The text of a file, in REPLY. No fork.
text_of() {
  REPLY=''
  { IFS= read -rd '' REPLY <"$1"; } 2>/dev/null
  [[ -n $REPLY ]]
}

# In a subshell that waits for something: give up the lock. bash keeps it open there, and no next action could begin once
# this program is killed.
let_go() {
  local each
  for each in /proc/"$BASHPID"/fd/*; do
    if [[ $each -ef $BASE/lock ]]; then each=${each##*/} && exec {each}>&-; fi
  done
}

# A file's sha256, in REPLY.
hash_of() {
  REPLY=$(sha256sum <"$1") && REPLY=${REPLY%% *}
}

# What the manifest says, in M_*: it is canonical JSON (two-space indent, one value a line), so awk reads it line by line.
read_manifest() {
  local name value
  M_app='' M_environment='' M_artifact_id='' M_commit='' M_build_time='' M_sha256='' M_size='' M_sums_sha256='' M_unpacked='' M_signed_by='' M_provenance_sha256=''
  while read -r name value; do
    case $name in
    app | environment | artifact_id | commit | build_time | sha256 | size | sums_sha256 | unpacked | signed_by | provenance_sha256)
      printf -v "M_$name" '%s' "$value"
      ;;
    esac
  done < <(awk '
    function show() { gsub(/[":,]/, "", $1); gsub(/[",]/, "", $2); print $1, $2 }
    /^  "[a-z_0-9]+": \{$/ { inside = $1; next }
    /^  \}/ { inside = ""; next }
    /^  "/ && NF == 2 { show() }
    /^    "/ && NF == 2 && inside == "\"bundle\":" { show() }' "$1")
}

# Whether a manifest without a signature may be believed: by the order's word and by this host's, both.
unsigned_is_allowed() {
  [[ $UNSIGNED == allowed ]] || conclude refused "nobody signed $ARTIFACT, and the order does not allow that" || return
  [[ -f ${KEY%/*}/allow-unsigned ]] || conclude refused "nobody signed $ARTIFACT, and this host has no ${KEY%/*}/allow-unsigned" || return
  say "UNSIGNED: nobody signed $ARTIFACT; the order and this host allow it"
}

# Whether a pinned key signed a file: signed keys.d|orders.d ID SIGNATURE FILE; any of them if the id is empty. One that is
# revoked signs nothing. Until keys.d is there, release.pub.pem is the key of everything, as an older tagship pinned it.
signed() {
  local each id
  for each in "${KEY%/*}/$1"/${2:-*}.pem; do
    id=${each##*/}
    [[ -f $each ]] && ! revoked "${id%.pem}" && openssl dgst -sha256 -verify "$each" -signature "$3" "$4" && return
  done
  [[ ! -d ${KEY%/*}/$1 && ! -e ${KEY%/*}/revoked ]] && openssl dgst -sha256 -verify "$KEY" -signature "$3" "$4"
}

revoked() {
  text_of "${KEY%/*}/revoked" && [[ $'\n'$REPLY == *$'\n'$1$'\n'* ]]
}

# Whether a pinned key signed the manifest: the one that it names or, since keys were changed, another (`inv resign`), whose
# signature is an object of its own. It is fetched where it is not here yet.
verify_signature() {
  local each id
  signed keys.d "$M_signed_by" "$1/manifest.sig" "$1/manifest.json" && return
  for each in "${KEY%/*}"/keys.d/*.pem; do
    id=${each##*/} && id=${id%.pem}
    if [[ ! -f $each ]] || revoked "$id"; then continue; fi
    [[ -e $1/manifest.$id.sig ]] || { [[ -n ${BUCKET-} ]] && download "$1" "manifest.$id.sig"; } || continue
    signed keys.d "$id" "$1/manifest.$id.sig" "$1/manifest.json" && return
  done
  return 1
}

# Why no key of this host is the manifest's, in REPLY: what user data has room for.
# shellcheck disable=SC2329 # another takes its place
nobodys_key() {
  REPLY="is not signed by a key pinned on this host"
}

# not at first boot: begin
# With the way out, and where to look.
nobodys_key() {
  if [[ -n $M_signed_by ]] && revoked "$M_signed_by"; then
    REPLY="is signed by $M_signed_by, and that key is revoked"
  elif [[ -n $M_signed_by && -d ${KEY%/*}/keys.d && ! -f ${KEY%/*}/keys.d/$M_signed_by.pem ]]; then
    REPLY="is signed by $M_signed_by, which is no key pinned on this host; if it is a new one of $ENVIRONMENT: inv pin --env $ENVIRONMENT"
  else
    REPLY="is not signed by a key pinned on this host (${KEY%/*}/keys.d)"
  fi
}
# not at first boot: end

# Whether a pinned key for orders signed a record (tagship/domain/sealed.py): all of its lines but the signature's own. Nobody
# has signed one without that line: the order and this host have to allow it, as of an artifact.
verify_sealed() {
  local signature
  signature=$(sed -n 's/^  "signature": "\([A-Za-z0-9+/=]*\)",$/\1/p' "$1")
  if [[ -z $signature && $UNSIGNED == allowed && -f ${KEY%/*}/allow-unsigned ]]; then return 0; fi
  [[ -n $signature ]] && base64 -d <<<"$signature" >"$1.sig" && sed '/^  "signature": "/d' "$1" >"$1.body" || return
  REPLY=''
  sealed_value "$1" key '[0-9a-f]{16}'
  signed orders.d "$REPLY" "$1.sig" "$1.body"
}

# A value of such a record, in REPLY, by its name and what it may look like. It is canonical JSON: one value a line.
sealed_value() {
  local line
  while IFS= read -r line; do
    if [[ $line =~ ^\ \ \"$2\":\ \"?($3)\"?,?$ ]]; then REPLY=${BASH_REMATCH[1]} && return; fi
  done <"$1"
  return 1
}

# Whether the manifest in a folder is the one asked for, signed by a pinned key, and of this app and environment.
verify_manifest() {
  local folder=$1 wanted=$2
  hash_of "$folder/manifest.json" || conclude refused "$ARTIFACT has no manifest" || return
  if [[ $wanted != none && $REPLY != "$wanted" ]]; then
    conclude refused "the manifest of $ARTIFACT is not the one asked for (sha256 $REPLY)" || return
  fi
  read_manifest "$folder/manifest.json"
  [[ $M_signed_by =~ ^([0-9a-f]{16})?$ ]] || conclude refused "the manifest of $ARTIFACT names no key" || return
  if [[ ! -e $folder/manifest.sig ]]; then
    unsigned_is_allowed || return
  elif ! verify_signature "$folder"; then
    nobodys_key
    conclude refused "the manifest of $ARTIFACT $REPLY" || return
  fi
  if [[ "$M_app $M_environment $M_artifact_id" != "$APP $ENVIRONMENT $ARTIFACT" ]]; then
    conclude refused "the manifest is of $M_app $M_environment $M_artifact_id, not of $APP $ENVIRONMENT $ARTIFACT" || return
  fi
}

# Whether every file of a release is what the manifest says.
verify_files() {
  local folder=$1 wrong
  hash_of "$folder/SHA256SUMS" || conclude refused "$ARTIFACT has no SHA256SUMS" || return
  if [[ $REPLY != "$M_sums_sha256" ]]; then conclude refused "SHA256SUMS of $ARTIFACT was altered" || return; fi
  wrong=$(cd "$folder" && sha256sum --strict --quiet -c SHA256SUMS 2>&1)
  # shellcheck disable=SC2181  # the status is sha256sum's, and its words are wanted too
  if (($? != 0)); then conclude refused "a file of $ARTIFACT was altered: ${wrong%%$'\n'*}" || return; fi
}

# A kept release is verified again before it runs. No network.
verify_release() {
  verify_manifest "$1" "$2" && verify_files "$1"
}

# Whether a release has the provenance that its manifest names, if this host requires that. What is kept has it already, but
# from before this host required it: then it is fetched, once.
attested() {
  [[ -e ${KEY%/*}/attested ]] || return 0
  [[ -n $M_provenance_sha256 ]] || conclude refused "$ARTIFACT has no provenance, and this host requires it" || return
  [[ -e $1/manifest.provenance.json ]] || download "$1" manifest.provenance.json "$APP/$ENVIRONMENT/$ARTIFACT/provenance.json" || return
  hash_of "$1/manifest.provenance.json"
  [[ $REPLY == "$M_provenance_sha256" ]] || conclude refused "the provenance of $ARTIFACT is not the one that its manifest names"
}

# Pin keys on this host, those and no others, say of which environment it is, and whether it requires provenance:
# pin APP ENVIRONMENT KEYS REVOKED [REQUIRED]. A key is
# `release:` or `orders:` and the point of a P-256 key in base64; its id is the sha256 of the key's DER. Root does this: user data,
# and `inv pin`. At no moment are there fewer keys than before and after. release.pub.pem is for programs of older bundles.
pin() {
  local each id folder names=' ' at=$ROOT/etc/tagship/$1
  if text_of "$at/environment" && [[ ${REPLY%$'\n'} != "$2" ]]; then
    echo "this host is of ${REPLY%$'\n'}, not of $2 ($at/environment)"
    return 2
  fi
  rm -rf "$at/new" && mkdir -p "$at/new/keys.d" "$at/new/orders.d" && printf '%s\n' "$2" >"$at/environment" || return
  if [[ -z $3 ]]; then return; fi
  if [[ ${5-} == true ]]; then : >"$at/attested"; else rm -f "$at/attested"; fi || return
  for each in $3; do
    folder=keys.d
    if [[ $each == orders:* ]]; then folder=orders.d; fi
    each=MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE${each#*:}
    id=$(base64 -d <<<"$each" | sha256sum) && id=${id:0:16}
    printf '%s\n' '-----BEGIN PUBLIC KEY-----' "${each:0:64}" "${each:64}" '-----END PUBLIC KEY-----' >"$at/new/$folder/$id.pem" || return
    names+="$folder/$id.pem "
    if [[ ! -s $at/release.pub.pem ]]; then cp "$at/new/$folder/$id.pem" "$at/release.pub.pem"; fi
  done
  # shellcheck disable=SC2086 # ids, a word each
  printf '%s\n' $4 >"$at/new/revoked" && mv -f "$at/new/revoked" "$at/revoked" || return
  for folder in keys.d orders.d; do
    mv "$at/new/$folder" "$at/" 2>/dev/null || mv -f "$at/new/$folder"/* "$at/$folder/" || return
    for each in "$at/$folder"/*; do
      if [[ $names != *" $folder/${each##*/} "* ]]; then rm -f "$each"; fi
    done
  done
  rm -rf "$at/new" && names=${names% } && echo "pinned for $2:${names//.pem/}"
}

# -- stage 1 -----------------------------------------------------------------------------------------------------------

# The arguments, checked by the same patterns as the document's: the fallback has no patterns of its own. What user data gives,
# it has checked itself.
read_arguments() {
  ACTION=${1-} APP=${2-} ENVIRONMENT=${3-} ARTIFACT=${4-} WANTED=${5-} DEPLOYMENT=${6-}
  BUCKET=${8-} REGION=${9-} UNSIGNED=${10-refused} NUMBERS=${11-none}
  # not at first boot: begin
  check_arguments "${7-}" || return
  # not at first boot: end
  FENCE=$((10#$7))
}

# not at first boot: begin
check_arguments() {
  local fence=$1 name='^[a-z][a-z0-9-]{0,30}$' id='^[0-9a-z][0-9a-zA-Z.-]{0,63}$' number='^[0-9]{1,15}$'
  case $ACTION in
  deploy | rollback | status | prune) ;;
  *) ACTION=unknown && conclude refused "there is no such action" || return ;;
  esac
  [[ $APP =~ $name && $ENVIRONMENT =~ $name ]] || conclude refused "the app or the environment is no name" || return
  [[ $ARTIFACT =~ $id && $DEPLOYMENT =~ $id ]] || conclude refused "the artifact or the deployment is no id" || return
  [[ $WANTED =~ ^([0-9a-f]{64}|none)$ ]] || conclude refused "the manifest's sha256 is none" || return
  [[ $fence =~ $number ]] || conclude refused "the fencing number is no number" || return
  FENCE=$((10#$fence))
  [[ $BUCKET =~ ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$ ]] || conclude refused "the bucket is no bucket's name" || return
  [[ $REGION =~ ^[a-z][a-z0-9-]{1,29}$ ]] || conclude refused "the region is no region's name" || return
  [[ $UNSIGNED =~ ^(refused|allowed)$ ]] || conclude refused "unsigned is refused or allowed, and nothing else" || return
  [[ $NUMBERS =~ ^(none|[A-Z_]+=[0-9]{1,6}(,[A-Z_]+=[0-9]{1,6})*)$ ]] || conclude refused "the numbers are no numbers" || return
  if [[ $ARTIFACT == none ]]; then ARTIFACT=''; fi
  if [[ $ACTION == deploy || $ACTION == rollback ]] && [[ -z $ARTIFACT || $WANTED == none || $DEPLOYMENT == none ]]; then
    conclude refused "a $ACTION names an artifact, its manifest's sha256 and a deployment" || return
  fi
}
# not at first boot: end

set_paths() {
  local each
  BASE=$ROOT/opt/$APP
  KEY=$ROOT/etc/tagship/$APP/release.pub.pem
  if text_of "${KEY%/*}/environment" && [[ ${REPLY%$'\n'} != "$ENVIRONMENT" ]]; then
    conclude refused "this host is of ${REPLY%$'\n'}, not of $ENVIRONMENT" || return
  fi
  LOG=/dev/null
  read_state
  SERVING=$S_SERVING PREVIOUS=$S_PREVIOUS
  if [[ $ACTION != status ]]; then
    # not at first boot: begin
    spare_others || return
    # not at first boot: end
    for each in releases output log incoming run; do
      [[ -d $BASE/$each ]] || mkdir -p "$BASE/$each" 2>/dev/null || unwritable "$BASE" || return
    done
    close_files
    LOG=$BASE/log/$DEPLOYMENT.log
    own "$LOG" 2>/dev/null
    { : >>"$LOG"; } 2>/dev/null || unwritable "$LOG"
  fi
}

# not at first boot: begin
# Refuse to begin in a folder in which something else lives: its .env would be lost, and the folder closed to its account.
spare_others() {
  local each names='' count=0
  if [[ ! -d $BASE || -e $BASE/state.json || -e $BASE/journal.jsonl ]]; then return 0; fi
  for each in "$BASE"/* "$BASE"/.[!.]*; do
    case ${each##*/} in
    releases | output | log | incoming | run | secrets | lock | lock.new | fence | .env.local | lost+found) ;; # a mount has the last
    *) if [[ -e $each || -L $each ]] && ((++count <= 5)); then names+=" ${each##*/}"; fi ;;
    esac
  done
  if ((count == 0)); then return 0; fi
  BEFORE=there
  conclude failed "$BASE has what tagship did not put there:$names"
}
# not at first boot: end

# Take from every other account of this host what is not for it, also of what an older tagship left open. The app and the proxy
# pass through the folder to files of theirs, and nobody lists it. Tells of a lock that is open to others: `lock` renews it.
close_files() {
  if [[ -n $(find "$BASE" "$BASE/log" -maxdepth 1 -perm /066 \( -path "$BASE" -o -path "$BASE/run" -o -path "$BASE/releases" \) -exec chmod 0711 {} + \
    -o -perm /077 \( -name lock -print -o \( -type f -o -path "$BASE/log" -o -path "$BASE/incoming" \) -exec chmod go-rwx {} + \)) ]]; then
    LOCK_IS_OPEN=yes
  fi
} 2>/dev/null

# A release that was being replaced when the power went is put back: it may be the one that serves.
bring_back() {
  local each
  for each in "$BASE"/incoming/*/replaced/*; do
    if [[ -d $each && ! -e $BASE/releases/${each##*/} ]]; then mv "$each" "$BASE/releases/"; fi
  done
}

# The lock is descriptor 9. Each stage runs under `9>&-`: bash then keeps it for itself, closed to every program it starts.
lock() {
  local ours=no
  [[ $ACTION != status ]] || return 0
  own "$BASE/lock" && exec 9>>"$BASE/lock" || unwritable "$BASE/lock" || return
  if flock -n 9; then ours=yes; fi
  if [[ $LOCK_IS_OPEN == yes && -d /proc/self/fd ]]; then
    if [[ $ours == yes ]] || held_by_others; then renew_lock && ours=yes || ours=no; fi
  fi
  [[ $ours == yes ]] ||
    conclude held "another action runs on this host: $(last_deployment); see when it has ended: inv status --env $ENVIRONMENT"
}

# shellcheck disable=SC2329 # others take their place
held_by_others() {
  return 1
}
# shellcheck disable=SC2329 # another takes its place
renew_lock() {
  return 0
}

# not at first boot: begin
# Whether no process of this account, but this one, has the lock open: who holds it then is no action. The lock of an older
# tagship could be opened, and held, by any account.
held_by_others() {
  local process each
  for process in /proc/[0-9]*; do
    [[ -O $process && ${process##*/} != "$$" ]] || continue
    for each in "$process"/fd/*; do
      if [[ $each -ef $BASE/lock ]]; then return 1; fi
    done
  done
}

# Put a lock that nobody else has open, and that is ours, in the place of this one. False where somebody else was first.
renew_lock() {
  own "$BASE/lock.new" && exec 8>>"$BASE/lock.new" && flock -n 8 && [[ /proc/self/fd/9 -ef $BASE/lock ]] &&
    mv -f "$BASE/lock.new" "$BASE/lock" && exec 9>&8 8>&-
}
# not at first boot: end

last_deployment() {
  tail -n 1 "$BASE/journal.jsonl" 2>/dev/null | sed -n 's/.*"deployment":"\([^"]*\)".*"step":"\([^"]*\)".*/deployment \1, at the step \2/p'
}

# A number lower than the highest seen is refused; a higher one is on the disk before anything else happens. One that leaps
# is refused too: nobody took so many leases. Only a reset that the pinned key signed leads to a later generation of them,
# whatever this host has heard: its second line, once there is one, is the generation of the last reset.
fencing() {
  local highest=0 begun=0
  [[ $ACTION != status ]] || return 0
  if [[ -s $BASE/fence ]]; then { read -r highest && read -r begun; } <"$BASE/fence"; fi
  begun=${begun:-0}
  [[ "$highest $begun" =~ ^(0|[1-9][0-9]{0,14})\ (0|[1-9][0-9]{0,5})$ ]] || conclude refused "$BASE/fence cannot be read" || return
  if ((FENCE / GENERATION > begun)); then
    follow_reset || return
    highest=$REPLY
  fi
  if ((FENCE < highest)); then
    conclude held "fencing number $FENCE is lower than $highest: somebody took over the environment; see who: inv history --env $ENVIRONMENT (if nobody did: inv unlock --env $ENVIRONMENT --reset-fence)" || return
  fi
  if ((FENCE > highest + LEAP)); then
    conclude refused "fencing number $FENCE is implausible: the highest here is $highest" || return
  fi
  if ((FENCE > highest)); then
    raise_fence || unwritable "$BASE/fence" || return
  fi
}

# Start again where a reset says, which is on the disk before anything else happens; where that is, in REPLY.
follow_reset() {
  local in=$BASE/incoming/fence key=$APP/_fence/$ENVIRONMENT.json
  { mkdir -p "$in" && rm -f "$in"/*; } || unwritable "$in" || return
  download "$in" reset "$key" && verify_sealed "$in/reset" && sealed_value "$in/reset" kind fence &&
    sealed_value "$in/reset" app "$APP" && sealed_value "$in/reset" environment "$ENVIRONMENT" &&
    sealed_value "$in/reset" fence '[1-9][0-9]{0,5}000000000' &&
    ((REPLY / GENERATION == FENCE / GENERATION)) ||
    conclude refused "fencing number $FENCE is implausible: s3://$BUCKET/$key is no reset, signed for this host, that leads to it" "$EVIDENCE" || return
  replace "$BASE/fence" "$REPLY"$'\n'"$((REPLY / GENERATION))" && sync "$BASE" || unwritable "$BASE/fence" || return
  say "The fencing numbers of $ENVIRONMENT start again at $REPLY."
}

# In place: a power cut could lose a rename, and with it the number. A higher one is never shorter.
raise_fence() {
  local first=no
  if [[ ! -e $BASE/fence ]]; then first=yes; fi
  own "$BASE/fence"
  printf '%s\n' "$FENCE" 1<>"$BASE/fence" && { sync "$BASE/fence" 2>/dev/null || sync; } || return
  if [[ $first == yes ]]; then sync "$BASE" 2>/dev/null || sync; fi
}

# Replace a file by a rename: the new text is on the disk first.
replace() {
  printf '%s\n' "$2" >"$1.new" && { sync "$1.new" 2>/dev/null || sync; } && mv -f "$1.new" "$1"
}

# What cannot be written says nothing of the artifact: it is not refused. Always false.
unwritable() {
  conclude failed "$1 cannot be written: $(disk)"
}

# Why nothing can be written, in short: what user data has room for.
# shellcheck disable=SC2329 # another takes its place
disk() {
  df -Pk "$BASE" | tail -n 1
}

# not at first boot: begin
# A folder of the app whose file system is mounted read-only, in REPLY. The question changes nothing but a time of access.
read_only() {
  for REPLY in "$BASE" "$BASE"/*/; do
    if [[ ! -L ${REPLY%/} && $(touch -ac "$REPLY" 2>&1) == *"Read-only file system"* ]]; then return; fi
  done
  return 1
}

# What the kernel says to a small file in a folder of the app, in REPLY: the reason and then the folder. False if each can be
# written.
no_file() {
  local place said
  for place in "$BASE" "$BASE"/*/; do
    place=${place%/}
    if [[ -L $place || ! -d $place ]]; then continue; fi
    said=$(dd if=/dev/zero of="$place/.probe" bs=4096 count=1 conv=fsync 2>&1)
    local code=$?
    rm -f "$place/.probe"
    if ((code != 0)); then
      REPLY="$said $place"
      return
    fi
  done
  return 1
}

# Why nothing can be written: what the kernel says, or the room that is left where an app's files are, on the fullest file system
# (one of its folders may be a mount). Files need inodes too, which a file system can run out of first (few: a release has more
# files). Some count none, and some df does not tell.
FEW_INODES=64

disk() {
  local count place
  if read_only; then
    printf 'the disk of %s is read-only (Linux makes it so after an error of the disk); see why: dmesg | tail; then repair it, or replace the host\n' "${REPLY%/}"
    return
  fi
  if no_file; then
    place=${REPLY##* }
    case $REPLY in
    *"Disk quota exceeded"*)
      printf 'the disk quota of %s is used up in %s; see it: quota --user %s; then raise it, or make room: du -xsh %s/*\n' "$(id -un)" "$place" "$(id -un)" "$BASE"
      return
      ;;
    *"Input/output error"*)
      printf 'the disk of %s fails (Input/output error); see why: dmesg | tail; then replace the disk, or the host\n' "$place"
      return
      ;;
    *"Permission denied"* | *"Operation not permitted"*)
      printf '%s may not write to %s; see who may: ls -ld %s; lsattr -d %s\n' "$(id -un)" "$place" "$place" "$place"
      return
      ;;
    esac
  fi
  read -r count place < <(df --output=itotal,iavail,target "$BASE" "$BASE"/*/ 2>/dev/null |
    awk -v few="$FEW_INODES" 'NR > 1 && $1 > 0 && $2 < few { $1 = ""; print }' | sort -n | head -n 1)
  if [[ -n $place ]]; then
    printf '%s inodes are free on %s (df -i), and every file needs one; see where the files are: du -x --inodes %s | sort -n | tail\n' \
      "$count" "$place" "$BASE"
    return
  fi
  df -Pk "$BASE" "$BASE"/*/ 2>/dev/null | sort -k 4 -n |
    awk -v base="$BASE" '$4 ~ /^[0-9]+$/ { print $4 " kB are free there; see what takes the room: du -xsh " base "/* (if that is room enough, see why: dmesg | tail)"; exit }'
}
# not at first boot: end

# The release to run: the one asked for, or (status, prune) the one that serves.
choose_release() {
  if [[ $ACTION != status ]]; then bring_back; fi
  if [[ $ACTION == deploy || $ACTION == rollback ]]; then
    journal accept || unwritable "the journal" || return
    kept || fetch || return
    above_floor
    return
  fi
  # not at first boot: begin
  ARTIFACT=${S_SERVING:-$(unfinished)}
  if [[ -z $ARTIFACT ]]; then conclude empty "nothing was ever deployed here" || return; fi
  verify_release "$BASE/releases/$ARTIFACT" none
  # not at first boot: end
}

# shellcheck disable=SC2329 # another takes its place: nothing ran on a host that boots for the first time
above_floor() {
  return 0
}

# not at first boot: begin
# Whether an order to deploy goes on from what ran here last, which ec2_deploy.sh keeps as the floor. A person's order to go
# back passes it; an old artifact, or the pointer to one, that somebody put back does not. By version, and where one of the
# two is an untagged build by when they were built.
above_floor() {
  local floor built old version='^([0-9]+)[.]([0-9]+)[.]([0-9]+)(-|$)'
  [[ $ACTION == deploy && -s $BASE/floor ]] && read -r floor built <"$BASE/floor" || return 0
  if [[ $floor =~ $version ]] && printf -v old %09d "${BASH_REMATCH[@]:1:3}" && [[ $ARTIFACT =~ $version ]]; then
    printf -v REPLY %09d "${BASH_REMATCH[@]:1:3}"
  else
    old=$built REPLY=$M_build_time
  fi
  [[ ! $REPLY < $old ]] || conclude refused "$ARTIFACT is older than $floor, which ran here; to go back: inv rollback --to $ARTIFACT --env $ENVIRONMENT"
}
# not at first boot: end

# not at first boot: begin
# The artifact of an action that was cut off before anything served; empty when there is none.
unfinished() {
  local found
  found=$(tail -n 1 "$BASE/journal.jsonl" 2>/dev/null | sed -n 's/.*"artifact":"\([^"]*\)".*/\1/p')
  if [[ -n $found && -f $BASE/releases/$found/manifest.json ]]; then printf '%s' "$found"; fi
}
# not at first boot: end

# Whether the release is on this host, and is still what was signed.
kept() {
  [[ -d $BASE/releases/$ARTIFACT ]] || return
  verify_release "$BASE/releases/$ARTIFACT" "$WANTED" && attested "$BASE/releases/$ARTIFACT" && return
  say "The release kept on this host is not usable ($REASON); fetching it again."
  return 1
}

# Download, verify, unpack, and rename into place. Nothing of it has run by then.
fetch() {
  local in=$BASE/incoming/$DEPLOYMENT from
  clock && from=$REPLY
  [[ -f $KEY || -d ${KEY%/*}/keys.d || $UNSIGNED == allowed ]] || conclude refused "no key is pinned on this host: ${KEY%/*}/keys.d" || return
  rm -rf "$BASE"/incoming/* && mkdir -p "$in/files" || unwritable "$in" || return
  journal fetch && download "$in" manifest.json && download_signature "$in" || return
  journal verify && verify_manifest "$in" "$WANTED" && attested "$in" && download "$in" deploy-bundle.tar.gz && verify_bundle "$in" || return
  journal unpack && unpack "$in" || return
  clock && FETCH_MS=$((REPLY - from)) FETCHED=yes
}

download() {
  local outcome=refused problem url=s3://$BUCKET/${3-$APP/$ENVIRONMENT/$ARTIFACT/$2}
  problem=$(let_go && AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION aws s3 cp "$url" "$1/$2" 2>&1) && [[ -f $1/$2 ]] && return
  without_queries "$problem" && problem=$REPLY
  # not at first boot: begin
  case $problem in
  *"No space left"* | *"Read-only file system"* | *"Disk quota exceeded"* | *"Input/output error"* | *"Permission denied"* | *"Operation not permitted"*)
    outcome=failed problem+=": $(disk)"
    ;;
  *RequestTimeTooSkewed* | *"not yet valid"*) problem+=": is the clock of this host right? timedatectl" ;;
  esac
  # not at first boot: end
  conclude $outcome "$url could not be fetched: ${problem##*$'\n'}" "$problem"
}

# Where S3 says that there is no signature, verify_manifest says what that means. Any other failure is one.
download_signature() {
  download "$1" manifest.sig || [[ $EVIDENCE =~ \((404|NoSuchKey)\) ]]
}

verify_bundle() {
  local size
  size=$(wc -c <"$1/deploy-bundle.tar.gz")
  if ((size != M_size)); then conclude refused "the bundle of $ARTIFACT has $((size)) bytes, not $M_size" || return; fi
  hash_of "$1/deploy-bundle.tar.gz"
  if [[ $REPLY != "$M_sha256" ]]; then conclude refused "the bundle of $ARTIFACT was altered (sha256 $REPLY)" || return; fi
  look_into_tar "$1/deploy-bundle.tar.gz"
}

# Refuse a tar that could write anywhere but into its own folder, or more than was signed. Listed, not unpacked.
# `older`: one of an older layout, which user data may run unsigned, has folders too, and names that begin with "./".
look_into_tar() {
  local most=$((M_size * 100 + 104857600)) problem
  if ((M_unpacked > 0)); then most=$M_unpacked; fi
  problem=$(tar --numeric-owner -Ptvzf "$1" 2>/dev/null | awk -v most="$most" -v files="$MOST_FILES" -v older="${2-}" '
    function bad(why) { if (!problem) problem = why; exit }
    {
      line = $0
      folder = older && /^d/
      if (!/^-/ && !folder) bad("it holds something other than a regular file: " line)
      if (/^-/ && $1 ~ /[sStT]/) bad("a file in it would run with the rights of another: " line)
      # GNU: mode, owner/group, size, date, time, name. BSD: mode, links, owner, group, size, three words of date, name.
      if (sub(/^[^ ]+ +[0-9]+\/[0-9]+ +[0-9]+ [^ ]+ [^ ]+ /, "")) { split(line, word, " +"); size = word[3] }
# not at first boot: begin
      else if (sub(/^[^ ]+ +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +[A-Za-z]+ +[0-9]+ +[0-9:]+ /, "")) { split(line, word, " +"); size = word[5] }
# not at first boot: end
      else bad("its listing cannot be read: " line)
      if (older) sub(/^\.\//, "")
      if (folder) sub(/\/$/, "")
      if (folder && $0 == "") next
      if (++count > files) bad("it holds more than " files " files")
      if (seen[$0]++) bad("a name is in it twice: " $0)
      plain = $0
      gsub(/\\[23][0-7][0-7]/, "x", plain)
      if (plain ~ /[^ -~\200-\377]/ || plain ~ /\\/) bad("a name in it has control characters: " $0)
      if (plain ~ /^\// || plain ~ /(^|\/)\.?\.?(\/|$)/) bad("a name in it leads out of its folder: " $0)
      if (plain ~ /^manifest\.([0-9a-z]+\.)?(json|sig)$/) bad("a name in it is taken: " $0)
      total += size
      if (total > most) bad("it unpacks to more than " most " bytes")
    }
    END {
      if (!problem && !count) problem = "it cannot be read as a tar"
      if (problem) print problem
    }') || problem=${problem:-it cannot be read to its end}
  if [[ -n $problem ]]; then conclude refused "the bundle of $ARTIFACT is refused: $problem" || return; fi
}

unpack() {
  local in=$1 place=$BASE/releases/$ARTIFACT files listed
  tar --no-same-owner --no-same-permissions -xzf "$in/deploy-bundle.tar.gz" -C "$in/files" ||
    conclude failed "the bundle of $ARTIFACT cannot be unpacked: $(disk)" || return
  verify_files "$in/files" || return
  files=$(find "$in/files" -type f | wc -l) listed=$(wc -l <"$in/files/SHA256SUMS")
  if ((files != listed + 1)); then conclude refused "the bundle of $ARTIFACT holds files that SHA256SUMS does not name" || return; fi
  mv "$in"/manifest.* "$in/files/" || unwritable "$in" || return
  if [[ -e $place ]]; then
    { mkdir "$in/replaced" && mv "$place" "$in/replaced/"; } || unwritable "$place" || return
  fi
  mv "$in/files" "$place" || unwritable "$place" || remove "$place"
}

# Half a release is none. Always false.
remove() {
  rm -rf "$1"
  return 1
}

admit() {
  lock || return
  fencing 9>&- && choose_release 9>&-
}

# Stage 2: the release's own program, with what it has to know in its environment.
become() {
  export TAGSHIP_ACTION=$ACTION TAGSHIP_APP=$APP TAGSHIP_ENVIRONMENT=$ENVIRONMENT TAGSHIP_ARTIFACT=$ARTIFACT
  export TAGSHIP_DEPLOYMENT=$DEPLOYMENT TAGSHIP_FENCE=$FENCE TAGSHIP_BASE=$BASE TAGSHIP_LOCK_FD=9 TAGSHIP_UNSIGNED=$UNSIGNED
  export TAGSHIP_NUMBERS=$NUMBERS TAGSHIP_BUCKET=$BUCKET TAGSHIP_REGION=$REGION
  export TAGSHIP_COMMIT=$M_commit TAGSHIP_BUILD_TIME=$M_build_time
  export TAGSHIP_STARTED_UP=$STARTED_UP TAGSHIP_FETCH_MS=$FETCH_MS TAGSHIP_FETCHED=$FETCHED
  exec bash "$BASE/releases/$ARTIFACT/deploy/ec2_deploy.sh" "$ACTION" </dev/null
}

main() {
  clock && STARTED_UP=$REPLY
  conclude failed "this host's disk cannot be written"
  if read_arguments "$@" && set_paths && admit </dev/null >>"$LOG" 2>&1; then become; fi
  speak
  code
  exit
}

if [[ -z ${BASH_SOURCE[0]-} || ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
