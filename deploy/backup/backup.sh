#!/usr/bin/env bash
# Backs up a label: its database, its artifacts, its published releases and the files that you name.
# `backup.sh --help` tells how; docs/operations.md tells when.
PROGRAM=backup.sh
# shellcheck source=deploy/backup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'END'
backup.sh [--to FOLDER] [--keep N] [--with PATH]... [--full]
backup.sh --verify BACKUP

Makes FOLDER/aiartist-<time in UTC>, whole or not at all, while the platform goes on.

  --to FOLDER     where backups are kept; AIARTIST_BACKUP_DIR does the same
  --keep N        after it, removes all but the N newest (7; 0: removes none)
  --with PATH     a file to keep too, such as .env or a models file; may come again. The backup then holds secrets
  --full          copies every file; else those that the last backup has become links to its copies
  --verify BACKUP checks every byte of a backup, and makes none

Reads AIARTIST_DATABASE_URL (or its file in AIARTIST_SECRETS_DIR), AIARTIST_DATA_DIR, AIARTIST_ARTIFACT_URL and
AIARTIST_RELEASE_CATALOG_DIR as the services do, PG_BIN (the folder of pg_dump, pg_restore and psql) and
AIARTIST_BACKUP_RESERVE_BYTES (space that is left free). Ends with 0, with 2 where it was called wrongly, with 1 where the backup failed.
END
}

# Files on this disk that a killed backup left; the lock says that nobody works on them.
forget_partial() { find "$to" -maxdepth 1 -name '.aiartist-*.partial' -exec rm -rf -- {} +; }

# The names of whole backups, oldest first.
whole_backups() {
  (cd -- "$to" && find . -mindepth 2 -maxdepth 2 -path './aiartist-*' -name "$MANIFEST" -printf '%h\n') \
    | sed 's,^\./,,' | sort
}

