#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154 # globals are shared with ec2_deploy.sh, and with the conf
#
# Secrets. A release's manifest names the version of each; they are fetched with this host's own role, and kept for as long
# as the release is: a rollback to a kept version needs no network, and has the values that it had.
#
# secrets/<artifact>.env (0600) has NAME='value' lines, after a comment that names the manifest they were fetched for. A
# value goes from `aws` through awk into that file, and from there into the app's environment: it is never an argument,
# nor in a variable that is exported, and `masked` takes it out of all that is said.

SECRETS_LIMIT=10 # names a call of ssm get-parameters (its API reference)

# One line a secret, as the manifest (canonical JSON) has them: VARIABLE STORE NAME VERSION KEY; a key that is empty is "-".
references() {
  awk '
    function bare(word) { gsub(/[":,]/, "", word); return word }
    /^  "secrets": \{$/ { inside = 1; next }
    /^  [}"]/ { inside = 0 }
    inside && /^    "/ { variable = bare($1); part["key"] = "" }
    inside && /^      "/ { part[bare($1)] = bare($2) }
    inside && /^    \}/ { print variable, part["store"], part["name"], part["version"], part["key"] == "" ? "-" : part["key"] }
  ' "$BASE/releases/$1/manifest.json"
}

# Have the secrets of a release on this host; false, with the reason in PROBLEM, when they cannot be had.
fetch_secrets() {
  local artifact=$1 file=$BASE/secrets/$1.env listed digest from
  PROBLEM="the manifest of $artifact cannot be read"
  listed=$(references "$artifact") || return
  if [[ -z $listed ]]; then
    if [[ -e $file ]]; then rm -f "$file"; fi
    return 0
  fi
  hash_of "$BASE/releases/$artifact/manifest.json" && digest=$REPLY || return
  if have_secrets "$file" "$digest"; then return 0; fi
  clock && from=$REPLY
  PROBLEM="the journal cannot be written: $(disk)"
  journal secrets "$IDLE" || return
  say "Fetching the secrets: $(cut -d' ' -f1 <<<"$listed" | tr '\n' ' ')"
  PROBLEM="secrets cannot be kept on this host: $(disk)"
  mkdir -p "$BASE/secrets" && chmod 0700 "$BASE/secrets" || return
  (umask 077 && rm -f "$file.new" && printf '# manifest %s\n' "$digest" >"$file.new") || return
  if ! { fetch_parameters "$listed" "$file.new" && fetch_managed "$listed" "$file.new"; }; then
    rm -f "$file.new"
    return 1
  fi
  { sync "$file.new" 2>/dev/null || sync; } && mv -f "$file.new" "$file" || return
  MASKS=unknown
  clock && FETCH_MS=$((FETCH_MS + REPLY - from))
}

# Whether the secrets of that very manifest are here.
have_secrets() {
  local first=''
  if [[ -f $1 ]]; then read -r first <"$1"; fi
  [[ $first == "# manifest $2" ]]
}

# The secrets of Parameter Store, SECRETS_LIMIT a call.
fetch_parameters() {
  local variable store name version key names=() wanted='' count=0
  while read -r variable store name version key; do
    [[ $store == ssm || $store == secretsmanager ]] || odd "$variable" || return
    if [[ $store != ssm ]]; then continue; fi
    [[ "$variable $name $version" =~ ^[A-Za-z_][A-Za-z0-9_]*\ /[A-Za-z0-9_./-]+\ [0-9]{1,9}$ ]] || odd "$variable" || return
    names+=("$name:$version") wanted+="$variable $name $version"$'\n' count=$((count + 1))
    if ((count == SECRETS_LIMIT)); then
      ask_for "$wanted" "$2" ssm get-parameters --with-decryption --names "${names[@]}" || return
      names=() wanted='' count=0
    fi
  done <<<"$1"
  if ((count > 0)); then ask_for "$wanted" "$2" ssm get-parameters --with-decryption --names "${names[@]}"; fi
}

# The secrets of Secrets Manager, one a call. Several variables may be keys of one secret: it is asked for once.
fetch_managed() {
  local variable store name version key wanted='' last=''
  while read -r variable store name version key; do
    if [[ $store != secretsmanager ]]; then continue; fi
    [[ "$variable $name" =~ ^[A-Za-z_][A-Za-z0-9_]*\ [A-Za-z0-9/_+=.@][A-Za-z0-9/_+=.@-]*$ ]] || odd "$variable" || return
    [[ "$version $key" =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{31,63}\ [A-Za-z0-9_.-]+$ ]] || odd "$variable" || return
    if [[ -n $last && $last != "$name $version" ]]; then
      ask_for "$wanted" "$2" secretsmanager get-secret-value --secret-id "${last% *}" --version-id "${last#* }" || return
      wanted=''
    fi
    last="$name $version" wanted+="$variable $name $version $key"$'\n'
  done < <(sort -k3,4 <<<"$1")
  if [[ -z $last ]]; then return 0; fi
  ask_for "$wanted" "$2" secretsmanager get-secret-value --secret-id "${last% *}" --version-id "${last#* }"
}

odd() {
  PROBLEM="the manifest names the secret of $1 as no secret is named"
  return 1
}

# Ask `aws` for the secrets WANTED, and append them to FILE. What it says on standard error holds no value.
ask_for() {
  local wanted=$1 file=$2 said status=0
  shift 2
  said=$({
    let_go
    AWS_PAGER='' AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=3 PYTHONUTF8=1 LC_ALL=C.UTF-8 \
      aws "$@" --region "$REGION" --output json --cli-connect-timeout 5 --cli-read-timeout 20 |
      WANTED=$wanted awk "$READ_SECRETS"
  } 2>&1 >>"$file") || status=$?
  if ((status == 0)); then return 0; fi
  PROBLEM=$(cut -d' ' -f1-3 <<<"${wanted%$'\n'}" | sed 's/ / = /; s/ \([^ ]*\)$/ version \1/' | tr '\n' ',')
  without_queries "${said##*$'\n'}"
  PROBLEM="the secrets cannot be fetched (${PROBLEM%,}): $REPLY"
  return 1
}

# Reads the JSON that `aws` prints, in whatever layout and order, and prints NAME='value' for each line of WANTED
# (VARIABLE NAME VERSION KEY). What is not there, or what no environment can carry, is named on standard error.
#
# One line is read at a time: no string of JSON spans two. A line is cut at its quotes and a string at its backslashes, each
# once. Bytes are bytes (LC_ALL=C). A value is known by the keys that lead to it, `/Parameters/Name`; a secret that is a
# JSON object itself is read by the same words.
# shellcheck disable=SC2016 # the fields are awk's
READ_SECRETS='
  function hex(digits,   n, i) {
    n = 0
    for (i = 1; i <= 4; i++) n = n * 16 + index("123456789abcdef", tolower(substr(digits, i, 1)))
    return n
  }
  function utf8(n) {
    if (n < 128) return sprintf("%c", n)
    if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
    if (n < 65536) return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
    return sprintf("%c%c%c%c", 240 + int(n / 262144), 128 + int(n / 4096) % 64, 128 + int(n / 64) % 64, 128 + n % 64)
  }
  # What stands between the quotes of a string, its escapes taken out. A NUL sets nul.
  function plain(raw,   part, parts, i, out, kind, n, low) {
    parts = split(raw, part, /\\/)
    out = part[1]
    for (i = 2; i <= parts; i++) {
      if (part[i] == "") { out = out "\\" part[++i]; continue }
      kind = substr(part[i], 1, 1)
      if (kind == "u") {
        n = hex(substr(part[i], 2, 4))
        low = n >= 55296 && n < 56320 && length(part[i]) == 5 ? hex(substr(part[i + 1], 2, 4)) : 0
        if (low >= 56320 && low < 57344) { i++; n = 65536 + (n - 55296) * 1024 + low - 56320 }
        if (n == 0) nul = 1; else out = out utf8(n)
        out = out substr(part[i], 6)
      } else {
        out = out (kind in short ? short[kind] : kind) substr(part[i], 2)
      }
    }
    return out
  }
  function read_line(line,   piece, pieces, i, raw) {
    pieces = split(line, piece, "\"")
    for (i = 1; i <= pieces; i++) {
      outside(piece[i])
      if (i == pieces) return
      raw = piece[++i]
      while (match(piece[i], /\\+$/) && RLENGTH % 2 && i < pieces) raw = raw "\"" piece[++i]
      if (i == pieces) { bad = 1; return }
      if (object[depth] && key[depth] == "") key[depth] = "/" plain(raw); else value(plain(raw))
    }
  }
  function outside(signs,   sign) {
    while (length(signs)) {
      sign = substr(signs, 1, 1)
      if (sign == "{" || sign == "[") { depth++; object[depth] = sign == "{"; key[depth] = "" }
      else if (sign == "}" || sign == "]") { depth--; closed() }
      else if (match(signs, /^[-+.0-9A-Za-z]+/)) {
        if (substr(signs, 1, RLENGTH) != "null") value(substr(signs, 1, RLENGTH)); else if (object[depth]) key[depth] = ""
        signs = substr(signs, RLENGTH)
      }
      else if (sign !~ /[ \t\r,:]/) bad = 1
      signs = substr(signs, 2)
    }
  }
  function value(what,   i, path) {
    for (i = 1; i <= depth; i++) path = path key[i]
    found[path] = what; level[path] = depth; broken[path] = nul; nul = 0
    if (object[depth]) key[depth] = ""
  }
  # An object or a list has ended: a parameter, say.
  function closed() {
    if (depth == 2 && key[1] == "/Parameters") {
      keep(found["/Parameters/Name"] " " found["/Parameters/Version"], "/Parameters/Value")
      delete found["/Parameters/Value"]
    }
    if (object[depth]) key[depth] = ""
  }
  function keep(name, path) {
    if (path in found) { holds[name] = found[path]; spoilt[name] = broken[path] }
  }
  function complain(of, what) {
    if (!problem) problem = of " " what
  }
  function put(variable, what, spoilt,   part, parts, i) {
    if (spoilt) { complain(variable, "holds a NUL, which no environment can carry"); return }
    parts = split(what, part, /\047/)
    printf "%s=%s%s", variable, quote, part[1]
    for (i = 2; i <= parts; i++) printf "%s\\%s%s%s", quote, quote, quote, part[i]
    print quote
  }
  # One value of a secret that is a JSON object: a text, a number, true or false.
  function put_key(variable, what, name,   line, lines, i) {
    for (i in found) delete found[i]
    bad = depth = nul = 0
    lines = split(what, line, "\n")
    for (i = 1; i <= lines; i++) read_line(line[i])
    if (bad || depth != 0 || !("/" name in found) || level["/" name] != 1)
      complain(variable, "is not there: the secret is no JSON object with a value \"" name "\"")
    else put(variable, found["/" name], broken["/" name])
  }
  BEGIN {
    quote = sprintf("%c", 39)
    short["n"] = "\n"; short["t"] = "\t"; short["r"] = "\r"; short["b"] = "\b"; short["f"] = "\f"
  }
  { read_line($0) }
  END {
    if (NR == 0) exit 1
    if (bad || depth != 0) complain("aws", "gave an answer that cannot be read")
    keep(found["/Name"] " " found["/VersionId"], "/SecretString")
    if ("/SecretBinary" in found) complain(found["/Name"], "is binary: keep it as text, in base64 for one")
    wants = split(ENVIRON["WANTED"], want, "\n")
    for (w = 1; w <= wants && !problem; w++) {
      if (want[w] == "") continue
      split(want[w], word, " ")
      name = word[2] " " word[3]
      if (!(name in holds)) complain(word[2], "has no version " word[3])
      else if (word[4] == "" || word[4] == "-") put(word[1], holds[name], spoilt[name])
      else put_key(word[1], holds[name], word[4])
    }
    if (problem) { print problem | "cat >&2"; exit 1 }
  }'

# The variables that a release's secrets are: lines for its environment. (`fetch_secrets` has seen to them.)
secret_variables() {
  local file=$BASE/secrets/$1.env
  if [[ -f $file ]]; then tail -n +2 "$file"; fi
}

# What is kept for releases that are gone goes, too.
prune_secrets() {
  local file name
  for file in "$BASE"/secrets/*; do
    name=${file##*/}
    if [[ ! -e $BASE/releases/${name%.env} ]]; then rm -f "$file"; fi
  done
}

# -- what is said ------------------------------------------------------------------------------------------------------

# A text with every line of a secret in it replaced, in REPLY. What an app says of itself (its last lines, its answer)
# goes into the verdict, and from there to the ledger and to CI.
masked() {
  local value
  REPLY=$1
  if [[ $MASKS == unknown ]]; then learn_masks; fi
  if [[ -z $MASKS ]]; then return 0; fi
  while IFS= read -r value; do
    REPLY=${REPLY//"$value"/***}
  done <<<"$MASKS"
}

MASKS=unknown

# The lines of every secret on this host, in each spelling, the longest first. One of less than four characters would mask
# anything; what an operator wrote into .env.local may be a secret or not, and counts from eight on.
learn_masks() {
  MASKS=''
  [[ -f $BASE/.env.local ]] || compgen -G "$BASE/secrets/*.env" >/dev/null || return 0
  MASKS=$({
    secret_values | at_least 4
    local_values | at_least 8
  } | spellings | longest_first)
}

# The lines of standard input that have so many characters.
at_least() {
  sed 's/^[[:space:]]*//; s/[[:space:]]*$//' | awk -v least="$1" 'length($0) >= least'
}

# Each once. (`sort -nu` would keep one of each length.)
longest_first() {
  LC_ALL=C awk '{ print length($0), $0 }' | LC_ALL=C sort -u | LC_ALL=C sort -rn | cut -d' ' -f2-
}

# Each line of standard input, and as it reads in what apps print: in JSON (with / or non-ASCII escaped, or <, > and & as
# Go does), in an address, in HTML, and between quotes in Python.
spellings() {
  LC_ALL=C awk '
  BEGIN {
    for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i
    split("8 b 9 t 12 f 13 r", pairs, " ")
    for (i = 1; i < 9; i += 2) short[pairs[i]] = pairs[i + 1]
    entity["&"] = "&amp;"; entity["<"] = "&lt;"; entity[">"] = "&gt;"
  }
  function json(text, slash, html, ascii,    made, i, c, n) {
    for (i = 1; i <= length(text); i++) {
      c = substr(text, i, 1); n = code[c]
      if (c == "\"" || c == "\\" || (slash && c == "/")) made = made "\\" c
      else if (n in short) made = made "\\" short[n]
      else if (n < 32 || (html && c ~ /[<>&]/) || (ascii && n == 127)) made = made sprintf("\\u%04x", n)
      else if (ascii && n > 191) { made = made wide(text, i, n); i += n < 224 ? 1 : n < 240 ? 2 : 3 }
      else made = made c
    }
    return made
  }
  function wide(text, i, first,    n, k, more) {
    more = first < 224 ? 1 : first < 240 ? 2 : 3
    n = first - (more == 1 ? 192 : more == 2 ? 224 : 240)
    for (k = 1; k <= more; k++) n = n * 64 + code[substr(text, i + k, 1)] - 128
    if (n < 65536) return sprintf("\\u%04x", n)
    n -= 65536
    return sprintf("\\u%04x\\u%04x", 55296 + int(n / 1024), 56320 + n % 1024)
  }
  function address(text, kept, space,    made, i, c) {
    for (i = 1; i <= length(text); i++) {
      c = substr(text, i, 1)
      if (c ~ /[A-Za-z0-9_.~-]/ || index(kept, c)) made = made c
      else made = made (c == " " ? space : sprintf("%%%02X", code[c]))
    }
    return made
  }
  function html(text, quote,    made, i, c) {
    for (i = 1; i <= length(text); i++) {
      c = substr(text, i, 1)
      if (c in entity) made = made entity[c]
      else made = made (quote == "" ? c : c == "\"" ? "&quot;" : c == "\047" ? quote : c)
    }
    return made
  }
  function python(text, quote,    made, i, c, n) {
    for (i = 1; i <= length(text); i++) {
      c = substr(text, i, 1); n = code[c]
      if (c == "\\" || c == quote) made = made "\\" c
      else if (n == 9 || n == 13) made = made "\\" short[n]
      else if (n < 32 || n == 127) made = made sprintf("\\x%02x", n)
      else made = made c
    }
    return made
  }
  {
    print
    for (slash = 0; slash < 2; slash++) for (go = 0; go < 2; go++) for (ascii = 0; ascii < 2; ascii++)
      print json($0, slash, go, ascii)
    print address($0, "", "%20"); print address($0, "/", "%20"); print address($0, "", "+")
    print address($0, "!\047()*", "%20")
    print html($0, "&#x27;"); print html($0, "&#39;"); print html($0, "")
    print python($0, ""); print python($0, "\047")
  }'
}

secret_values() {
  local file
  for file in "$BASE"/secrets/*.env; do
    if [[ -f $file ]]; then values_in "$file"; fi
  done
}

# As local_variables reads them, but for a quote that only one end has.
local_values() {
  sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}[A-Za-z_][A-Za-z0-9_]*=//p" "$BASE/.env.local" 2>/dev/null |
    sed "s/^[\"']//; s/[\"']\$//"
}

# The values that a file of variables sets, one after another, as a shell of its own reads it.
values_in() {
  # shellcheck disable=SC2016,SC2046  # that shell expands it; names are one word each
  env -i bash --norc -c '. "$1"; shift; for _tagship; do printf "%s\n" "${!_tagship-}"; done' - "$1" \
    $(sed -n "s/^\([A-Za-z_][A-Za-z0-9_]*\)='.*/\1/p" "$1")
}
