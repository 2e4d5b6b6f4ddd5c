#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Kind `job`: a unit of Type=oneshot, <app>@job.service, run when it is deployed (RUN_AT_DEPLOY), by a timer (TIMER), or
# both. There is no colour and no proxy. It is healthy when it has run and exited with 0, where it is run now, and when its
# timer is active, where it has one. What a job that failed has done is not for us to undo.
#
# A new version runs in a unit of its own, <app>@next.service. Until it is committed the job and its timer are not touched:
# whatever is cut off, and whether the host is booted then or not, the timer goes on with the version before. What is to
# take their place is complete on the disk by the commit, with run/next.switch, which puts it there. That may be cut off
# too, and done again: by the next run, or by the boot, which comes before what a timer starts.

# What is gone back to does not run, unless the settings say so: it would send its mails once more.
RUN_NOW=${RUN_AT_DEPLOY:-true}
if [[ $ACTION == rollback ]]; then RUN_NOW=${RUN_AT_ROLLBACK:-false}; fi

change_job() {
  IDLE=next IDLE_PORT=0
  if [[ $S_SERVING == "$ARTIFACT" && $TAGSHIP_FETCHED == no ]] && in_place && timer_is_right && ! mends_edits; then
    say "$ARTIFACT is in place already."
    PREVIOUS=$S_PREVIOUS
    journal end
    conclude unchanged '' || return
  fi
  if understand_timer && prepare_idle && run_job && prepare_switch; then finish_job; else leave_job; fi
}

# Whether the job's unit is that of what is committed.
in_place() {
  read_record job && [[ $S_COLOUR == job && $R_ARTIFACT == "$S_SERVING" ]]
}

timer_is_right() {
  local timer=$APP-job.timer
  if [[ -z $TIMER ]]; then return 0; fi
  is_from job.timer "$UNITS/$timer" && [[ -e $UNITS/timers.target.wants/$timer ]] && systemctl is-active --quiet "$timer"
}

understand_timer() {
  [[ -z $TIMER ]] || systemd-analyze calendar "$TIMER" ||
    conclude failed "its timer is not understood (timer = \"$TIMER\"): systemd-analyze calendar '$TIMER'"
}

run_job() {
  local from status=0
  if [[ $RUN_NOW == true ]]; then await_run || return; fi
  clock && from=$REPLY
  APP_LOG=$BASE/log/$DEPLOYMENT-app.log
  journal environment next || conclude failed "the journal cannot be written: $(disk)" || return
  render_environment next "$PORT" "$ARTIFACT" || conclude failed ".env cannot be written: $(disk)" || return
  journal start next
  if [[ $RUN_NOW == true ]]; then say "Running $ARTIFACT."; fi
  run_colour next 0 "$ARTIFACT" "$APP_LOG" || status=$?
  clock && START_MS=$((REPLY - from))
  if [[ $RUN_NOW != true ]]; then
    ((status == 0)) || conclude failed "the job's unit cannot be written: $(disk)" || return
    return 0
  fi
  if ((status != 0)); then
    how_it_ended next
    ENDED=$REPLY
    conclude failed "the job failed: $REPLY" "$(evidence)" || return
  fi
  masked "$(last_lines next "$DEPLOYMENT")"
  say "It exited with code 0 after $START_MS ms. Its last lines:"$'\n'"$REPLY"
}

# The variables of a version have a name of their own, in REPLY, which its start script is told: whichever of two start
# scripts the timer finds in place, it finds its own variables.
name_environment() {
  REPLY=$BASE/run/job-$DEPLOYMENT.env
  ln -f "$BASE/run/next.env" "$REPLY"
}

# A run that is under way is not cut short, nor is another version run beside it. It is waited for during a third of the
# time that this action may take; after that nothing is changed. The timer, which could start one after another, rests from
# then until either version is in place (recover_place); where this is cut off, until the next run or a boot.
await_run() {
  is_running || return 0
  journal wait job
  if [[ -e $UNITS/$APP-job.timer ]]; then systemctl stop "$APP-job.timer"; fi
  if await_end; then return 0; fi
  recover_place
  conclude held "$REPLY: wait for its end (systemctl status $APP@job), or stop it (systemctl stop $APP@job)"
}

# Whether the run ended within the limit; in REPLY, what is to be said of one that did not.
await_end() {
  local since until
  since=$(systemctl show -p ExecMainStartTimestamp --value "$APP@job.service")
  clock && until=$((REPLY + TIMEOUT * 1000 / 3))
  say "$S_SERVING has been running since $since: waiting for its end, at most $((TIMEOUT / 3)) s."
  while is_running; do
    clock
    if ((REPLY >= until)); then
      REPLY="$S_SERVING has been running since $since, and did not end within $((TIMEOUT / 3)) s"
      return 1
    fi
    sleep 0.2
  done
}

is_running() {
  [[ $(systemctl show -p ActiveState --value "$APP@job.service") == *activating ]]
}

# -- the switch --------------------------------------------------------------------------------------------------------

