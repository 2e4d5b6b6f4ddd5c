#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Service manager `systemd`. A colour is the unit <app>@<colour>.service, the proxy <app>-proxy.service, and
# <app>-boot.service starts after a boot what state.json says.
#
# What a manager defines:
#   read_record NAME     R_PID, R_PORT and R_ARTIFACT of a colour or of `proxy`; false when it was never started
#   lives NAME           whether it runs, and (while a colour is not committed) has not been started anew since
#   goes_on NAME         what `lives` found still does: the cheapest look that notices soon when it does not
#   remains COLOUR       whether anything of it is left to stop
#   start_colour COLOUR PORT ARTIFACT ENVIRONMENT OUTPUT COMMAND…
#                        start it with the variables of the file ENVIRONMENT, in its release's folder
#   record_colour COLOUR PORT ARTIFACT
#                        write its record, before anything of it is started
#   wake COLOUR          start what is committed, and the proxy, where a boot did not
#   stop_record NAME     stop it, its requests answered, within a limit
#   how_it_ended COLOUR  in words, in REPLY
#   unit_status COLOUR   what the manager knows of it, for people, on standard output
#   provide_account      the account that the app runs as, output/ for it, and what its walls need; false, with PROBLEM
#   hand_over FILE…      give files to that account
#   last_lines COLOUR DEPLOYMENT
#                        the last lines that it wrote, on standard output
#
# run/<colour> is a colour's record: "PORT ARTIFACT SINCE UP" (when it was started, in seconds by the clock, and in
# milliseconds since the boot); it is there before the unit is started.

UNITS=$ROOT/etc/systemd/system
ACCOUNT_IS=('')
ALONE=''      # a colour whose container runs without its unit, until `adopt` (runtime_docker.sh)
RESTARTING='' # the client of systemd's that start_unit left under way; `lives` waits for it

# shellcheck source=deploy/host/proxy_haproxy.sh
. "$PROGRAM/host/proxy_haproxy.sh"
# shellcheck source=deploy/host/walls.sh
. "$PROGRAM/host/walls.sh"

# A unit's name, in REPLY.
unit_of() {
  REPLY=$APP@$1.service
  if [[ $1 == proxy ]]; then REPLY=$APP-proxy.service; fi
}

# The name of a colour's container, in REPLY: its start script has it, and another release may have called its own otherwise.
container_of() {
  local named=$'\nname=([A-Za-z0-9_-]+)-[$][{]name%'
  if text_of "$BASE/run/$1.start" && [[ $REPLY =~ $named ]]; then
    REPLY=${BASH_REMATCH[1]}-$1
  else
    REPLY=$CONTAINER-$1
  fi
}

read_record() {
  R_PID=0 R_BORN='' R_PORT=0 R_ARTIFACT='' R_SINCE=0 R_UP=0
  [[ -s $BASE/run/$1 ]] || return
  read -r R_PORT R_ARTIFACT R_SINCE R_UP <"$BASE/run/$1"
}

# systemd starts a service anew that died. For what is committed that is right; of a colour that is still to prove itself
# it would hide that it crashes.
lives() {
  local line state='' restarts=0
  read_record "$1" || return
  if [[ $1 == "$ALONE" ]]; then
    container_of "$1" && pid_of "$REPLY" && R_PID=$CONTAINER_PID
    return
  fi
  if [[ -n $RESTARTING ]]; then
    wait "$RESTARTING"
    RESTARTING=''
  fi
  unit_of "$1"
  while IFS= read -r line; do
    case $line in
    ActiveState=*) state=${line#*=} ;;
    NRestarts=*) restarts=${line#*=} ;;
    MainPID=*) R_PID=${line#*=} ;;
    esac
  done < <(systemctl show -p ActiveState -p NRestarts -p MainPID "$REPLY")
  [[ $state == active ]] && { [[ $restarts == 0 || $1 == "$S_COLOUR" || $1 == proxy ]]; }
}

# To ask systemd takes 10 ms, on a machine that the app needs to start.
goes_on() {
  [[ -d /proc/$R_PID ]] || lives "$1"
}

# A unit that is being started anew, again and again, does not live, and still has to be stopped. So has a container that was
# started, and whose unit was not any more (runtime_docker.sh).
remains() {
  read_record "$1" || return
  [[ ! -e $BASE/run/$1.ready ]] || return 0
  unit_of "$1"
  case $(systemctl show -p ActiveState --value "$REPLY") in
  inactive | failed) return 1 ;;
  esac
}

