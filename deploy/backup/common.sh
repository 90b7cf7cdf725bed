# What backup.sh and restore.sh share. Sourced, not run.
# Needs bash, GNU coreutils and findutils, and PostgreSQL's client programs; all are in the image `postgres`.

set -euo pipefail
# What is written here may hold secrets: it is its owner's alone.
umask 077
export LC_ALL=C

FORMAT="aiartist-backup 1"
DATABASE=database.dump
SUMS=SHA256SUMS
MANIFEST=MANIFEST

say() { printf '%s\n' "$*"; }

# fail MESSAGE [STATUS]
fail() {
  printf '%s: %s\n' "$PROGRAM" "$1" >&2
  exit "${2:-1}"
}

# Puts PG_BIN first on the path and checks that all programs are there.
find_programs() {
  [ -z "${PG_BIN:-}" ] || PATH="$PG_BIN:$PATH"
  local program
  for program in psql pg_dump pg_restore sha256sum find sort comm xargs df flock realpath; do
    command -v "$program" >/dev/null 2>&1 \
      || fail "there is no $program; install it, or name its folder in PG_BIN where it is one of PostgreSQL's"
  done
}

# Takes AIARTIST_DATABASE_URL apart: programs get the password through the environment, as everybody on the
# machine can read their arguments. Sets database_url, without the password, and database_shown, for people.
read_database_url() {
  local secret="${AIARTIST_SECRETS_DIR:-}/aiartist_database_url"
  if [ -z "${AIARTIST_DATABASE_URL:-}" ] && [ -r "$secret" ]; then
    AIARTIST_DATABASE_URL="$(<"$secret")"
  fi
  [ -n "${AIARTIST_DATABASE_URL:-}" ] \
    || fail "AIARTIST_DATABASE_URL is not set; set it to postgresql://user:password@host/name" 2
  local pattern='^(postgres(ql)?://)(([^@/?]*)@)?(.*)$' user="" password=""
  [[ "$AIARTIST_DATABASE_URL" =~ $pattern ]] \
    || fail "AIARTIST_DATABASE_URL is no address of a database; it looks like postgresql://user:password@host/name" 2
  local scheme="${BASH_REMATCH[1]}" person="${BASH_REMATCH[4]}" rest="${BASH_REMATCH[5]}"
  user="${person%%:*}"
  [ "$user" = "$person" ] || password="${person#*:}"
  local query='^(.*[?&])password=([^&]*)&?(.*)$'
  if [[ "$rest" =~ $query ]]; then
    password="${BASH_REMATCH[2]}"
    rest="${BASH_REMATCH[1]}${BASH_REMATCH[3]}"
    rest="${rest%[?&]}"
  fi
  if [ -n "$password" ]; then
    # %2F and the like mean bytes; a backslash means itself.
    password="${password//\\/\\\\}"
    PGPASSWORD="$(printf '%b' "${password//%/\\x}")"
    export PGPASSWORD
  fi
  database_url="$scheme${user:+$user@}$rest"
  database_shown="${rest%%\?*}"
  unset AIARTIST_DATABASE_URL
  export PGCONNECT_TIMEOUT="${PGCONNECT_TIMEOUT:-10}" PGAPPNAME="$PROGRAM"
}

# ask SQL [psql's options]: the answer, columns by `|`.
ask() {
  local statement="$1"
  shift
  psql -X -q -A -t -w -v ON_ERROR_STOP=1 "$@" -d "$database_url" -c "$statement"
}

# Fails with the server's own words where it can't be asked; sets server_major.
check_server() {
  local answer complaint
  complaint="$(mktemp)"
  if ! answer="$(ask 'SHOW server_version_num' 2>"$complaint")"; then
    local words
    words="$(tr '\n' ' ' <"$complaint")"
    rm -f "$complaint"
    fail "cannot open the database at $database_shown: ${words% }; check AIARTIST_DATABASE_URL and that PostgreSQL runs"
  fi
  rm -f "$complaint"
  server_major=$((answer / 10000))
}

# The major version of one of PostgreSQL's programs.
major_of() { "$1" --version | sed -E 's/^[^0-9]*([0-9]+).*$/\1/'; }

# The platform's schemas in this database: those that have been migrated. By name, as others call a table so, too.
schemas_there() {
  ask "SELECT nspname FROM pg_namespace n WHERE nspname IN ('artist_db', 'notifier', 'scheduler') AND EXISTS (
         SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = 'migrations' AND relkind = 'r'
       ) ORDER BY 1"
}

# Where files are: sets data_dir, artifacts (empty where they are in a bucket), bucket, catalog.
read_places() {
  data_dir="$(realpath -m -- "${AIARTIST_DATA_DIR:-data}")"
  local url="${AIARTIST_ARTIFACT_URL:-}"
  artifacts="" bucket=""
  case "$url" in
    "") artifacts="$data_dir/artifacts" ;;
    file://*) artifacts="$(realpath -m -- "${url#file://}")" ;;
    *) bucket="$url" ;;
  esac
  catalog="$(realpath -m -- "${AIARTIST_RELEASE_CATALOG_DIR:-$data_dir/releases}")"
}

