#!/usr/bin/env bash
# The host program: changes what this host runs, or says what it does.
#
#   ec2_deploy.sh deploy|rollback|status|prune
#
# Stage 1 (host/entry.sh) has verified this release, holds the lock as descriptor 9, and tells the rest in TAGSHIP_*.
#
# Two colours, a proxy in front. In order: environment, start the idle colour, health, switch, check, drain (the new colour is
# watched meanwhile), stop the old colour, commit, prune. Each step is in the journal before it is done, and each may be
# done again: a run that was cut off anywhere is finished or undone by the next one (`recover`). Before the switch a failure
# leaves what serves untouched; after it, the proxy is pointed back.

# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with the files that this one sources, and with the conf

PROGRAM=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
# shellcheck source=deploy/host/entry.sh
. "$PROGRAM/host/entry.sh"
# shellcheck source=deploy/host/poised.sh
. "$PROGRAM/host/poised.sh"
# shellcheck source=deploy/host/proxy.sh
. "$PROGRAM/host/proxy.sh"
# shellcheck source=deploy/host/health.sh
. "$PROGRAM/host/health.sh"
# shellcheck source=deploy/host/watch.sh
. "$PROGRAM/host/watch.sh"
# shellcheck source=deploy/host/secrets.sh
. "$PROGRAM/host/secrets.sh"
# shellcheck source=deploy/host/volumes.sh
. "$PROGRAM/host/volumes.sh"
# shellcheck source=deploy/host/edits.sh
. "$PROGRAM/host/edits.sh"

ACTION=$TAGSHIP_ACTION APP=$TAGSHIP_APP ENVIRONMENT=$TAGSHIP_ENVIRONMENT ARTIFACT=$TAGSHIP_ARTIFACT
DEPLOYMENT=$TAGSHIP_DEPLOYMENT FENCE=$TAGSHIP_FENCE BASE=$TAGSHIP_BASE FETCH_MS=${TAGSHIP_FETCH_MS:-0}
UNSIGNED=${TAGSHIP_UNSIGNED:-refused} NUMBERS=${TAGSHIP_NUMBERS:-none}
# For a signature by `inv resign` that this host lacks:
BUCKET=${TAGSHIP_BUCKET-} REGION=${TAGSHIP_REGION-}
M_artifact_id=$ARTIFACT M_commit=${TAGSHIP_COMMIT-} M_build_time=${TAGSHIP_BUILD_TIME-} # of its manifest, read by stage 1
KEY=$ROOT/etc/tagship/$APP/release.pub.pem
MOST_LOGS=40       # files kept in log/
JOURNAL_LINES=2000 # kept in the journal
IDLE='' IDLE_PORT=0 APP_LOG='' PROBLEM='' ENDED='' STARTED_PID='' GAP_FROM='' CONFIGURED='' PROXY_IS_RIGHT=no
POINTED_BACK=no

