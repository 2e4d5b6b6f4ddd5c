#!/usr/bin/env bash
# shellcheck disable=SC2034 # REPLY is read by who sources this
#
# Clients of curl's that are started before it is known what to ask, or whether. One takes some 10 ms to start, which an app that
# has just come up, in an incident, need not wait for. A client that is poised waits on its standard input for words of curl's
# configuration, and asks nothing when it gets none: also when this program is killed.

# By name: the descriptor that its words go to, and the one that its answer comes from.
if [[ -d /proc/self/fd ]]; then declare -A POISED_IN=() POISED_OUT=(); fi # not on macOS, whose bash has no such array

# poise NAME ARGUMENTS…: start a client, with all that is known by now.
poise() {
  local name=$1 in out
  shift
  [[ -d /proc/self/fd ]] || return 0
  exec {out}<> <(:)
  exec {in}> >(let_go && forget_poised && asked -K - "$@" >&"$out")
  POISED_IN[$name]=$in POISED_OUT[$name]=$out
}

# told NAME WORDS ARGUMENTS…: the answer of the client that is poised, once it has the rest of its words, in REPLY; of a new one
# that is given all of them, where none is. The status is curl's.
told() {
  local name=$1 words=$2
  shift 2
  tell "$name" "$words" || :
  if [[ -n ${POISED_OUT[$name]-} ]]; then
    hear "$name"
  else
    REPLY=$(asked -K - "$@" <<<"$words" | tr -d '\000')
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

# Wait for the answer of a client that was told.
hear() {
  local out=${POISED_OUT[$1]}
  unset "POISED_OUT[$1]"
  IFS= read -rd '' REPLY <&"$out"
  exec {out}>&-
  split_answer
}

# The status is the last line of what `asked` wrote.
split_answer() {
  set -- "${REPLY##*$'\n'}"
  REPLY=${REPLY%$'\n'*}
  return "${1:-1}"
}

LONGEST_ANSWER=1048576 # bytes; one that goes on is broken off

# What curl says, then its status on a line of its own, then a NUL: bash could not hold one in what was said.
asked() {
  curl -q -s "$@" 2>/dev/null | head -c "$LONGEST_ANSWER" | tr -d '\000'
  printf '\n%s\0' "${PIPESTATUS[0]}"
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
