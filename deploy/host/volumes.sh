#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Folders of the host that the app sees (ec2.volumes). One that has an owner in the settings is made where it is missing. What
# is in a folder is never given to another: what serves may need it as it is. ROOT stands for a host in a sandbox, where all is
# of the account that this program runs as.

# Have every folder, before anything is started or stopped. False with PROBLEM.
provide_volumes() {
  local each folder
  for each in $OWNERS; do
    provide_folder "$ROOT${each%%=*}" "${each#*=}" || return
  done
  for each in $VOLUMES; do
    folder=$ROOT${each%%:*}
    PROBLEM="the folder $folder of ec2.volumes is not on this host: make it, for the account that the app runs as; or name its owner there, and it is made"
    [[ -d $folder ]] || return
    each=${each#*:}
    if [[ -n $ROOT ]]; then say "$folder is there. The sandbox mounts nothing: the app does not see it at ${each%:*}."; fi
  done
}

# Make a folder for its owner, or see that it is that owner's.
provide_folder() {
  local folder=$1 owner=$2 numbers has
  numbers_of "$owner" && numbers=$REPLY || return
  if [[ ! -e $folder ]]; then
    make_folder "$folder" "$owner" "$numbers"
    return
  fi
  has=$(stat -Lc '%u:%g' "$folder") || has=''
  if [[ -n $ROOT || $has == "$numbers" || ${has%%:*} == "$numbers" ]]; then return 0; fi
  if is_nobodys "$folder"; then
    PROBLEM="$folder cannot be given to $owner: $(disk)"
    chown "$numbers" "$folder" && chmod 0750 "$folder" && say "Gave $folder, which is empty, to $owner."
    return
  fi
  PROBLEM="$folder of ec2.volumes belongs to $(stat -Lc '%U:%G (%u:%g)' "$folder"), not to $owner: correct its owner in tagship.toml, or give the folder to it with all that is in it: chown -R $owner $folder"
  return 1
}

# Whoever may write to a folder above it could have root make it elsewhere, by a link.
make_folder() {
  local folder=$1 owner=$2 numbers=$3
  journal volume || { PROBLEM="the journal cannot be written: $(disk)" && return 1; }
  roots_alone "${folder%/*}" || no_place "$owner" "$folder" || return
  PROBLEM="$folder cannot be made: $(disk)"
  mkdir -p "$folder" && chmod 0750 "$folder" || return
  if [[ -z $ROOT ]]; then chown "$numbers" "$folder" || return; fi
  say "Made $folder, for $owner."
}

# Always false.
no_place() {
  PROBLEM="$REPLY is not root's alone, and who may write there could have $2 made elsewhere: make it by hand: mkdir -p $2 && chown $1 $2"
  return 1
}

# Whether the folder that is there, of a path and of all that is above it, is root's alone; else it is in REPLY.
roots_alone() {
  local place=$1 mode
  if [[ -n $ROOT ]]; then return 0; fi
  while :; do
    if [[ -e $place/ ]]; then
      REPLY=$place/
      mode=$(stat -Lc '%u %a' "$place/") && [[ $mode =~ ^0\ [0-7]*[0-7][0145][0145]$ && ! -L $place ]] || return
    fi
    if [[ -z $place ]]; then return 0; fi
    place=${place%/*}
  done
}

# Whether nothing is in a folder but what a new file system brings, and no version that serves sees it.
is_nobodys() {
  local conf=$BASE/releases/$S_SERVING/deploy/environments/$ENVIRONMENT.conf
  [[ ! -L $1 && -z $(find "$1" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit) ]] && roots_alone "${1%/*}" &&
    ! { [[ -n $S_SERVING ]] && grep -qsF "$1:" "$conf"; }
}

# The number of an account, or those of an account and a group, in REPLY. A container's accounts have no name here. False with
# PROBLEM.
numbers_of() {
  local user=${1%%:*} group=''
  if [[ $1 == *:* ]]; then group=${1#*:}; fi
  if [[ -n $ROOT ]]; then return 0; fi
  PROBLEM="the account $user, owner of a folder of ec2.volumes, is not on this host: useradd --system $user, and deploy again"
  [[ $user =~ ^[0-9]+$ ]] || user=$(id -u "$user") || return
  PROBLEM="the group $group, of a folder of ec2.volumes, is not on this host: groupadd --system $group, and deploy again"
  if [[ -n $group && ! $group =~ ^[0-9]+$ ]]; then group=$(getent group "$group" | cut -d: -f3) && [[ -n $group ]] || return; fi
  REPLY=$user${group:+:$group}
}
