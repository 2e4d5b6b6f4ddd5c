#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Service manager `process`: for a machine without one. A colour is a process in a session of its own.
#
# run/<colour> is its record, written by the process itself before it becomes the app (launch.sh), so that no app ever
# runs unrecorded: "PID BORN PORT ARTIFACT". BORN tells the process from a later one with the same number.
#
# A process that leaves the session (a daemon) still has _TAGSHIP_RECORD in its environment, the path of the record: by that it
# is found in /proc, and stopped with the rest. One that was given another environment is not found, nor is any without /proc.

STOP_LIMIT=10 # seconds from TERM to KILL

# When a process began, in REPLY; false when there is none, or it is a zombie.
born() {
  local line
  if [[ -d /proc/self ]]; then
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return
    line=${line##*) }
    [[ $line != Z* ]] || return
    read -ra line <<<"$line"
    REPLY=${line[19]}
  else
    REPLY=$(ps -o lstart= -p "$1" | tr -c 'A-Za-z0-9\n' '-')
    [[ -n $REPLY ]]
  fi
}

# A record, in R_*; false when there is none.
read_record() {
  R_PID='' R_BORN='' R_PORT=0 R_ARTIFACT=''
  [[ -f $BASE/run/$1 ]] || return
  read -r R_PID R_BORN R_PORT R_ARTIFACT <"$BASE/run/$1"
  [[ -n $R_PID ]]
}

# Whether the process that a record names lives.
lives() {
  read_record "$1" && born "$R_PID" && [[ $REPLY == "$R_BORN" ]]
}

goes_on() {
  lives "$1"
}

# There is nothing that could be started without its release's environment.
wake() {
  return 0
}

# Whether anything of a colour is left to stop.
remains() {
  lives "$1" || [[ -n $(strays "$1") ]]
}

# The processes that bear the mark of a record, one a line. Only what the kernel lets us read is ours.
strays() {
  grep -lszxF "_TAGSHIP_RECORD=$BASE/run/$1" /proc/[0-9]*/environ 2>/dev/null | sed 's/[^0-9]//g'
}

# Start a command as RECORD, in a session of its own, with only what FILE (of the environment) holds, in FOLDER; its
# output goes to OUTPUT. It outlives this program, holds neither its lock nor its standard output, and is waited for
# until it has written its record. Its pid is in STARTED_PID: `wait` knows how it ended.
launch() {
  local record=$1 words=$2 environment=$3 folder=$4 output=$5 tries
  shift 5
  rm -f "$BASE/run/$record"
  own "$output"
  setsid bash "$PROGRAM/host/launch.sh" "$BASE/run/$record" "$words" "$environment" "$folder" "$@" </dev/null >>"$output" 2>&1 &
  STARTED_PID=$!
  for ((tries = 0; tries < 250; tries++)); do
    if [[ -s $BASE/run/$record ]]; then return 0; fi
    kill -0 "$STARTED_PID" 2>/dev/null || break
    sleep 0.01
  done
  [[ -s $BASE/run/$record ]]
}

start_colour() {
  local colour=$1 port=$2 artifact=$3 environment=$4 output=$5
  shift 5
  spares_root || return
  launch "$colour" "$port $artifact" "$environment" "$BASE/releases/$artifact" "$output" "$@"
}

# TERM, then KILL after a limit in seconds. The whole session, so that a wrapper's children go with it; then what left it.
stop_record() {
  local name=$1 limit=${2:-$STOP_LIMIT} left
  if lives "$name"; then
    kill -TERM -- "-$R_PID" 2>/dev/null
    wait_for_end "$limit" lives "$name"
    kill -KILL -- "-$R_PID" 2>/dev/null
    wait_for_end 5 lives "$name"
  fi
  left=$(strays "$name")
  if [[ -n $left ]]; then
    say "Stopping what left the session of $name: $(tr '\n' ' ' <<<"$left")"
    # shellcheck disable=SC2086  # numbers, one a word
    kill -TERM $left 2>/dev/null
    wait_for_end "$limit" has_strays "$name"
    # shellcheck disable=SC2046  # the same: numbers, one a word
    kill -KILL $(strays "$name") 2>/dev/null
    wait_for_end 5 has_strays "$name" || say "It does not end: $(strays "$name" | tr '\n' ' ')"
  fi
  rm -f "$BASE/run/$name"
}

has_strays() {
  [[ -n $(strays "$1") ]]
}

# Wait until a command is false, at most so many seconds. Whether it was.
wait_for_end() {
  local tries limit=$1
  shift
  for ((tries = 0; tries < limit * 50; tries++)); do
    "$@" || return 0
    sleep 0.02
  done
  return 1
}

# Everything here runs as whoever runs this program (spares_root).
provide_account() {
  return 0
}

close_metadata() {
  return 0
}

hand_over() {
  return 0
}

unit_status() {
  return 0
}

# The last lines that a colour wrote, as a deployment of it.
last_lines() {
  tail -n 20 "$BASE/log/$2-app.log"
}

# How the colour started last has ended, in words, in REPLY. Asked only once it is dead.
how_it_ended() {
  local status
  wait "$STARTED_PID" 2>/dev/null
  status=$?
  if ((status > 128)); then
    REPLY="it was killed by signal $((status - 128))"
  else
    REPLY="it exited with code $status"
  fi
  if has_strays "$1"; then REPLY+=", and left processes behind: the command has to stay in the foreground"; fi
}
