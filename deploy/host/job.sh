#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Kind `job`: a unit of Type=oneshot, <app>@job.service, run when it is deployed (RUN_AT_DEPLOY), by a timer (TIMER), or
# both. There is no colour and no proxy. It is healthy when it has run and exited with 0, where it is run now, and when its
# timer is active, where it has one. A job that fails leaves the version before it in the unit and in the timer, not run
# again: to undo what the failed one did is not for us to guess.

RUN_NOW=${RUN_AT_DEPLOY:-true}

change_job() {
  IDLE=job IDLE_PORT=0
  if [[ $S_SERVING == "$ARTIFACT" && $TAGSHIP_FETCHED == no ]] && timer_is_right; then
    say "$ARTIFACT is in place already."
    PREVIOUS=$S_PREVIOUS
    journal end
    conclude unchanged '' || return
  fi
  if prepare_idle && run_job && keep_job; then finish_job; else put_job_back; fi
}

run_job() {
  local from status=0
  clock && from=$REPLY
  APP_LOG=$BASE/log/$DEPLOYMENT-app.log
  journal environment job || conclude failed "the journal cannot be written: $(disk)" || return
  render_environment job "$PORT" "$ARTIFACT" || conclude failed ".env cannot be written: $(disk)" || return
  journal start job
  if [[ $RUN_NOW == true ]]; then say "Running $ARTIFACT."; fi
  run_colour job 0 "$ARTIFACT" "$APP_LOG" || status=$?
  clock && START_MS=$((REPLY - from))
  if [[ $RUN_NOW != true ]]; then return "$status"; fi
  if ((status != 0)); then
    how_it_ended job
    ENDED=$REPLY
    conclude failed "the job failed: $REPLY" "$(evidence)" || return
  fi
  masked "$(last_lines job "$DEPLOYMENT")"
  say "It exited with code 0 after $START_MS ms. Its last lines:"$'\n'"$REPLY"
}

keep_job() {
  journal timer job
  set_timer || conclude failed "its timer does not start (timer = \"$TIMER\"): systemd-analyze calendar '$TIMER'" || return
  journal switch job
  write_state job 0 "$ARTIFACT" "$DEPLOYMENT" || conclude failed "state.json cannot be written: $(disk)"
}

# The timer as the conf has it, or none. True when it is active, or is not wanted.
set_timer() {
  local unit=$APP-job.timer
  if [[ -z ${TIMER-} ]]; then
    stop_timer
    return 0
  fi
  if install_from job.timer "$UNITS/$unit"; then systemctl daemon-reload && systemctl reenable "$unit" && systemctl restart "$unit" || return; fi
  systemctl start "$unit" && systemctl is-active "$unit"
}

stop_timer() {
  if [[ -e $UNITS/$APP-job.timer ]]; then
    systemctl disable --now "$APP-job.timer"
    rm -f "$UNITS/$APP-job.timer"
    systemctl daemon-reload
  fi
}

timer_is_right() {
  [[ $S_COLOUR == job ]] || return
  if [[ -z ${TIMER-} ]]; then return 0; fi
  is_from job.timer "$UNITS/$APP-job.timer" && systemctl is-active --quiet "$APP-job.timer"
}

# An app that was a service until now is stopped, and its proxy with it.
finish_job() {
  if [[ -n $S_COLOUR && $S_COLOUR != job ]]; then
    journal stop "$S_COLOUR" "$S_PORT"
    stop_record "$S_COLOUR"
    systemctl disable --now "$APP-boot.service"
    stop_record proxy
  fi
  journal commit job
  commit "$ARTIFACT"
  SERVING=$ARTIFACT
  journal prune
  prune
  journal end
  conclude healthy '' || :
}

# The version before it, in the unit and in the timer again; it is not run.
put_job_back() {
  local why=$REASON evidence=$EVIDENCE
  journal undo job
  touch -t 200001010000 "$BASE/releases/$ARTIFACT"
  if [[ $S_COLOUR == job && $S_SERVING != "$ARTIFACT" ]]; then
    RUN_NOW=false
    configure "$S_SERVING" && RUN_NOW=false && render_environment job "$PORT" "$S_SERVING" &&
      run_colour job 0 "$S_SERVING" "$APP_LOG" && set_timer || SERVING='' why="$why; and $S_SERVING could not be put back"
  elif [[ -z $S_SERVING ]]; then
    stop_timer
    rm -f "$BASE/run/job.start"
  fi
  rm -f "$BASE/state.json.new" "$BASE/.env.new"
  journal end
  if [[ -n $S_SERVING && -z $SERVING ]]; then conclude rollback-failed "$why" "$evidence"; else conclude failed "$why" "$evidence"; fi || :
}

# What is in place, how its last run ended, and whether its timer is active.
report_job() {
  local line result='' status='' state=''
  while IFS= read -r line; do
    case $line in
    Result=*) result=${line#*=} ;;
    ExecMainStatus=*) status=${line#*=} ;;
    ActiveState=*) state=${line#*=} ;;
    esac
  done < <(systemctl show -p Result -p ExecMainStatus -p ActiveState "$APP@job.service")
  say "The job is $state; its last run: $result, exit code $status."
  SERVING=$S_SERVING
  if ! timer_is_right; then conclude failed "its timer is not active: systemctl start $APP-job.timer" || return; fi
  if [[ $state == failed ]]; then
    masked "$(last_lines job "$S_DEPLOYMENT")"
    conclude failed "its last run failed: $result, exit code $status" "$REPLY" || return
  fi
  conclude healthy ''
}
