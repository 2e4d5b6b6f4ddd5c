# shellcheck shell=bash
# What the unseen steps of a story may call. bash; each line of a story is typed into a shell that has these.

# begin [--hosts N] [flags of init]: have the repository ship by tagship, bring its sandbox up, and go to the practice clone.
begin() {
  local hosts=1
  if [ "${1-}" = --hosts ]; then
    hosts=$2
    shift 2
  fi
  prepare "$@"
  up "$hosts"
}

# prepare [flags of init]: `tagship init`, and the health check of a page that has no time to lose.
prepare() {
  set -e
  tagship init --yes "$@" >/dev/null
  if [ -e app.py ] && grep -q '^\[environments.dev.health\]' tagship.toml; then
    sed -i.old 's/^\[environments.dev.health\]$/&\nattempts = 4\ncap = 1\ntimeout = 1/' tagship.toml && rm tagship.toml.old
  fi
  git add .
  git commit --quiet -m 'Ship with tagship'
}

up() {
  set -e
  tagship sandbox up --hosts "${1:-1}" >/dev/null
  cd .tagship/sandbox/work
}

# ship VERSION…: publish each and deploy it to the environment of its suffix, as CI would.
ship() {
  set -e
  local version
  for version in "$@"; do
    publish "$version"
    tagship deploy --version "$version" --env "${version##*-}"
  done
}

# publish VERSION [MORE OF hello.json]: a commit, a tag that is not pushed (CI would ship it), an artifact.
publish() {
  set -e
  change "hello $1" "${2-}"
  git tag -a "$1" -m "$1"
  tagship build --version "$1" >/dev/null
  tagship bundle --version "$1" >/dev/null
  tagship publish --version "$1"
}

# change GREETING [MORE OF hello.json]: a commit.
change() {
  set -e
  printf '{"healthy": true, "greeting": "%s"%s}\n' "$1" "${2:+, $2}" >hello.json
  git add hello.json
  git commit --quiet -m "Say $1"
}

# host NAME: the folder that is the root of that host of the sandbox.
host() {
  tagship sandbox status --json | python3 -c '
import json, sys
[host] = [host for host in json.load(sys.stdin)["hosts"] if host["name"] == sys.argv[1]]
print(host["root"])' "$1"
}

# dies VERSION: deploy it, and kill the runner while a host acts.
dies() {
  TAGSHIP_ENVIRONMENTS_DEV_HEALTH_ATTEMPTS=60 TAGSHIP_ENVIRONMENTS_DEV_EC2_TIMEOUT=300 \
    tagship deploy --version "$1" --env dev >"$STORY/died" 2>&1 &
  local runner=$!
  until tagship lock --env dev --json | python3 -c '
import json, sys
sys.exit(not any(held["state"] == "held" and "hosts act" in held["phase"] for held in json.load(sys.stdin)))'; do
    sleep 0.2
  done
  kill -9 "$runner"
}

# preview NUMBER: publish an artifact of that pull request; its id.
preview() {
  local id
  id=$(git rev-parse --short=8 HEAD)-$(date -u +%Y%m%d-%H%M%S)
  tagship bundle --artifact "$id" --env "pr-$1" >/dev/null
  tagship publish --artifact "$id" --env "pr-$1" >/dev/null
  echo "$id"
}