# The account is made where it is missing. output/ is its group's, and nobody else's: a process is of that group, and a
# container is given it, whoever its image runs as.
provide_account() {
  if ! account_of; then
    journal account || { PROBLEM="the journal cannot be written: $(disk)" && return 1; }
    systemd-sysusers - <<<"u $ACCOUNT - \"the app $APP\""
    PROBLEM="the account $ACCOUNT cannot be made on this host: useradd --system $ACCOUNT, and deploy again"
    account_of || return
  fi
  PROBLEM="the account $ACCOUNT is root's: name another as \"user\" in tagship.toml"
  ((ACCOUNT_IS[1] != 0)) || return
  PROBLEM="$BASE/output cannot be given to $ACCOUNT"
  if [[ $(stat -c '%u:%g %a' "$BASE/output") != "0:${ACCOUNT_IS[2]} 2770" ]]; then
    chown "root:${ACCOUNT_IS[2]}" "$BASE/output" && chmod 2770 "$BASE/output" || return
  fi
  if [[ -z $ROOT ]]; then mount_output && ports_are_kept; fi # else it is a sandbox's
}

# The account and its numbers, its own and its group's, in ACCOUNT_IS; false where there is none of that name.
account_of() {
  if [[ ${ACCOUNT_IS[0]} != "$ACCOUNT" ]]; then
    [[ $(id "$ACCOUNT") =~ ^uid=([0-9]+)[^\ ]*\ gid=([0-9]+) ]] || return
    ACCOUNT_IS=("$ACCOUNT" "${BASH_REMATCH[@]:1}")
  fi
}

hand_over() {
  chown "$ACCOUNT:" "$@"
}

start_colour() {
  local colour=$1 port=$2 artifact=$3 environment=$4
  shift 5
  install_units "$colour" || return
  if [[ $colour == next ]]; then name_environment && environment=$REPLY || return; fi # job.sh
  write_start "$colour" "$environment" "$BASE/releases/$artifact" "$@" || return
  record_colour "$colour" "$port" "$artifact" || return
  if [[ $colour == next && $RUN_NOW != true ]]; then return 0; fi
  systemctl restart "$APP@$colour.service" # of a job: returns when it has ended, and how
}

# Start the unit of a colour as it is, while this program goes on: `lives` waits until it has started.
start_unit() {
  { forget_poised && exec systemctl restart "$APP@$1.service"; } &
  RESTARTING=$!
}

record_colour() {
  clock
  printf '%s %s %(%s)T %s\n' "$2" "$3" -1 "$REPLY" >"$BASE/run/$1"
}

# To look for the process of state.json costs nothing; one that was started anew since has another number.
wake() {
  if [[ -d /proc/$S_PID ]] || remains "$1"; then return 0; fi
  say "Starting $S_SERVING and the proxy, which do not run."
  systemctl start "$APP@$1.service" "$APP-proxy.service"
}

# What the unit runs. Starting a unit that was stopped clears its failures and its count of restarts.
write_start() {
  start_script "$@" >"$BASE/run/$1.start.new" && mv -f "$BASE/run/$1.start.new" "$BASE/run/$1.start"
}

stop_record() {
  unit_of "$1"
  if [[ $1 == job ]]; then end_job; fi
  systemctl stop "$REPLY"
  systemctl reset-failed "$REPLY" 2>/dev/null
  if [[ -e $BASE/run/$1.ready ]]; then container_of "$1" && docker rm --force "$REPLY" && rm -f "$BASE/run/$1.ready"; fi
  rm -f "$BASE/run/$1"
}

how_it_ended() {
  local line status='' result=''
  unit_of "$1"
  while IFS= read -r line; do
    case $line in
    ExecMainStatus=*) status=${line#*=} ;;
    Result=*) result=${line#*=} ;;
    esac
  done < <(systemctl show -p ExecMainStatus -p Result "$REPLY")
  case $result in
  signal | core-dump)
    REPLY="it was killed by signal $status"
    if [[ $status == 9 && -n $MEMORY ]]; then REPLY+=" (limits.memory is $MEMORY)"; fi
    ;;
  oom-kill) REPLY="it was killed for want of memory" ;;
  *) REPLY="it exited with code $status" ;;
  esac
}

# What systemd knows of a colour, in one line for people.
unit_status() {
  printf 'its unit: %s\n' "$(systemctl show -p ActiveState,SubState,Result,ExecMainStatus,NRestarts,MemoryPeak "$APP@$1.service" | tr '\n' ' ')"
}

last_lines() {
  if [[ -e $BASE/run/$1.ready ]]; then container_of "$1" && docker logs --tail 20 "$REPLY" 2>&1 && return; fi
  read_record "$1" || :
  started_at
  journalctl --unit "$APP@$1.service" --since "@$REPLY" --lines 20 --output cat --no-pager
}

