#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# What somebody edited by hand on this host: the variables of what serves, its unit, and drop-ins of the host's own.
#
# run/<colour>.written has "SHA256 FILE" lines of what a colour was started with: written before the switch, so that the rename
# of state.json makes it count. run/written has those of the files that colours share, one for each text that tagship ever wrote:
# a deployment that failed may have left its own there. Both 0600: by the hash of .env a short secret could be guessed. A colour
# without one was deployed by an older program, and nothing is said of it.

EDITED='' # what was edited, as the verdict has it (speak), and what is under way (asked_meanwhile)

# Note what a colour is started with.
note_written() {
  local place=$BASE/run/$1.written
  (umask 077 && rm -f "$place.new" && list_written "$1" >"$place.new") && mv -f "$place.new" "$place"
}

# Hashes of a colour's files. What is put in its place later is hashed where it is now.
list_written() {
  local file environment=$BASE/.env units=$BASE/run/next.units
  if [[ -f $BASE/.env.new ]]; then environment=$BASE/.env.new; fi
  note_of "$environment" "$BASE/.env"
  if [[ $1 == job ]]; then
    note_of "$units/$APP@job.service" "$UNITS/$APP@job.service"
    note_of "$units/$APP-job.timer" "$UNITS/$APP-job.timer"
  else
    note_of "$BASE/run/$1.env" "$BASE/run/$1.env"
    if [[ $MANAGER == systemd ]]; then
      note_of "$BASE/run/$1.start" "$BASE/run/$1.start"
      note_of "$UNITS/$APP@$1.service" "$UNITS/$APP@$1.service"
    fi
  fi
  while IFS= read -r file; do note_of "$file" "$file"; done < <(drop_ins "$1")
}

note_of() {
  if [[ -f $1 ]] && hash_of "$1"; then printf '%s %s\n' "$REPLY" "$2"; fi
}

# Drop-ins of a colour's unit, and of those that colours share, one a line.
drop_ins() {
  local each
  if [[ $MANAGER != systemd ]]; then return 0; fi
  for each in "$UNITS/$APP@.service.d" "$UNITS/$APP@$1.service.d" "$UNITS/$APP"-{proxy,boot,metadata}.service.d "$UNITS/$APP-$1.timer.d"; do
    if [[ -d $each ]]; then find "$each" -maxdepth 1 -name '*.conf' ! -name $'*\n*' -type f | sort; fi
  done
}

# Note the text that a shared unit is about to be given.
note_shared() {
  local line
  case $2 in
  "$UNITS/$APP"-*.service) ;;
  *) return 0 ;;
  esac
  line=$(note_of "$1" "$2")
  if grep -qxFs "$line" "$BASE/run/written"; then return 0; fi
  (umask 077 && printf '%s\n' "$line" >>"$BASE/run/written")
}

# Whether something of what serves was edited since; what, in EDITED. Nothing is said while an action is under way, or after one
# that was cut off: it may have got as far as to put its own .env in place.
edited() {
  local colour=$S_COLOUR file names=()
  EDITED=''
  [[ -f $BASE/run/$colour.written && $(last_step) == *' end' ]] || return
  while IFS= read -r file; do names+=("$file"); done < <({ changed_of_colour "$colour" && changed_of_shared; } | sort -u | head -n 20)
  for file in "${names[@]}"; do
    file=${file#"$BASE/"} file=${file#"${UNITS-}/"}
    quoted "$file" 200 && EDITED+=${EDITED:+,}\"$REPLY\"
  done
  [[ -n $EDITED ]] && EDITED=",\"edited\":[$EDITED]"
}

changed_of_colour() {
  local hash file place=$BASE/run/$1.written
  while read -r hash file; do
    if [[ ! -f $file ]] || ! hash_of "$file" || [[ $REPLY != "$hash" ]]; then printf '%s\n' "$file"; fi
  done <"$place"
  while IFS= read -r file; do
    grep -qF " $file" "$place" || printf '%s\n' "$file"
  done < <(drop_ins "$1")
}

# Of a file that tagship wrote, each text that it ever wrote is right.
changed_of_shared() {
  local hash file
  if [[ ! -f $BASE/run/written ]]; then return 0; fi
  while read -r file; do
    if [[ ! -f $file ]]; then
      printf '%s\n' "$file"
    elif hash_of "$file" && ! grep -qxF "$REPLY $file" "$BASE/run/written"; then
      printf '%s\n' "$file"
    fi
  done < <(sed 's/^[^ ]* //' "$BASE/run/written" | sort -u)
}

# Say what was edited, and that it is written anew.
mends_edits() {
  edited || return
  EDITED=${EDITED#*[} EDITED=${EDITED%]}
  say "Edited by hand since it was deployed: ${EDITED//\"/}. It is deployed anew."
  EDITED=''
}