# All that could fail for want of disk is written before the commit.
prepare_switch() {
  local units=$BASE/run/next.units
  journal switch next
  rm -rf "$units" && mkdir "$units" && install_from "$RUNTIME@.service" "$units/$APP@job.service" &&
    { [[ -z $TIMER ]] || install_from job.timer "$units/$APP-job.timer"; } &&
    switch_script >"$BASE/run/next.switch" && { sync "$BASE/run" "$BASE"/run/next* "$units"/* 2>/dev/null || sync; } ||
    conclude failed "the job's unit cannot be written: $(disk)" || return
  write_state job 0 "$ARTIFACT" "$DEPLOYMENT" || conclude failed "state.json cannot be written: $(disk)"
}

# Puts the next version in the job's place, where it is the one that is committed. The record comes last: who finds it finds
# the rest. Timers are enabled and started anew each time: one that is cut off in between has nothing to remember.
switch_script() {
  local timer=$APP-job.timer
  cat <<END
put() { if [ -e "\$1" ]; then mv -f "\$1" "\$2"; fi; }
cd $(printf %q "$BASE/run") && grep -q '^  "deployment": "$DEPLOYMENT",$' ../state.json || exit 0
put next.units/$APP@job.service $UNITS/$APP@job.service && put next.start job.start || exit
END
  if [[ -n $TIMER ]]; then
    printf '%s\n' "put next.units/$timer $UNITS/$timer && systemctl daemon-reload || exit" \
      "systemctl reenable $timer && systemctl restart $timer || exit"
  else
    printf '%s\n' "if [ -e $UNITS/$timer ]; then systemctl disable --now $timer; rm -f $UNITS/$timer; fi" \
      "systemctl daemon-reload || exit"
  fi
  printf '%s\n' "systemctl reset-failed $APP@job.service 2>/dev/null" "put next job"
}

finish_job() {
  journal commit job
  commit "$ARTIFACT"
  SERVING=$ARTIFACT
  if put_in_place; then
    journal prune
    prune
    conclude healthy '' || :
  else
    SERVING=''
    conclude rollback-failed "$ARTIFACT is committed, and its timer does not start: systemctl status $APP-job.timer, and deploy again" || :
  fi
  journal end
}

# After the commit. What is left to do is gone when it is done.
put_in_place() {
  local status=0
  journal timer job
  bash "$BASE/run/next.switch" || status=1
  stop_service
  if ((status == 0)); then drop_next; fi
  return "$status"
}

# An app that was a service until now is stopped, and its proxy with it.
stop_service() {
  local name
  for name in blue green proxy; do
    if read_record "$name"; then journal stop "$name" "$R_PORT" && stop_record "$name"; fi
  done
  rm -f "$BASE"/run/{blue,green}.* "$BASE/run/proxy.map"
}

# The version before it is in place as it was. It is not run again.
leave_job() {
  journal undo next
  stop_record next
  if [[ $ARTIFACT != "$S_SERVING" ]]; then touch -t 200001010000 "$BASE/releases/$ARTIFACT"; fi
  drop_next
  if [[ $S_COLOUR == job ]]; then recover_place; fi
  journal end
}

# All that was written for another version than the one in place.
drop_next() {
  local file
  rm -rf "$BASE"/run/next* "$BASE/state.json.new" "$BASE/.env.new"
  for file in "$BASE"/run/job-*.env; do
    grep -qsF "$file" "$BASE/run/job.start" || rm -f "$file"
  done
}

# For good: its timer goes first, and a run that is under way is let come to its end.
end_job() {
  if [[ -e $UNITS/$APP-job.timer ]]; then systemctl disable --now "$APP-job.timer"; fi
  if is_running; then await_end || say "$REPLY: it is stopped."; fi
}

# -- after a run that was cut off --------------------------------------------------------------------------------------

# Finish what was committed; of anything else nothing has to be undone but its run.
recover_job() {
  if [[ -e $BASE/run/next.switch ]] && grep -q "\"$S_DEPLOYMENT\"" "$BASE/run/next.switch"; then
    say "Finishing $S_DEPLOYMENT, which was cut off: putting $S_SERVING in the job's place."
    journal finish job
    put_in_place || say "The timer of $S_SERVING does not start: systemctl status $APP-job.timer"
  else
    if remains next; then say "Stopping $R_ARTIFACT, run by an action that was cut off."; fi
    journal recover next
    stop_record next
    drop_next
  fi
}

# What is committed has its timer again, which may have been stopped to wait for a run, and its record: a service that was
# to take the job's place takes both away.
recover_place() {
  if [[ ! -s $BASE/run/job ]]; then printf '0 %s %(%s)T 0\n' "$S_SERVING" -1 >"$BASE/run/job"; fi
  if [[ -e $UNITS/$APP-job.timer ]]; then systemctl enable --now --quiet "$APP-job.timer"; fi
}

# What is in place, how its last run ended, and whether its timer is active.
report_job() {
  local line result='' status='' state='' began=''
  SERVING=$R_ARTIFACT
  if [[ -e $BASE/run/next.switch && ! -e $BASE/run/next.start ]]; then SERVING=$S_SERVING; fi # its start script is in place
  in_place || conclude healthy "an action is under way or was cut off: $(last_deployment)" || return
  while IFS= read -r line; do
    case $line in
    Result=*) result=${line#*=} ;;
    ExecMainStatus=*) status=${line#*=} ;;
    ExecMainStartTimestamp=*) began=${line#*=} ;;
    ActiveState=*) state=${line#*=} ;;
    esac
  done < <(systemctl show -p Result -p ExecMainStatus -p ExecMainStartTimestamp -p ActiveState "$APP@job.service")
  if [[ -n $began ]]; then
    say "The job is $state; its last run: $result, exit code $status."
  else
    say "The job is $state; it has not run since it was deployed, or since the host was booted."
  fi
  if ! timer_is_right; then
    flock -n "$BASE/lock" true || conclude healthy "an action is under way: $(last_deployment)" || return
    conclude failed "its timer is not active: systemctl enable --now $APP-job.timer" || return
  fi
  if [[ $state == failed ]]; then
    masked "$(last_lines job "$S_DEPLOYMENT")"
    conclude failed "its last run failed: $result, exit code $status" "$REPLY" || return
  fi
  edited || :
  conclude healthy ''
}