# When what read_record found was started, in REPLY, by the clock as it is set now: one that was set back since would hide
# its lines.
started_at() {
  local now
  clock
  printf -v now '%(%s)T' -1
  now=$((now - (REPLY - ${R_UP:-0}) / 1000 - 1))
  if ((${R_UP:-0} == 0 || REPLY < R_UP || now > R_SINCE)); then now=$R_SINCE; fi
  REPLY=$now
}

# -- unit files --------------------------------------------------------------------------------------------------------

# The unit of one colour, and of what is started at boot. The unit of the colour that serves is left as it is.
install_units() {
  local colour=$1
  settle_metadata || return
  install_from "$RUNTIME@.service" "$UNITS/$APP@$colour.service"
  install_from boot.service "$UNITS/$APP-boot.service"
  cmp -s "$PROGRAM/host/boot.sh" "$BASE/boot.sh" ||
    { cp "$PROGRAM/host/boot.sh" "$BASE/boot.sh.new" && mv -f "$BASE/boot.sh.new" "$BASE/boot.sh"; } || return
  reload_units || return
  [[ -e $UNITS/multi-user.target.wants/$APP-boot.service ]] || systemctl enable "$APP-boot.service"
}

# Write a file from its template, where it is not so already, and where a command ($3), if one is given, finds it good. True
# when it was changed.
install_from() {
  local new=${2%/*}/.${2##*/}.new
  if is_from "$1" "$2"; then return 1; fi
  [[ -n $REPLY ]] && printf '%s\n' "$REPLY" >"$new" && "${3-true}" "$new" && note_shared "$new" "$2" || return
  if [[ $2 == "$UNITS"/* ]]; then : >"$BASE/run/reload" || return; fi
  mv -f "$new" "$2"
}

# Have systemd read its files where one is new to it. run/reload is there from before the first is changed until it has
# read them: what is cut off in between is made up for by the next run, which finds every file as it is to be.
reload_units() {
  if [[ ! -e $BASE/run/reload ]]; then return 0; fi
  systemctl daemon-reload && rm -f "$BASE/run/reload"
}

# Whether a file is what its template makes of it; that text is in REPLY.
is_from() {
  local listen="*:$PORT" memory=infinity swap=infinity trusted=always_false needs='' denied='' rule='' each volumes=''
  for each in $VOLUMES; do
    if [[ $each == *:ro ]]; then volumes+=$'\nBindReadOnlyPaths='; else volumes+=$'\nBindPaths='; fi
    volumes+=${each%:*}
  done
  if [[ -e /proc/net/if_inet6 ]]; then listen=":::$PORT v4v6"; fi
  if [[ $METADATA != open ]]; then
    needs=$'\n'"Requires=$APP-metadata.service"$'\n'"After=$APP-metadata.service"
    denied=$'\nIPAddressDeny=169.254.169.254 fd00:ec2::254'
  fi
  if [[ $1 == metadata.service ]]; then metadata_rule && rule=$REPLY || return; fi
  REPLY=$(<"$PROGRAM/systemd/$1")
  REPLY=${REPLY//$'\n'@NEEDS@/$needs} REPLY=${REPLY//$'\n'@DENIED@/$denied} REPLY=${REPLY//@RULE@/$rule} REPLY=${REPLY//$'\n'@VOLUMES@/$volumes}
  if [[ $2 == */"$APP@"@(job|next).service ]]; then # the same unit, but that it ends
    REPLY=${REPLY/Type=exec/Type=oneshot} REPLY=${REPLY/Restart=always/Restart=no} REPLY=${REPLY/$'\n'SuccessExitStatus=143/}
  fi
  # What the timer starts waits for what boot.sh still has to put in place, and for a run of the version that is deployed.
  if [[ $2 == */"$APP@job.service" ]]; then
    REPLY=${REPLY/network-online.target/"network-online.target $APP-boot.service $APP@next.service"}
  fi
  if [[ -n $MEMORY ]]; then memory=${MEMORY^^} swap=0; fi # no swap, as a container has none
  if [[ -n $TRUSTED_PROXIES ]]; then trusted="src $TRUSTED_PROXIES"; fi
  REPLY=${REPLY//@TIMER@/${TIMER-}} REPLY=${REPLY//@TRUSTED@/$trusted}
  REPLY=${REPLY//@ACCOUNT@/$ACCOUNT} REPLY=${REPLY//@MEMORY@/$memory} REPLY=${REPLY//@SWAP@/$swap} REPLY=${REPLY//@PIDS@/$PIDS}
  REPLY=${REPLY//@CONTAINER@/$CONTAINER} REPLY=${REPLY//@APP@/$APP} REPLY=${REPLY//@BASE@/$BASE} REPLY=${REPLY//@LISTEN@/$listen}
  [[ -f $2 && $REPLY == "$(<"$2")" ]]
}
