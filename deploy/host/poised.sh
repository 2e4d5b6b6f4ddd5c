#!/usr/bin/env bash
# shellcheck disable=SC2034 # REPLY and HTTP_STATUS are read by who sources this
#
# Clients of curl's that are started before it is known what to ask, or whether. One takes some 10 ms to start, which an app that
# has just come up, in an incident, need not wait for. A client that is poised waits on its standard input for words of curl's
# configuration, and asks nothing when it gets none: also when this program is killed.

LAST_WORDS=$'\n%{http_code} %{exitcode}\n\004' # of every client: the end of what it says
LONGEST_ANSWER=1048576                         # bytes; one that goes on is broken off
LONGEST_WAIT=90                                # seconds for a client, which has limits of its own, to say anything at all

# By name: the descriptor that its words go to, and the one that its answer comes from.
if [[ -d /proc/self/fd ]]; then declare -A POISED_IN=() POISED_OUT=(); fi # not on macOS, whose bash has no such array

# poise NAME ARGUMENTS…: start a client, with all that is known by now.
poise() {
  local name=$1 in out
  shift
  [[ -d /proc/self/fd ]] || return 0
  exec {out}<> <(:)
  exec {in}> >(let_go && forget_poised && exec curl -q -s -w "$LAST_WORDS" -K - "$@" 2>/dev/null 1>&"$out")
  POISED_IN[$name]=$in POISED_OUT[$name]=$out
}

# told NAME WORDS ARGUMENTS…: the answer of the client that is poised, once it has the rest of its words, in REPLY; of a new one
# that is given all of them, where none is. The status is curl's, HTTP's is in HTTP_STATUS.
told() {
  local name=$1 words=$2
  shift 2
  tell "$name" "$words" || :
  if [[ -n ${POISED_OUT[$name]-} ]]; then
    hear "$name"
  else
    # bash leaves NULs out, and says so.
    { REPLY=$(printf '%s\n' "$words" | curl -q -s -w "$LAST_WORDS" -K - "$@" | head -c "$LONGEST_ANSWER"); } 2>/dev/null
    REPLY=${REPLY%$'\004'*}
    split_answer
  fi
}

# Tell a client that is poised what to ask; false where none is.
tell() {
  local in=${POISED_IN[$1]-}
  [[ -n $in ]] || return
  unset "POISED_IN[$1]"
  printf '%s\n' "$2" >&"$in"
  exec {in}>&-
}

# Wait for the answer of a client that was told. It is read byte by byte, so that curl's limit of time bounds one that goes on.
hear() {
  local out=${POISED_OUT[$1]} part said=''
  unset "POISED_OUT[$1]"
  while IFS= read -rd $'\004' -n "$LONGEST_ANSWER" -t "$LONGEST_WAIT" part <&"$out"; do
    said+=$part
    if ended "$said" || ((${#said} >= LONGEST_ANSWER)); then break; fi
    said+=$'\004'
  done
  exec {out}>&-
  REPLY=$said
  split_answer
}

ended() {
  [[ $1 == *$'\n'[0-9][0-9][0-9]\ [0-9]$'\n' || $1 == *$'\n'[0-9][0-9][0-9]\ [0-9][0-9]$'\n' ]]
}

# What was said, and how it ended, which is its last line.
split_answer() {
  local ended
  HTTP_STATUS=000
  ended "$REPLY" || return 23
  ended=${REPLY%$'\n'} ended=${ended##*$'\n'}
  REPLY=${REPLY%$'\n'*} REPLY=${REPLY%$'\n'*}
  HTTP_STATUS=${ended% *}
  return "${ended#* }"
}

# In a client: give up the ends of the others, which would wait for it to end.
forget_poised() {
  local each
  for each in "${POISED_IN[@]}"; do exec {each}>&-; done
}

# Let all go that were not asked. (What is started from now on would keep their ends open.)
stand_down() {
  QUESTIONS=0
  [[ -d /proc/self/fd ]] || return 0
  forget_poised
  POISED_IN=() POISED_OUT=()
}
