#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Health: what an answer is, and how long to wait for a good one. The same rule as tagship/domain/health.py.

# A proxy of the environment is not asked, and nothing goes to the disk, which may be full.
HOW_TO_ASK=(--noproxy '*' -m)
QUESTIONS=0 # how many are poised

# Have some questions poised for the next calls of `ask`.
poise_questions() {
  for ((QUESTIONS = 0; QUESTIONS < $1; )); do
    QUESTIONS=$((QUESTIONS + 1))
    poise "health$QUESTIONS" "${HOW_TO_ASK[@]}" "$HEALTH_TIMEOUT"
  done
}

# Whether a status is one of HEALTH_STATUS: statuses and ranges of them, `200-299 302`.
accepted() {
  local status
  for status in $HEALTH_STATUS; do
    if ((10#$1 >= ${status%-*} && 10#$1 <= ${status#*-})); then return 0; fi
  done
  return 1
}

# Ask a port once. STATUS is the HTTP status (000: no answer), PROBLEM what is wrong; true when the status is one of
# HEALTH_STATUS and the answer names the artifact, unless HEALTH_VERSION_KEY is empty.
ask() {
  local port=$1 artifact=$2 result version='' answer
  if ((ALIVE > 0)); then # it answers nothing; whoever asks has seen that it lives
    STATUS=200 ANSWER='none: it is not asked (ec2.alive)'
    return 0
  fi
  told "health$((QUESTIONS > 0 ? QUESTIONS-- : 0))" "url = \"http://127.0.0.1:$port$HEALTH_PATH\"" "${HOW_TO_ASK[@]}" "$HEALTH_TIMEOUT"
  result=$? answer=$REPLY
  ANSWER=''
  case $result in
  0) ;;
  7) PROBLEM="it does not listen" ;;
  28) PROBLEM="it did not answer within $HEALTH_TIMEOUT s" ;;
  *) PROBLEM="it broke off (curl: $result)" ;;
  esac
  STATUS=$HTTP_STATUS answer=${answer:0:65536}
  if ((result != 0)); then STATUS=000 && return 1; fi
  masked "$answer"
  ANSWER="$STATUS ${REPLY:0:500}"
  PROBLEM="it answered $STATUS"
  if [[ $STATUS == 30[12378] ]]; then PROBLEM+=", a redirect: have health.path name where it leads"; fi
  accepted "$STATUS" || return 1
  if [[ -z $HEALTH_VERSION_KEY ]]; then return 0; fi # the answer names no version: the release that was started does
  if [[ $answer =~ \"$HEALTH_VERSION_KEY\"[[:space:]]*:[[:space:]]*\"([^\"]*)\" ]]; then version=${BASH_REMATCH[1]}; fi
  masked "${version:-no version}"
  PROBLEM="it answered as $REPLY, not as $artifact"
  [[ $version == "$artifact" ]]
}

# Wait for a colour to be healthy: HEALTH_PASSES good answers in a row, of at most $3 attempts.
#
# An app that does not listen yet is not asked: for the first GRACE seconds that costs no attempt, only a look at the port
# every 10 ms. Between failed attempts min(2^(n-1), HEALTH_CAP) seconds pass; a wait for a port that was closed ends when
# it opens, and every wait ends when the process dies. Between good answers 10 ms pass. No wait follows the last attempt.
#
# The same bad answer HEALTH_SETTLED times in a row is final: what answers has started. 502, 503 and 504 say that it, or what it
# waits for, is not ready yet; no answer says nothing. Those have all attempts.
GRACE=3

await_health() {
  local never='' status=0
  ATTEMPTS=0 PROBLEM="it never answered"
  if [[ -d /proc/self/fd ]]; then exec {never}<> <(:); fi
  attempt "$@" || status=1
  if [[ -n $never ]]; then exec {never}>&-; fi
  if [[ -e $BASE/run/asking ]]; then rm -f "$BASE/run/asking"; fi
  return "$status"
}

attempt() {
  local colour=$1 artifact=$2 most=$3 port row=0 same=0 before=''
  await_start
  lives "$colour" || died "$colour" || return
  port=$R_PORT
  if ((ALIVE > 0)); then
    ATTEMPTS=1
    pause "$colour" "$ALIVE" && ask "$port" "$artifact"
    return
  fi
  pause "$colour" "$GRACE" "$port" || return
  # Seen alive once more only after the last good answer: what `lives` found, and not one that was started anew since.
  while :; do
    ATTEMPTS=$((ATTEMPTS + 1))
    if ask "$port" "$artifact"; then
      row=$((row + 1)) before=''
      if ((row >= HEALTH_PASSES)); then
        goes_on "$colour" || died "$colour"
        return
      fi
      rest 0.01
      continue
    fi
    row=0
    if [[ $PROBLEM == "$before" ]]; then same=$((same + 1)); else same=1 before=$PROBLEM; fi
    if ((HEALTH_SETTLED > 0 && same >= HEALTH_SETTLED && ATTEMPTS < most)) && [[ $STATUS != 000 && $STATUS != 50[234] ]]; then
      lives "$colour" || died "$colour" || return
      PROBLEM+=" ($same times in a row)"
      return 1
    fi
    # A port can be held for an app that is not there (yet, or any more): Docker's proxy accepts, then hangs up.
    if [[ $PROBLEM == "it broke off"* ]] && ! accepting "$colour" "$port"; then PROBLEM="it does not listen"; fi
    if ((ATTEMPTS >= most)) && [[ $PROBLEM == "it does not listen" ]]; then sleep 0.3; fi # what just died is seen dead
    if ((ATTEMPTS >= most)); then lives "$colour" || died "$colour" || return; fi
    if ((ATTEMPTS >= most)); then name_address "$colour" "$port" && return 1; fi
    note_attempt "$most"
    backoff "$ATTEMPTS"
    if [[ $PROBLEM == "it does not listen" ]]; then pause "$colour" "$REPLY" "$port"; else pause "$colour" "$REPLY"; fi || return
  done
}

# Note for whoever asks meanwhile (asked_meanwhile) which attempt has failed, and how long the others may wait.
note_attempt() {
  local number left=0
  for ((number = ATTEMPTS; number < $1; number++)); do backoff "$number" && left=$((left + REPLY)); done
  printf 'attempt %d of %d: %s; up to %d s more\n' "$ATTEMPTS" "$1" "$PROBLEM" "$left" >"$BASE/run/asking"
}

# What does not listen may do so where nobody asks: say where, and what to do. Always true.
name_address() {
  [[ $PROBLEM == "it does not listen" ]] && addresses "$1" "$2" || return 0
  if [[ ", $REPLY," == *", $REACHED_AT,"* ]]; then # Docker forwards nothing to it while it starts again, say
    PROBLEM="it listens on $REPLY, and no connection from this host reaches it"
    return 0
  fi
  PROBLEM="it listens on $REPLY, and not where it is asked: have it listen on $REACHED_AT"
}

# The addresses with a port that a kernel's tables of sockets (files) say is listened on, as people write them, in REPLY; false
# when there is none.
listed_addresses() {
  local hex
  printf -v hex '%04X' "$1"
  shift
  REPLY=$(awk -v port="$hex" '
    function byte(at) { return index(digits, substr(word, at, 1)) * 16 + index(digits, substr(word, at + 1, 1)) - 17 }
    BEGIN { digits = "0123456789ABCDEF" }
    $4 == "0A" && split($2, part, ":") == 2 && part[2] == port {
      text = ""
      if (length(part[1]) == 8) {
        word = part[1]
        text = byte(7) "." byte(5) "." byte(3) "." byte(1)
      } else {
        for (at = 1; at <= 32; at += 8) {
          word = substr(part[1], at, 8)
          text = text sprintf("%s%x:%x", at > 1 ? ":" : "", byte(7) * 256 + byte(5), byte(3) * 256 + byte(1))
        }
        sub(/^0:0:0:0:0:0:0:/, "::", text)
        text = "[" text "]"
      }
      if (!seen[text]++) list = list (list ? ", " : "") text
    }
    END { print list }' "$@" 2>/dev/null)
  [[ -n $REPLY ]]
}

# Seconds to wait after the n-th failed attempt, in REPLY.
backoff() {
  REPLY=$HEALTH_CAP
  if (($1 < 10 && (1 << ($1 - 1)) < HEALTH_CAP)); then REPLY=$((1 << ($1 - 1))); fi
}

# Pass some seconds; over at once when the port (if one is given) accepts. False when the process has died.
pause() {
  local colour=$1 seconds=$2 port=${3-} now until looks=1
  clock && until=$((REPLY + seconds * 1000))
  while :; do
    if [[ -n $port ]] && accepting "$colour" "$port"; then return 0; fi
    if ((looks % 100 == 0)); then lives "$colour" || died "$colour" || return; fi
    if ((looks++ % 10 == 0)); then goes_on "$colour" || died "$colour" || return; fi
    clock && now=$REPLY
    if ((now >= until || looks > seconds * 100)); then break; fi # a clock that is set back makes no wait longer
    rest 0.01
  done
  lives "$colour" || died "$colour"
}

# Pass so many seconds by reading from a pipe that nobody writes to: `sleep` is a fork, on a machine that the app needs to start.
rest() {
  if [[ -z $never ]]; then sleep "$1"; else read -rt "$1" -u "$never" || :; fi
}

# Say how the app ended. Always false.
died() {
  how_it_ended "$1"
  ENDED=$REPLY PROBLEM=$REPLY
  return 1
}
