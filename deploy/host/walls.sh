#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Walls of hosts with systemd, beside those of the units and the containers: ports that no other account can bind, output/ out of
# which nothing runs with another's rights, and the metadata service, closed to the app unless METADATA is open.
# docs/adr/0021-the-apps-port.md, docs/security.md.

# -- ports -------------------------------------------------------------------------------------------------------------

# The colours' ports are privileged: between a crash and the next start the kernel gives them to no account but root's, and to an
# app of ours. IANA has assigned none of these, and they are below those that an NFS client takes (665 and up).
PORTS=({288..307} {325..332} {334..343})

# A port that nobody listens on, and that no colour of any app has, in REPLY: one that crashed is to get its own again.
free_port() {
  local record first tries taken=" $S_PORT "
  for record in "$ROOT"/opt/*/run/{blue,green}; do
    if [[ -s $record ]]; then read -r REPLY _ <"$record" && taken+="$REPLY "; fi
  done
  first=$((RANDOM % ${#PORTS[@]}))
  PROBLEM="no port is left of the ${#PORTS[@]} that the apps of a host share: see who has them: head -n 1 /opt/*/run/{blue,green}"
  for ((tries = 0; tries < ${#PORTS[@]}; tries++)); do
    REPLY=${PORTS[(first + tries) % ${#PORTS[@]}]}
    if [[ $taken != *" $REPLY "* ]] && ! listening "$REPLY"; then return 0; fi
  done
  return 1
}

# Whether a port is such a one. An older tagship took theirs from where any account may.
is_walled() {
  ((${1:-0} > 0 && $1 < 1024))
}

# Whether the kernel keeps them from other accounts. False with PROBLEM.
ports_are_kept() {
  local least=1024 setting=/proc/sys/net/ipv4/ip_unprivileged_port_start
  if [[ -r $setting ]]; then read -r least <$setting; fi
  PROBLEM="any account of this host may bind port $least and up, and so take the port of an app that crashed: sysctl -w net.ipv4.ip_unprivileged_port_start=1024, here and in /etc/sysctl.d"
  ((least > PORTS[-1]))
}

# -- output/ -----------------------------------------------------------------------------------------------------------

# The unit that mounts output/, in REPLY: systemd names it after the path.
mount_unit() {
  local path=${BASE#/}/output
  path=${path//-/\\x2d}
  REPLY=${path//\//-}.mount
}

# Have output/ mounted so that no file in it gives another's rights, and none is a device. Where somebody has a mount of their own
# there, it has to have both options. False with PROBLEM.
mount_output() {
  local line options=''
  mount_unit
  while read -ra line; do
    if [[ ${line[4]} == "$BASE/output" ]]; then options=${line[5]}; fi
  done </proc/self/mountinfo
  if [[ ,$options, == *,nosuid,* && ,$options, == *,nodev,* ]]; then return 0; fi
  PROBLEM="$BASE/output is a mount without nosuid and nodev: give it both options in /etc/fstab, then: mount -o remount,nosuid,nodev $BASE/output"
  [[ -z $options || -e $UNITS/$REPLY ]] || return
  PROBLEM="$BASE/output cannot be mounted with nosuid and nodev: systemctl status '$REPLY'"
  install_from output.mount "$UNITS/$REPLY"
  reload_units && mount_unit && systemctl restart "$REPLY"
}

# -- the metadata service ----------------------------------------------------------------------------------------------

# The number and the selector of the rule that closes it, in REPLY. By the account's number two apps of a host have two rules,
# also where both are containers of one bridge.
metadata_rule() {
  account_of || return
  REPLY="$((1000 + ACCOUNT_IS[1] % 10000)) uidrange ${ACCOUNT_IS[1]}-${ACCOUNT_IS[1]}"
  if [[ $RUNTIME == docker ]]; then REPLY="${REPLY%% *} iif docker0"; fi
}

# Whether the unit that closes it is active. The link is systemd's: no fork.
metadata_is_closed() {
  [[ -L /run/systemd/units/invocation:$APP-metadata.service && ! -e $BASE/run/metadata.open ]]
}

# Whether it is as it is to be: then a container may be started before its unit is.
metadata_is_settled() {
  if [[ $METADATA == open ]]; then ! metadata_is_closed; else metadata_is_closed; fi
}

# Have it closed by the time that the colour's unit starts, which needs the unit that closes it; that one ends when no colour
# needs it. Where it is to be open it is opened at once: the colour that still serves closed it for both.
settle_metadata() {
  local unit=$UNITS/$APP-metadata.service
  if [[ -n $ROOT ]]; then return 0; fi # a sandbox's
  if [[ $METADATA == open ]]; then
    if ! metadata_is_closed; then return 0; fi
    : >"$BASE/run/metadata.open" && apply_metadata open
    return
  fi
  cmp -s "$PROGRAM/host/metadata.sh" "$BASE/metadata.sh" ||
    { cp "$PROGRAM/host/metadata.sh" "$BASE/metadata.sh.new" && mv -f "$BASE/metadata.sh.new" "$BASE/metadata.sh"; } || return
  if install_from metadata.service "$unit" && metadata_is_closed; then apply_metadata close || return; fi
  is_from metadata.service "$unit" && close_metadata
}

# Close it again, where it was opened for a version that does not serve.
close_metadata() {
  if [[ ! -e $BASE/run/metadata.open ]]; then return 0; fi
  rm -f "$BASE/run/metadata.open"
  if metadata_is_closed; then apply_metadata close; fi
}

# By the unit's own rule.
apply_metadata() {
  local rule
  rule=$(sed -n 's/^ExecStart=.* close //p' "$UNITS/$APP-metadata.service")
  # shellcheck disable=SC2086 # words
  bash "$BASE/metadata.sh" "$1" $rule
}