# What a release is configured to be on this host: its own conf, then the numbers of this action, then the host's conf.
configure() {
  local conf=$BASE/releases/$1/deploy/environments/$ENVIRONMENT.conf file
  if [[ $CONFIGURED == "$1" ]]; then return 0; fi
  CONFIGURED=''
  REPLY="the release of $1 has no deploy/environments/$ENVIRONMENT.conf"
  [[ -f $conf ]] || return
  # What a conf need not say. An account's name has at most 31 letters.
  KIND=service TIMER='' RUN_AT_DEPLOY=true RUN_AT_ROLLBACK=false ZERO_DOWNTIME=true ACCOUNT=app-${APP:0:27} MEMORY='' PIDS=1024 TIMEOUT=900
  TRUSTED_PROXIES='' METADATA=closed CONTAINER_ROOT=refused CAPABILITIES=older VOLUMES='' OWNERS='' CONTAINER=$APP ENTRYPOINT='' ARGUMENTS='' ALIVE=0 HEALTH_STATUS=200-299
  KEEP=3 DRAIN=5 HEALTH_ATTEMPTS=15 HEALTH_ATTEMPTS_AFTER_ROLLBACK=5 HEALTH_PASSES=2 HEALTH_TIMEOUT=3 HEALTH_CAP=60 HEALTH_SETTLED=7
  # shellcheck source=/dev/null
  . "$conf"
  take_numbers
  # shellcheck source=/dev/null
  if [[ -f $ROOT/etc/tagship/$APP/host.conf ]]; then . "$ROOT/etc/tagship/$APP/host.conf"; fi
  if [[ $KIND == job ]]; then set -- "$1" job; fi
  for file in "manager_$MANAGER" "runtime_$RUNTIME" "${@:2}"; do
    REPLY="the release of $1 cannot run here: it has no deploy/host/$file.sh"
    [[ -f $PROGRAM/host/$file.sh ]] || return
    # shellcheck source=/dev/null
    . "$PROGRAM/host/$file.sh"
  done
  CONFIGURED=${conf#"$BASE/releases/"} CONFIGURED=${CONFIGURED%%/*}
}

# The numbers that came with this action, in place of those of an older release's conf: a rollback uses today's. Nothing else
# is set by them. tagship/domain/ec2/numbers.py has the same names.
take_numbers() {
  local rest=$NUMBERS, each known='KEEP|DRAIN|TIMEOUT|HEALTH_ATTEMPTS|HEALTH_ATTEMPTS_AFTER_ROLLBACK|HEALTH_PASSES|HEALTH_TIMEOUT|HEALTH_CAP'
  while [[ -n $rest ]]; do
    each=${rest%%,*} rest=${rest#*,}
    if [[ $each =~ ^(DRAIN=0|($known)=[1-9][0-9]{0,5})$ ]]; then printf -v "${each%%=*}" %s "${each#*=}"; fi
  done
}

other() {
  if [[ $1 == blue ]]; then REPLY=green; else REPLY=blue; fi
}

# -- deploy and rollback -----------------------------------------------------------------------------------------------

change() {
  local most=$HEALTH_ATTEMPTS
  spares_root || conclude failed "$PROBLEM" || return
  if [[ $ACTION == rollback ]]; then most=$HEALTH_ATTEMPTS_AFTER_ROLLBACK; fi
  ask_ahead
  look_ahead
  recover
  read_state
  SERVING=$S_SERVING PREVIOUS=$S_SERVING
  configure "$ARTIFACT"
  if [[ $KIND == job ]]; then
    change_job
    return
  fi
  if [[ $S_SERVING == "$ARTIFACT" && $TAGSHIP_FETCHED == no ]] && serves && ! mends_edits; then
    say "$ARTIFACT is serving already."
    ATTEMPTS=1 PREVIOUS=$S_PREVIOUS
    journal end
    conclude unchanged '' || return
  fi
  other "${S_COLOUR:-green}" && IDLE=$REPLY
  if prepare_idle && make_way && start_idle && prove_idle "$most"; then
    if switch_over && watch_over && stop_old; then finish; else put_back; fi
  else
    leave_it
  fi
}

# Whether no app would run as root here: the manager `process` runs it as whoever runs this program. (A folder that stands for a
# host is a sandbox's, and whose it is runs the app.) False, with PROBLEM, before anything is looked at.
spares_root() {
  PROBLEM="manager = \"process\" would run $APP as root on this host: set ec2.manager = \"systemd\" for $ENVIRONMENT in tagship.toml, publish, and deploy that"
  if [[ $MANAGER != process || -n $ROOT || $EUID != 0 ]]; then return 0; fi
  read_state
  SERVING=$S_SERVING PREVIOUS=$S_PREVIOUS
  return 1
}

# Whether what is recorded as serving answers, and the proxy points at it and answers too.
serves() {
  upstream
  [[ $REPLY == "$S_PORT" ]] && lives "$S_COLOUR" && ask "$S_PORT" "$S_SERVING" && lives proxy && ask "$PORT" "$S_SERVING"
}

# The account, the secrets, and what the runtime has to fetch, before anything is started or stopped.
prepare_idle() {
  local from
  provide_account && provide_volumes || conclude failed "$PROBLEM" || return
  fetch_secrets "$ARTIFACT" || conclude failed "$PROBLEM" || return
  clock && from=$REPLY
  prepare "$ARTIFACT" || conclude failed "$PROBLEM" || return
  clock && FETCH_MS=$((FETCH_MS + REPLY - from))
}

# Where the settings say that two versions must never run at once (zero_downtime = false): stop the old one first. It is
# started again if the new one is not healthy. The gap lasts until one of them answers through the proxy. A job that runs is
# let come to its end.
make_way() {
  if [[ $S_COLOUR == job ]]; then
    await_run || return
    recover_place # a run that begins from now on is waited for once the service serves (end_job)
  fi
  [[ $ZERO_DOWNTIME == false && $S_COLOUR != job && -n $S_COLOUR ]] || return 0
  journal drain "$S_COLOUR" "$S_PORT" || conclude failed "the journal cannot be written: $(disk)" || return
  say "Stopping $S_SERVING first: zero_downtime = false."
  clock && GAP_FROM=$REPLY
  point_proxy_nowhere
  drain "$S_PORT"
  journal stop "$S_COLOUR" "$S_PORT"
  stop_record "$S_COLOUR"
}

end_gap() {
  if [[ -z $GAP_FROM ]]; then return 0; fi
  clock && GAP_MS=$((REPLY - GAP_FROM))
  GAP_FROM=''
  say "Nothing answered for $GAP_MS ms (zero_downtime = false)."
}

start_idle() {
  local from
  clock && from=$REPLY
  port_for "$IDLE" || conclude failed "$PROBLEM" || return
  IDLE_PORT=$REPLY
  APP_LOG=$BASE/log/$DEPLOYMENT-app.log
  journal environment "$IDLE" "$IDLE_PORT" || conclude failed "the journal cannot be written: $(disk)" || return
  render_environment "$IDLE" "$IDLE_PORT" "$ARTIFACT" || conclude failed ".env cannot be written: $(disk)" || return
  journal start "$IDLE" "$IDLE_PORT"
  say "Starting $ARTIFACT as $IDLE on port $IDLE_PORT."
  run_colour "$IDLE" "$IDLE_PORT" "$ARTIFACT" "$APP_LOG" || conclude failed "$ARTIFACT could not be started: see its unit; $(disk)" "$(evidence)" || return
  clock && START_MS=$((REPLY - from))
}

prove_idle() {
  local from healthy=0
  clock && from=$REPLY
  journal health "$IDLE" "$IDLE_PORT"
  if proxy_is_right; then PROXY_IS_RIGHT=yes; fi # looked at while the app starts
  poise_questions $((HEALTH_PASSES < 2 ? HEALTH_PASSES : 2))
  poise_proxy
  await_health "$IDLE" "$ARTIFACT" "$1" || healthy=1
  clock && HEALTH_MS=$((REPLY - from))
  say "Health: $ATTEMPTS attempts in $HEALTH_MS ms; the last answer: ${ANSWER:-none}"
  if ((healthy == 0)) && is_bounded; then return; fi
  conclude failed "$PROBLEM" "$(evidence)"
}

# What is known of a colour that failed, while it is still there: how it ended, its last answer, its unit, its container, its
# last lines (of the deployment whose log they are in), at most $3 bytes of them.
evidence() {
  local colour=${1-$IDLE}
  printf 'the process: %s\n' "${ENDED:-it runs}"
  printf 'its last answer: %s\n' "${ANSWER:-none}"
  unit_status "$colour"
  masked "$(state_of_colour "$colour")"
  if [[ -n $REPLY ]]; then printf '%s\n' "$REPLY"; fi
  masked "$(last_lines "$colour" "${2-$DEPLOYMENT}")"
  if [[ -z $REPLY ]]; then printf 'its last lines: none\n' && return; fi
  printf 'its last lines:\n'
  printf '%s\n' "$REPLY" | tail -c "${3-3000}"
}

# Everything that could still fail for want of disk is written before the switch.
switch_over() {
  local from
  clock && from=$REPLY
  journal switch "$IDLE" "$IDLE_PORT" || conclude failed "the journal cannot be written: $(disk)" || return
  write_state "$IDLE" "$IDLE_PORT" "$ARTIFACT" "$DEPLOYMENT" ||
    conclude failed "state.json cannot be written: $(disk)" "$(evidence)" || return
  adopt "$IDLE"
  turn_proxy || return
  journal check "$IDLE" "$IDLE_PORT"
  ask "$PORT" "$ARTIFACT" || turn_back "through the proxy, $PROBLEM" || return
  lives "$IDLE" || died "$IDLE" || turn_back "$PROBLEM" || return
  clock && SWITCH_MS=$((REPLY - from))
  end_gap
  say "The proxy on port $PORT points at $IDLE, and $ARTIFACT answers through it."
}

turn_proxy() {
  if [[ $PROXY_IS_RIGHT == yes ]] && listening "$PORT" && point_proxy_at "$IDLE_PORT"; then return 0; fi
  ensure_proxy || conclude failed "$REPLY" "$(evidence_of_proxy)" || return
  point_proxy_at "$IDLE_PORT" || conclude failed "the proxy cannot be pointed at $IDLE: $(disk)" "$(evidence_of_proxy)"
}

finish() {
  local old=$S_COLOUR
  journal commit "$IDLE" "$IDLE_PORT"
  commit "$ARTIFACT"
  SERVING=$ARTIFACT
  journal prune
  if [[ -n $old && $old != job ]]; then make_ready "$old"; fi
  prune
  journal end
  conclude healthy '' || :
}

# The next state.json, complete and on the disk, but for the rename that makes it so.
write_state() {
  local colour=$1 port=$2 artifact=$3 deployment=$4 previous=$S_SERVING
  if [[ $artifact == "$S_SERVING" ]]; then previous=$S_PREVIOUS; fi
  if [[ $colour == job ]]; then
    R_PID=0
  elif [[ "$R_PORT $R_ARTIFACT" != "$port $artifact" || ${R_PID:-0} == 0 ]]; then
    lives "$colour" || return
  fi
  note_written "$colour" || return
  own "$BASE/state.json.new"
  printf '{\n  "colour": "%s",\n  "deployment": "%s",\n  "fence": %s,\n  "pid": %s,\n  "port": %s,\n  "previous": "%s",\n  "serving": "%s"\n}\n' \
    "$colour" "$deployment" "$FENCE" "$R_PID" "$port" "$previous" "$artifact" >"$BASE/state.json.new" &&
    { sync "$BASE/state.json.new" 2>/dev/null || sync; }
}

# What the new state names is on the disk before the state is: after a power cut it would be files without a byte in them.
commit() {
  if [[ -f $BASE/.env.new ]]; then mv -f "$BASE/.env.new" "$BASE/.env"; fi
  if [[ $1 == "$ARTIFACT" ]]; then printf '%s %s\n' "$1" "$M_build_time" >"$BASE/floor"; fi # see stage 1
  sync -f "$BASE" "$ROOT/etc" 2>/dev/null || sync
  mv -f "$BASE/state.json.new" "$BASE/state.json" && touch "$BASE/releases/$1" && point_current
  sync "$BASE" 2>/dev/null || sync
}

# `current` is for people; state.json is what counts. A symlink is replaced by a rename, too.
point_current() {
  read_state
  if [[ $BASE/current -ef $BASE/releases/$S_SERVING ]]; then return; fi
  rm -f "$BASE/current.new" && ln -s "releases/$S_SERVING" "$BASE/current.new" && rename_link "$BASE/current.new" "$BASE/current"
}

rename_link() {
  mv -fT "$1" "$2" 2>/dev/null || mv -fh "$1" "$2" # GNU, BSD
}

# -- when it fails -----------------------------------------------------------------------------------------------------

# Before the switch: stop the idle colour; what served still does, seen by asking it once more.
leave_it() {
  stand_down
  journal undo "$IDLE" "$IDLE_PORT"
  stop_record "$IDLE" 2
  close_metadata
  settle_failure "$OUTCOME" # failed, or held
  drop_environment
  journal end
}

# After the switch: point the proxy back at once, and only then look at what failed. Always false.
turn_back() {
  point_back
  conclude failed "$1" "$(evidence)"
}

point_back() {
  if [[ $POINTED_BACK == yes ]]; then return 0; fi
  POINTED_BACK=yes
  stand_down
  journal undo "$IDLE" "$IDLE_PORT"
  if [[ -n $S_SERVING ]]; then point_proxy_at "$S_PORT"; else point_proxy_nowhere; fi
}

# See that the old version answers through the proxy, which points back at it, then stop the new one.
put_back() {
  point_back
  settle_failure rolled-back
  stop_record "$IDLE" 2
  close_metadata
  drop_environment
  journal end
}

# The environment of a colour that does not run stays nowhere but with its release.
drop_environment() {
  local jobs=("$BASE"/run/job-*.env)
  read_state
  other "${S_COLOUR:-green}"
  if [[ $S_COLOUR == job ]]; then jobs=(); fi
  rm -f "$BASE/run/$REPLY.env" "$BASE/.env.new" "${jobs[@]}"
}

# The outcome of a failure: the one given when the previous version is seen to serve (again), asked by its own conf, else
# rollback-failed. Why it failed, its evidence and its last answer stay those of the version that failed.
settle_failure() {
  local outcome=$1 why=$REASON evidence=$EVIDENCE answer=$ANSWER attempts=$ATTEMPTS
  if [[ -z $S_SERVING ]]; then
    outcome=failed
  elif [[ $S_COLOUR == job ]]; then
    SERVING=$S_SERVING # a service was to take its place: its unit and its timer are as they were
  elif configure "$S_SERVING" && ensure_proxy && serves; then
    say "$S_SERVING serves, as before."
  elif is_there; then
    recovers || SERVING='' outcome=rollback-failed why="$why; and $S_SERVING, which runs and was left alone, is not healthy: $PROBLEM"
  elif ! revive; then
    SERVING='' outcome=rollback-failed why="$why; and $S_SERVING does not answer: $PROBLEM"
    evidence+=$'\n'"--- $S_SERVING, started again"$'\n'$(evidence_of_revival)
  fi
  if [[ $ARTIFACT != "$S_SERVING" ]]; then touch -t 200001010000 "$BASE/releases/$ARTIFACT"; fi # the first to be pruned
  ANSWER=$answer ATTEMPTS=$attempts
  conclude "$outcome" "$why" "$evidence" || :
}

# Whether what is recorded as serving runs, and has what the proxy needs of it: the port that it points at. What is slow, or says
# that its database is away, is not made better by being killed.
is_there() {
  upstream
  [[ $REPLY == "$S_PORT" ]] && lives "$S_COLOUR" && listening "$S_PORT"
}

recovers() {
  say "$S_SERVING is not healthy (${PROBLEM:-$REPLY}): it is left alone, and asked again."
  await_health "$S_COLOUR" "$S_SERVING" "$HEALTH_ATTEMPTS_AFTER_ROLLBACK" && serves
}

# Start what is recorded as serving again, in a fresh process, from its kept release, verified again; on the port that it had,
# which state.json and the proxy know, and with the environment that it had.
revive() {
  local colour=$S_COLOUR port=$S_PORT
  say "$S_SERVING does not answer (${PROBLEM:-$REPLY}): starting it again."
  ENDED='' ANSWER=''
  ARTIFACT=$S_SERVING verify_release "$BASE/releases/$S_SERVING" none || { PROBLEM=$REASON && return 1; }
  configure "$S_SERVING" && journal revive "$colour" "$port" || return
  stop_record "$colour" 2
  if ! is_walled "$port" || listening "$port"; then port_for "$colour" && port=$REPLY || return; fi
  fetch_secrets "$S_SERVING" || return
  if [[ $port != "$S_PORT" || ! -s $BASE/run/$colour.env ]]; then render_environment "$colour" "$port" "$S_SERVING" || return; fi
  run_colour "$colour" "$port" "$S_SERVING" "$BASE/log/$DEPLOYMENT-previous-app.log" || return
  await_health "$colour" "$S_SERVING" "$HEALTH_ATTEMPTS_AFTER_ROLLBACK" || return
  write_state "$colour" "$port" "$S_SERVING" "$S_DEPLOYMENT" && ensure_proxy && point_proxy_at "$port" || return
  ask "$PORT" "$S_SERVING" && end_gap && commit "$S_SERVING"
}

# Of the colour that was started again and does not serve. What the other one said is not said of this one.
evidence_of_revival() {
  configure "$S_SERVING"
  other "$IDLE"
  evidence "$REPLY" "$DEPLOYMENT-previous" 1000
}

# -- after a run that was cut off --------------------------------------------------------------------------------------

# Finish or undo it, by what is really there: where the proxy points, and which colours live.
recover() {
  local idle colour to
  read_state
  if compgen -G "$BASE/run/*.new" >/dev/null || [[ -e $BASE/run/docker ]]; then rm -rf "$BASE"/run/*.new "$BASE/run/docker"; fi
  if [[ -e $BASE/run/reload ]]; then reload_units; fi
  if [[ $S_COLOUR == job ]] || compgen -G "$BASE/run/next*" >/dev/null; then
    # shellcheck source=deploy/host/job.sh
    . "$PROGRAM/host/job.sh" # what is deployed now need not be a job
    if compgen -G "$BASE/run/next*" >/dev/null; then recover_job; fi
  fi
  upstream && to=$REPLY
  for colour in blue green; do
    if [[ $colour$to != "$S_COLOUR$S_PORT" ]] && read_record "$colour" && [[ $to == "$R_PORT" ]]; then settle "$colour"; fi
  done
  read_state
  other "${S_COLOUR:-green}" && idle=$REPLY
  if remains "$idle"; then
    say "Stopping ${R_ARTIFACT:-something}, left over as $idle by an action that was cut off."
    journal recover "$idle" "$R_PORT"
    stop_record "$idle" 2
  fi
  close_metadata
  if [[ -n $S_SERVING ]]; then point_current; fi
  case $S_COLOUR in
  blue | green) wake "$S_COLOUR" ;;
  job) recover_place ;;
  esac
}

# The proxy points at a colour that is not committed: commit it if it is healthy, and was not being undone; else point the
# proxy back at what is recorded.
settle() {
  local colour=$1 port=$R_PORT artifact=$R_ARTIFACT last
  last=$(last_step)
  configure "$artifact"
  if [[ ${last#* } != undo ]] && lives "$colour" && ask "$port" "$artifact" && write_state "$colour" "$port" "$artifact" "${last% *}"; then
    say "Finishing ${last% *}, which was cut off: $artifact serves."
    journal finish "$colour" "$port"
    if [[ -n $S_COLOUR && $S_COLOUR != "$colour" ]]; then stop_record "$S_COLOUR"; fi
    commit "$artifact"
  else
    say "Undoing ${last% *}, which was cut off: $artifact is stopped."
    journal undo "$colour" "$port"
    if [[ -n $S_SERVING ]]; then point_proxy_at "$S_PORT"; else point_proxy_nowhere; fi
    stop_record "$colour" 2
  fi
}

# "DEPLOYMENT STEP" of the last action that changed something; stage 1's own steps of this one come after it.
last_step() {
  tail -n 50 "$BASE/journal.jsonl" | awk -F'"' '
    { for (i = 2; i < NF; i += 2) { if ($i == "deployment") deployment = $(i + 2); if ($i == "step") step = $(i + 2) } }
    step !~ /^(accept|fetch|verify|unpack|recover|finish)$/ { last = deployment " " step }
    END { print last }'
}

# -- status and prune --------------------------------------------------------------------------------------------------

# Whether an app runs whose answers name no version, or that gives none; true of any other, which is asked.
stays_up() {
  { ((ALIVE == 0)) && [[ -n $HEALTH_VERSION_KEY ]]; } || { [[ -n $S_COLOUR ]] && { lives "$S_COLOUR" || died "$S_COLOUR"; }; }
}

# What really answers on the app's port, beside what is recorded.
report() {
  read_state
  ARTIFACT=$S_SERVING SERVING='' PREVIOUS=$S_PREVIOUS
  list_kept
  if [[ $S_COLOUR == job ]] && read_record job; then
    report_job
    return
  fi
  ATTEMPTS=1
  if stays_up && ask "$PORT" "${S_SERVING:-none}"; then
    SERVING=$S_SERVING
    edited || :
    conclude healthy '' || return
  fi
  if [[ $PROBLEM =~ ^it\ answered\ as\ ([0-9a-z][0-9a-zA-Z.-]*), && -d $BASE/releases/${BASH_REMATCH[1]} ]]; then
    SERVING=${BASH_REMATCH[1]}
    conclude healthy "an action is under way or was cut off: $(last_deployment)" || return
  fi
  if [[ -z $S_SERVING ]]; then
    masked "$(last_failure)"
    conclude empty "nothing was ever deployed here to its end" "$REPLY" || return
  fi
  masked "$(last_lines "$S_COLOUR" "$S_DEPLOYMENT")"
  conclude failed "$S_SERVING is recorded as serving, and $PROBLEM" "$(tail -c 4000 <<<"$REPLY")"
}

# Have the answer say at which attempt of its health checks an action is that is under way.
asked_meanwhile() {
  [[ -s $BASE/run/asking && $(last_step) != *' end' ]] || return 0
  quoted "$(<"$BASE/run/asking")" 300 && EDITED+=",\"facts\":{\"asking\":\"$REPLY\"}"
}

# The end of the log of an action that left nothing to serve; nothing while one is under way.
last_failure() {
  local last
  last=$(last_deployment)
  if [[ $last == *', at the step end' ]]; then
    last=${last#deployment }
    tail -n 20 "$BASE/log/${last%%,*}.log" 2>/dev/null
  fi
}

prune_only() {
  recover
  read_state
  SERVING=$S_SERVING PREVIOUS=$S_PREVIOUS
  journal prune && prune && journal end
  if [[ $S_COLOUR != blue && $S_COLOUR != green ]] || serves || recovers; then conclude pruned '' || return 0; fi
  SERVING=''
  conclude failed "it is pruned, and $S_SERVING is recorded as serving, and $PROBLEM" || :
}

# Keep the newest KEEP releases by when they last served; what serves and what served before it are always among them.
prune() {
  local name number=0
  read_state
  while read -r name; do
    number=$((number + 1))
    if ((number <= KEEP)) || [[ $name == "$S_SERVING" || $name == "$S_PREVIOUS" || $name == "$ARTIFACT" ]]; then continue; fi
    discard "$name"
    rm -rf "$BASE/incoming/$name" && mv "$BASE/releases/$name" "$BASE/incoming/$name" && rm -rf "$BASE/incoming/$name"
    say "Pruned $name."
  done < <(ls -t "$BASE/releases")
  rm -rf "$BASE"/incoming/*
  prune_secrets
  drop_environment
  list_kept
  prune_logs
}

list_kept() {
  KEPT=$(cd "$BASE/releases" && printf '%s\n' * | tr '\n' ' ')
  KEPT=${KEPT% }
}

prune_logs() {
  local name number=0
  while read -r name; do
    number=$((number + 1))
    if ((number <= MOST_LOGS)) || [[ $name == "$S_DEPLOYMENT"* || $name == proxy.log ]]; then continue; fi
    rm -f "$BASE/log/$name"
  done < <(ls -t "$BASE/log")
  if (($(wc -l <"$BASE/journal.jsonl") > JOURNAL_LINES * 2)); then
    own "$BASE/journal.jsonl.new"
    tail -n "$JOURNAL_LINES" "$BASE/journal.jsonl" >"$BASE/journal.jsonl.new" && mv -f "$BASE/journal.jsonl.new" "$BASE/journal.jsonl"
  fi
}

# -- the whole ---------------------------------------------------------------------------------------------------------

act() {
  configure "$ARTIFACT" || conclude refused "$REPLY" || return
  case $1 in
  deploy | rollback)
    change
    list_kept
    ;;
  status)
    report
    asked_meanwhile
    ;;
  prune) prune_only ;;
  *) conclude refused "there is no such action: $1" ;;
  esac
}

LOG=/dev/null
if [[ $1 != status ]]; then LOG=$BASE/log/$DEPLOYMENT.log; fi
act "$1" >>"$LOG" 2>&1 9>&-
speak
code
exit
