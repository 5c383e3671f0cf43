#!/usr/bin/env bash
# Makes a release, makes it again from a copy of the sources elsewhere, compares the two byte for byte, and goes through the
# quick start as it is written, in an empty folder and an empty Wine prefix.
# usage: release_test.sh SOURCE-FOLDER
set -euo pipefail

source_folder=$1
# shellcheck source=tools/lib.sh
. "$source_folder/tools/lib.sh"
use_wine_loader
scratch=$(mktemp -d)
fail() { echo "release_test: $*" >&2; exit 1; }
finish() {
    WINEPREFIX=$scratch/prefix wineserver -k 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

# Compilers would take the processors from the tests that run beside this one.
make_release() { nice -n 10 "$@"; }

make_release "$source_folder/tools/release.sh" --out "$scratch/first" >"$scratch/first.log" 2>&1 || fail "$(cat "$scratch/first.log")"

# Elsewhere, under other paths, at another time.
mkdir -p "$scratch/a copy/build/third_party"
(cd "$source_folder" && tar -c --exclude=./build --exclude=./.git .) | tar -x -C "$scratch/a copy"
cp -r "$source_folder/build/third_party/cmocka" "$scratch/a copy/build/third_party/"
make_release "$scratch/a copy/tools/release.sh" --out "$scratch/second" >"$scratch/second.log" 2>&1 || fail "$(cat "$scratch/second.log")"
cmp "$scratch"/first/*.zip "$scratch"/second/*.zip || fail "the same sources gave two different releases"

# The commands of the first list in the quick start, each line as a user pastes it. Output goes to a file, since
# what Wine leaves running would hold a pipe open.
sed -n '/^## Under Wine/,/^## On Windows/s/^    //p' "$source_folder/docs/quick-start.md" >"$scratch/commands"
[ "$(wc -l <"$scratch/commands")" -ge 10 ] || fail "the quick start has no commands"
mkdir "$scratch/user"
cp "$scratch"/first/*.zip "$scratch/user/"
(
    cd "$scratch/user"
    export WINEPREFIX=$scratch/prefix WINEDEBUG=-all DISPLAY= WINEDLLOVERRIDES='mscoree,mshtml='
    timeout 300 wineboot --init
    unset WINEDLLOVERRIDES
    wine() { timeout --kill-after=5 120 wine "$@"; }
    set -x
    # shellcheck disable=SC1091
    . "$scratch/commands"
) </dev/null >"$scratch/log" 2>&1 || fail "the quick start failed: $(cat "$scratch/log")"
grep -q 'the transport works here' "$scratch/log" || fail "doctor did not say that it works: $(cat "$scratch/log")"
[ "$(ls "$scratch"/user/vmmc-sockets-*/try)" = "$(printf 'copy\nfilecopy.exe')" ] || fail "uninstall left something behind: $(ls "$scratch"/user/vmmc-sockets-*/try; tail -n 20 "$scratch/log")"
echo "release_test: two releases are the same, and the quick start works"