make_backup() {
  read_database_url
  read_places
  check_server
  local dump_major schemas size last="" like_artifacts="" like_catalog="" name path
  dump_major="$(major_of pg_dump)"
  [ "$dump_major" -ge "$server_major" ] || fail \
    "pg_dump is version $dump_major and the server is version $server_major: an older pg_dump can't back up a newer server; name the folder of a newer one in PG_BIN"
  schemas="$(schemas_there)"
  [ -n "$schemas" ] || fail "the database at $database_shown holds no schema of the platform; is it the right one?"
  local -A names=()
  if [ -n "$artifacts" ] && [ ! -d "$artifacts" ] && [ "$(ask 'SELECT EXISTS (SELECT FROM artist_db.takes)')" = t ]; then
    fail "there is no folder $artifacts, but the database has takes; set AIARTIST_DATA_DIR or AIARTIST_ARTIFACT_URL as release has it"
  fi
  for path in ${with[@]+"${with[@]}"}; do
    [ -f "$path" ] || fail "there is no file $path" 2
    [ -z "${names[${path##*/}]:-}" ] || fail "two files are named ${path##*/}" 2
    names[${path##*/}]=1
  done

  mkdir -p -- "$to" || fail "cannot make $to"
  to="$(realpath -- "$to")"
  case "$to/" in
    "${artifacts:-$catalog}"/* | "$catalog"/*) fail "$to is inside of what is backed up; take another folder" 2 ;;
  esac
  exec 9>"$to/.lock"
  flock -n 9 || fail "another backup into $to is under way"
  forget_partial
  work="$(mktemp -d)"
  name="aiartist-$(date -u +%Y%m%dT%H%M%SZ)"
  while [ -e "$to/$name" ]; do
    sleep 1
    name="aiartist-$(date -u +%Y%m%dT%H%M%SZ)"
  done
  partial="$to/.$name.partial"
  trap 'rm -rf -- "$partial" "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  mkdir -- "$partial"

  if [ "$full" = no ]; then
    last="$(whole_backups | tail -n 1)"
  fi
  if [ -n "$last" ]; then
    like_artifacts="$to/$last/artifacts"
    like_catalog="$to/$last/catalog"
  fi
  # All of the tables, though they are compressed, and the files that no link can stand for.
  size="$(ask "SELECT coalesce(sum(pg_table_size(oid)), 0) FROM pg_class
               WHERE relkind = 'r' AND relnamespace::regnamespace::text = ANY (string_to_array('${schemas//$'\n'/,}', ','))")"
  need_space "$to" $((size + $(new_bytes "$artifacts" "$like_artifacts") + $(new_bytes "$catalog" "$like_catalog")))

  # First the database, as of one moment, then the files. A row is written after its files are, and nothing
  # changes or removes those later: every file that these rows name is there when it is copied. What came in
  # between is more than they name, which does no harm.
  local only=() schema
  while read -r schema; do only+=(--schema "$schema"); done <<<"$schemas"
  pg_dump -Fc -w --lock-wait-timeout=60s "${only[@]}" -f "$partial/$DATABASE" -d "$database_url" \
    || fail "pg_dump failed; nothing is kept of this backup"
  if [ -n "$artifacts" ]; then
    mirror "$artifacts" "$partial/artifacts" "$like_artifacts" "$work"
    belong_as "$artifacts" "$partial/artifacts"
  fi
  mirror "$catalog" "$partial/catalog" "$like_catalog" "$work"
  belong_as "$catalog" "$partial/catalog"
  for path in ${with[@]+"${with[@]}"}; do
    mkdir -p -- "$partial/config"
    cp -- "$path" "$partial/config/" || fail "cannot keep $path"
  done

  local files bytes
  (cd -- "$partial" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$work/sums" \
    && cp -- "$work/sums" "$partial/$SUMS" || fail "cannot write $partial/$SUMS"
  files="$(wc -l <"$partial/$SUMS")"
  bytes="$(cd -- "$partial" && find . -type f ! -name "$SUMS" -printf '%s\0' | bytes_of)"
  {
    say "$FORMAT"
    say "created $(date -u +%Y-%m-%dT%H:%M:%SZ)"
    say "server $server_major"
    say "pg_dump $dump_major"
    say "schemas ${schemas//$'\n'/ }"
    say "artifacts ${artifacts:-$bucket}"
    say "catalog $catalog"
    say "files $files"
    say "bytes $bytes"
    say "sums $(sha256sum <"$partial/$SUMS" | cut -d ' ' -f 1)"
  } >"$work/manifest"
  say "sha256 $(sha256sum <"$work/manifest" | cut -d ' ' -f 1)" >>"$work/manifest"
  # The manifest comes last: what has one is whole. Then the name, once all of it is on the disk.
  cp -- "$work/manifest" "$partial/$MANIFEST" && sync -f "$partial" && mv -T -- "$partial" "$to/$name" \
    && sync -f "$to" || fail "cannot finish $to/$name"
  say "$to/$name: $files files, $((bytes / 1048576)) MiB"
  if [ -n "$bucket" ]; then
    say "artifacts are in $bucket and not in this backup: keep the bucket, with versioning and a replica"
  fi
  forget_old
}

# new_bytes FROM LIKE: of the files of a folder that an earlier copy does not have.
new_bytes() {
  listing "$1" >"$work/from"
  listing "${2:-/nonexistent}" >"$work/like"
  comm -z -23 "$work/from" "$work/like" | bytes_of
}

forget_old() {
  [ "$keep" -gt 0 ] || return 0
  local old
  whole_backups | head -n "-$keep" | while read -r old; do
    # Without its manifest it is no backup any more, should this be cut off.
    rm -f -- "$to/$old/$MANIFEST"
    rm -rf -- "${to:?}/$old"
    say "$to/$old: removed, $keep newer ones are there"
  done
}

to="${AIARTIST_BACKUP_DIR:-}"
keep=7
full=no
verify=""
with=()
# Where the backup grows, and its lists; gone with this program.
partial="" work=""
while [ $# -gt 0 ]; do
  case "$1" in
    --to | --keep | --with | --verify)
      [ $# -ge 2 ] || fail "$1 wants a value; --help tells more" 2
      case "$1" in
        --to) to="$2" ;;
        --keep) keep="$2" ;;
        --with) with+=("$2") ;;
        --verify) verify="$2" ;;
      esac
      shift 2
      ;;
    --full)
      full=yes
      shift
      ;;
    --help)
      usage
      exit 0
      ;;
    *) fail "there is no option $1; --help tells what there is" 2 ;;
  esac
done
find_programs
if [ -n "$verify" ]; then
  check_backup "$verify"
  say "$verify: whole, $(value files "$verify/$MANIFEST") files, made $(value created "$verify/$MANIFEST")"
  exit 0
fi
[ -n "$to" ] || fail "where to? Name a folder with --to, or in AIARTIST_BACKUP_DIR" 2
[[ "$keep" =~ ^[0-9]+$ ]] || fail "--keep wants a number" 2
make_backup
