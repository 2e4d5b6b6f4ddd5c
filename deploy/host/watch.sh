#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# From the switch until the old colour is stopped there is a way back without a gap: the new one is watched while the old one is
# drained, and judged once more at the end of that. One for which the old one had to stop first is watched for SETTLE.

SETTLE=2       # seconds; DRAIN at most
ASKED_LAST=0   # when the new colour was asked last, in milliseconds since the boot
ASK_EVERY=1000 # milliseconds

watch_over() {
  local DRAIN=$DRAIN
  clock && ASKED_LAST=$REPLY
  if [[ -n $GAP_MS ]]; then
    if ((DRAIN > SETTLE)); then DRAIN=$SETTLE; fi
    settle_in && answers_still && return
    reopen_gap
    return 1
  fi
  journal drain "$S_COLOUR" "$S_PORT"
  poise_questions 1
  if [[ -n $S_COLOUR ]]; then drain "$S_PORT" holds || return; fi
  runs_still && answers_still
}

# Watch the new colour for DRAIN seconds; there is nothing to drain.
settle_in() {
  local until
  clock && until=$((REPLY + DRAIN * 1000))
  while clock && ((REPLY < until)); do
    holds || return
    sleep 0.05
  done
  runs_still
}

# Whether the new colour lives, a cheap look, and once a second whether it answers.
holds() {
  runs_still || return
  clock
  ((REPLY - ASKED_LAST < ASK_EVERY)) || answers_still
}

runs_still() {
  goes_on "$IDLE" || died "$IDLE" || turn_back "after the switch, $PROBLEM"
}

# Whether it answers through the proxy as that version. It is asked twice before a bad answer is believed, and what just died
# is seen dead by then.
answers_still() {
  ask "$PORT" "$ARTIFACT" || ask_again || turn_back "after the switch, $PROBLEM" || return
  clock && ASKED_LAST=$REPLY
}

ask_again() {
  say "After the switch, through the proxy, $PROBLEM: asking again."
  sleep 0.3
  lives "$IDLE" || died "$IDLE" || return
  ask "$PORT" "$ARTIFACT" && return
  PROBLEM="through the proxy, $PROBLEM"
  return 1
}

# What failed after the gap is given up, and nothing answers until the old one has been started again.
reopen_gap() {
  clock && GAP_FROM=$((REPLY - GAP_MS))
}

# Stop the old colour. It may take as long as its requests do, and the new one must serve after that: else the old one is
# started again. (A job that was in its place is not.)
stop_old() {
  if [[ -n $GAP_MS ]]; then return 0; fi
  journal stop "$S_COLOUR" "$S_PORT"
  if [[ -z $S_COLOUR ]]; then return 0; fi
  stop_record "$S_COLOUR"
  if [[ $S_COLOUR == job ]]; then return 0; fi
  lives "$IDLE" || died "$IDLE" || turn_back "after the switch, $PROBLEM" || return
  holds
}
