#!/usr/bin/env bash
# Restores a label from a backup of backup.sh. `restore.sh --help` tells how; docs/operations.md tells when.
PROGRAM=restore.sh
# shellcheck source=deploy/backup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'END'
restore.sh [--replace] [--skip-codes N] [--older-server] BACKUP

Puts a backup into an empty database and empty folders, all of it or nothing. No service may run meanwhile.

  --replace       what is there already is given up: the platform's schemas are dropped, the folders replaced
  --skip-codes N  lets N numbers of each series of ISRC and UPC go unused: those that were given out after the
                  backup was made must never be given out again
  --older-server  takes a backup of a newer PostgreSQL into an older one, which PostgreSQL does not promise to work

Reads the same variables as backup.sh. Files that were kept by --with stay in BACKUP/config, for you to compare.
END
}

# taken FOLDER: whether there is anything in it.
taken() { [ -e "$1" ] && [ -n "$(find "$1" -mindepth 1 -print -quit)" ]; }

# Refuses before anything is touched.
check_target() {
  local busy there folder told
  told="$(value server "$backup/$MANIFEST")"
  [ "$server_major" -ge "$told" ] || [ "$older_server" = yes ] || fail \
    "the backup is of PostgreSQL $told and the server is version $server_major; take a newer server, or try --older-server"
  busy="$(ask "SELECT string_agg(DISTINCT application_name, ', ') FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = ANY (string_to_array('$schemas', ' '))")"
  [ -z "$busy" ] || fail "services are connected to the database ($busy): stop them first"
  [ "$replace" = no ] || return 0
  there="$(ask "SELECT string_agg(nspname, ', ') FROM pg_namespace WHERE nspname = ANY (string_to_array('$schemas', ' '))")"
  [ -z "$there" ] || fail \
    "the database at $database_shown is not empty: it has $there; take an empty one, or --replace gives up what is in it"
  for folder in ${artifacts:+"$artifacts"} "$catalog"; do
    ! taken "$folder" || fail "$folder is not empty; take another AIARTIST_DATA_DIR, or --replace gives up what is in it"
  done
}

# stage PART FOLDER: copies a part of the backup beside its place.
stage() {
  [ -d "$backup/$1" ] || return 0
  mkdir -p -- "$(dirname "$2")" || fail "cannot make $(dirname "$2")"
  staged+=("$2.restoring")
  rm -rf -- "$2.restoring"
  need_space "$(dirname "$2")" "$(listing "$backup/$1" | bytes_of)"
  # Copies, never links: what the platform does to its files must not reach the backup.
  cp -a -- "$backup/$1" "$2.restoring" || fail "cannot copy $backup/$1 to $2.restoring"
}

# Puts a staged folder in its place.
settle() {
  [ -d "$1.restoring" ] || return 0
  if [ -e "$1" ]; then
    # A mounted volume can't be moved; what is in it can.
    find "$1" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} + \
      && find "$1.restoring" -mindepth 1 -maxdepth 1 -exec mv -t "$1" -- {} + \
      && rmdir -- "$1.restoring"
  else
    mv -T -- "$1.restoring" "$1"
  fi
}

# The whole of it as one transaction: what pg_restore wrote last is followed by COMMIT only where it ended well.
statements() {
  local schema
  say "BEGIN;"
  say "SET LOCAL client_min_messages = warning;"
  if [ "$replace" = yes ]; then
    for schema in $schemas; do say "DROP SCHEMA IF EXISTS $schema CASCADE;"; done
  fi
  # Owner and grants are the target's own.
  pg_restore --no-owner --no-privileges -f - "$backup/$DATABASE" || return 1
  cat <<'END'
UPDATE artist_db.publications SET location = :'aiartist_to' || substr(location, length(:'aiartist_from') + 1)
WHERE target = 'folder' AND starts_with(location, :'aiartist_from' || '/');
UPDATE scheduler.runs SET location = :'aiartist_to' || substr(location, length(:'aiartist_from') + 1)
WHERE starts_with(location, :'aiartist_from' || '/');
UPDATE artist_db.code_counters SET last = last + :aiartist_skipped WHERE :aiartist_skipped > 0;
COMMIT;
END
}

restore() {
  local folder
  find_programs
  check_backup "$backup"
  backup="$(realpath -- "$backup")"
  schemas="$(value schemas "$backup/$MANIFEST")"
  read_database_url
  read_places
  check_server
  check_target
  trap 'rm -rf -- ${staged[@]+"${staged[@]}"}' EXIT
  trap 'exit 1' HUP INT TERM
  if [ -n "$artifacts" ]; then
    [ -d "$backup/artifacts" ] || fail \
      "the backup's artifacts are in $(value artifacts "$backup/$MANIFEST"): set AIARTIST_ARTIFACT_URL to that bucket, or to its replica" 2
    stage artifacts "$artifacts"
  fi
  stage catalog "$catalog"
  # A signal that psql does not get may come too late for it: the files must follow a database that was restored.
  trap : HUP INT TERM
  statements | psql -X -q -w -v ON_ERROR_STOP=1 -v aiartist_from="$(value catalog "$backup/$MANIFEST")" \
    -v aiartist_to="$catalog" -v aiartist_skipped="$skipped" -d "$database_url" >/dev/null \
    || fail "the database could not be restored; nothing of it was kept"
  trap '' HUP INT TERM
  for folder in ${artifacts:+"$artifacts"} "$catalog"; do
    settle "$folder" || fail "the database is restored, and $folder is not: run this again with --replace"
  done
  trap - EXIT HUP INT TERM
  # A planner without statistics reads whole tables.
  ask "SET client_min_messages = error; ANALYZE"
  say "restored $backup, made $(value created "$backup/$MANIFEST")"
  if [ -d "$backup/config" ]; then
    say "files that were kept with it are in $backup/config"
  fi
  if [ -d "$backup/artifacts" ] && [ -n "$bucket" ]; then
    say "its artifacts are in the backup's folder, not in $bucket: copy $backup/artifacts there"
  fi
  say "Before you start it: run aiartist migrate, and be sure that the platform which was backed up is stopped for good."
  say "Two of one label answer the same chat, publish to the same places and give out the same codes."
}

replace=no
older_server=no
skipped=0
backup=""
staged=()
while [ $# -gt 0 ]; do
  case "$1" in
    --replace) replace=yes ;;
    --older-server) older_server=yes ;;
    --skip-codes)
      [[ "${2:-}" =~ ^[0-9]+$ ]] || fail "--skip-codes wants a number" 2
      skipped="$2"
      shift
      ;;
    --help)
      usage
      exit 0
      ;;
    -*) fail "there is no option $1; --help tells what there is" 2 ;;
    *)
      [ -z "$backup" ] || fail "one backup at a time" 2
      backup="$1"
      ;;
  esac
  shift
done
[ -n "$backup" ] || fail "which backup? --help tells more" 2
restore