# need_space FOLDER BYTES: fails where the disk of a folder that is there has less than that, and a reserve.
need_space() {
  local free reserve="${AIARTIST_BACKUP_RESERVE_BYTES:-67108864}"
  free="$(df --output=avail -B1 -- "$1" | tail -n 1 | tr -d ' ')"
  [ "$free" -ge $(($2 + reserve)) ] \
    || fail "the disk of $1 has $((free / 1048576)) MiB left, $((($2 + reserve) / 1048576)) are needed; make room, or take another disk"
}

# Every file below a folder as `bytes mtime path`, sorted and ended by NUL; without writes under way, which have
# a # or end in .partial.
listing() {
  if [ -d "$1" ]; then
    (cd -- "$1" && find . -ignore_readdir_race -type f ! -name '*#*' ! -path '*/.*.partial/*' -printf '%s %T@ %P\0') | sort -z
  fi
}

names_of() { sed -z 's/^[^ ]* [^ ]* //'; }

bytes_of() { tr '\0' '\n' | awk '{ sum += $1 } END { printf "%.0f\n", sum }'; }

# mirror FROM TO LIKE WORK: makes TO hold the files of FROM. Files that LIKE, an earlier copy, has with the same
# size and time become links to those. FROM may change meanwhile: a file that is gone when its turn comes is no
# failure, and each file is copied whole or again.
mirror() {
  local from="$1" to="$2" like="$3" work="$4" try
  mkdir -p -- "$to"
  if [ -n "$like" ] && [ -d "$like" ]; then
    listing "$from" >"$work/from"
    listing "$like" >"$work/like"
    comm -z -12 "$work/from" "$work/like" | names_of >"$work/same"
    # Where the file system knows no links, the files are copied below.
    (cd -- "$like" && xargs -0 -r cp -a --link --parents -t "$to" -- <"$work/same") 2>/dev/null || true
  fi
  for try in 1 2 3; do
    listing "$from" >"$work/from"
    listing "$to" >"$work/to"
    comm -z -13 "$work/from" "$work/to" | names_of | (cd -- "$to" && xargs -0 -r rm -f --)
    comm -z -23 "$work/from" "$work/to" | names_of >"$work/new"
    [ -s "$work/new" ] || return 0
    if (cd -- "$from" && xargs -0 -r cp -a --parents --remove-destination -t "$to" -- <"$work/new") 2>"$work/complaint"; then
      return 0
    fi
  done
  fail "copying $from failed: $(tail -n 1 "$work/complaint")"
}

# belong_as FROM TO: gives the folder TO the owner and the mode of FROM, where there is one: `cp -a` did that for what is
# in it, and the services' user must get into what root restores.
belong_as() {
  [ -d "$1" ] || return 0
  chmod --reference="$1" -- "$2" || fail "cannot change the mode of $2"
  [ "$(id -u)" != 0 ] || chown --reference="$1" -- "$2" || fail "cannot change the owner of $2"
}

# value NAME FILE: what a manifest says of something.
value() { sed -n "s/^$1 //p" "$2"; }

# check_backup FOLDER: fails with the reason where it is no whole backup, or a byte of it has changed.
check_backup() {
  local folder="$1" told found trouble
  [ -d "$folder" ] || fail "there is no folder $folder"
  [ -f "$folder/$MANIFEST" ] || fail "$folder is no whole backup: it has no $MANIFEST"
  told="$(value sha256 "$folder/$MANIFEST")"
  found="$(grep -v '^sha256 ' "$folder/$MANIFEST" | sha256sum | cut -d ' ' -f 1)"
  [ "$told" = "$found" ] || fail "$folder/$MANIFEST is damaged: its lines do not fit its checksum"
  [ "$(head -n 1 "$folder/$MANIFEST")" = "$FORMAT" ] \
    || fail "$folder was made by another version of this program: $(head -n 1 "$folder/$MANIFEST")"
  told="$(value sums "$folder/$MANIFEST")"
  found="$(sha256sum <"$folder/$SUMS" | cut -d ' ' -f 1)" || fail "$folder is damaged: it has no $SUMS"
  [ "$told" = "$found" ] || fail "$folder/$SUMS is damaged"
  if ! trouble="$(cd -- "$folder" && sha256sum --check --quiet --strict "$SUMS" 2>&1)"; then
    fail "$folder is damaged: $(grep -v '^sha256sum: WARNING' <<<"$trouble" | head -n 3 | tr '\n' ';')"
  fi
  found="$(cd -- "$folder" && find . -type f ! -name "$SUMS" ! -name "$MANIFEST" -printf x | wc -c)"
  [ "$found" = "$(value files "$folder/$MANIFEST")" ] || fail "$folder holds files that do not belong to it"
  trouble="$(pg_restore --list "$folder/$DATABASE" 2>&1 >/dev/null)" \
    || fail "pg_restore $(major_of pg_restore) can't read $folder/$DATABASE, which pg_dump $(value pg_dump "$folder/$MANIFEST") wrote: $trouble"
}
