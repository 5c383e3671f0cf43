#!/usr/bin/env bash
# Copies a folder from one Windows program to another with samples/filecopy, four ways: by Wine's own wsock32, and by ours
# with copies, with views, and with loans. Every byte is checked by the client.
# usage: tools/sample.sh [--small] [--rounds N] [--best] [--pairs "64-64 32-32 32-64"] [--file-bytes N]
#   --small       16 MB and 200 small files, once, written to disk and compared again there: for the test suite
#   --rounds      of each, alternating (3); the median is shown
#   --best        the best round is shown: what the ways can do, on a machine that has other work
#   --pairs       server-client          --file-bytes  size of the large file (1 GB)
# The programs have to be built (tools/build.sh), else it ends with status 77. The folders are made in build/sample. Log:
# build/sample.log, or build/sample-small-PAIR.log
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/pairs.sh
. "$root/bench/pairs.sh"

pair_program=filecopy
ways=(kernel copies views loans)
small_files=1000

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit "$1"; }

take_options() {
    rounds=3 pairs=(64-64 32-32 32-64) file_bytes=$((1 << 30)) small='' shown=median
    while [ $# -gt 0 ]; do
        case $1 in
            --small) small=1 rounds=1 file_bytes=$((16 << 20)) small_files=200 ;;
            --best) shown=best ;;
            --rounds) rounds=${2:?} && shift ;;
            --pairs) read -ra pairs <<<"${2:?}" && shift ;;
            --file-bytes) file_bytes=${2:?} && shift ;;
            -h | --help) usage 0 ;;
            *) note "unknown option $1"; usage 2 >&2 ;;
        esac
        shift
    done
    [[ $rounds =~ ^[1-9][0-9]*$ && $file_bytes =~ ^[1-9][0-9]*$ ]] ||
        die "--rounds and --file-bytes take whole numbers above 0"
    for pair in "${pairs[@]}"; do
        [[ $pair =~ ^(32|64)-(32|64)$ ]] || die "--pairs takes 64-64, 32-32, 32-64 and 64-32"
    done
}

# What this machine cannot run is left out.
drop_pairs() {
    local pair kept=()
    runs_32 && return
    for pair in "${pairs[@]}"; do [[ $pair == *32* ]] || kept+=("$pair"); done
    [ ${#kept[@]} -eq ${#pairs[@]} ] || note "64-bit pairs only: $no_32"
    [ ${#kept[@]} -gt 0 ] || exit 77
    pairs=("${kept[@]}")
}

require_programs() {
    local pair bits
    for pair in "${pairs[@]}"; do
        for bits in "${pair%-*}" "${pair#*-}"; do
            if [ ! -f "$(folder_of "$bits-ours")/filecopy.exe" ] || ! has_our_dll "$bits"; then
                note "filecopy.exe or wsock32.dll is not in $(folder_of "$bits-ours"). Run tools/build.sh."
                exit 77
            fi
        done
    done
}

# Sizes from nothing to 64 KB, in folders of a hundred; the same ones at every run.
make_small_files() {
    local i folder
    for ((i = 0; i < small_files; i++)); do
        folder=$1/folder-$((i / 100))
        mkdir -p "$folder"
        head -c $((i * 7919 % 65536)) "$2" >"$folder/file-$i"
    done
}

# Random bytes: nothing sparse, nothing that a disk could compress. Reading them afterwards leaves them in the cache.
make_folders() {
    local base=$build/sample/$file_bytes-$small_files
    [ -z "$small" ] || base=$scratch/folders
    large=$base/large many=$base/many
    if [ ! -f "$base/complete" ]; then
        note "making $file_bytes bytes and $small_files small files in $base"
        mkdir -p "$large" "$many"
        head -c "$file_bytes" /dev/urandom >"$large/file"
        head -c 65536 /dev/urandom >"$scratch/random"
        make_small_files "$many" "$scratch/random"
        touch "$base/complete"
    fi
    find "$base" -type f -exec cat {} + >/dev/null
}

# usage: copy_folder PAIR WAY FOLDER     the client's line is in $scratch/line
copy_folder() {
    local pair=$1 way=$2 folder=$3 side=ours server status=0 to=--discard
    [ "$way" != kernel ] || side=builtin
    [ -z "$small" ] || to=Z:$scratch/copy
    rm -rf "$scratch/port" "$scratch/copy"
    : >"$scratch/running"
    (run_end "${pair%-*}-$side" serve "Z:$folder" "--with=${way/kernel/copies}" "--port-file=Z:$scratch/port" \
        --clients=1) </dev/null >>"$pair_log" 2>&1 &
    server=$!
    (run_end "${pair#*-}-$side" fetch "$to" "--with=${way/kernel/copies}" "--port-file=Z:$scratch/port") \
        </dev/null >"$scratch/output" 2>>"$pair_log" || status=1
    [ $status -eq 0 ] || kill "$server" 2>/dev/null || true
    wait "$server" || status=1
    : >"$scratch/running"
    [ -z "$small" ] || diff -r "$folder" "$scratch/copy" >>"$pair_log" 2>&1 || status=1
    tr -d '\r' <"$scratch/output" | tee -a "$pair_log" >"$scratch/line"
    return $status
}

# usage: take PAIR WAY NAME FOLDER     keeps GB/s and bytes copied for each that was delivered in $figures
take() {
    steps_done=$((steps_done + 1))
    progress "sample: [$steps_done/$steps] $1 by $2: $3"
    echo "$1 by $2: $3" >>"$pair_log"
    if copy_folder "$1" "$2" "$4"; then
        echo "$1 $2 $3 $(sed -n 's/.* s: \([0-9.]*\) GB.s, \([0-9.]*\) bytes copied.*/\1 \2/p' "$scratch/line")" \
            >>"$figures"
        return
    fi
    progress ""
    note "$1 by $2, $3: FAILED; see $pair_log"
    failures=$((failures + 1))
}

take_all() {
    local round pair way
    figures=$scratch/figures steps=$((rounds * ${#pairs[@]} * ${#ways[@]} * 2)) steps_done=0 failures=0
    : >"$figures"
    for ((round = 0; round < rounds; round++)); do
        for pair in "${pairs[@]}"; do
            for way in "${ways[@]}"; do take "$pair" "$way" large "$large"; done
            for way in "${ways[@]}"; do take "$pair" "$way" many "$many"; done
        done
    done
    progress ""
}

print_table() {
    awk -v pairs="${pairs[*]}" -v ways="${ways[*]}" -v large="1 file, $((file_bytes >> 20)) MiB" \
        -v many="$small_files files, 0-64 KiB" -v shown="$shown" '
        function one_of(list, best,    n, i, j, t, v) {
            n = split(list, v, " ")
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
            return best ? v[n] : (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2
        }
        function row(pair, name, title,    i, key) {
            printf "%-6s %-22s", pair, title
            for (i = 1; i <= way_count; i++) {
                key = pair " " way[i] " " name
                if (key in speed) printf " %9.2f %6.2f", one_of(speed[key], shown == "best"), one_of(copies[key])
                else printf " %9s %6s", "-", "-"
            }
            printf "\n"
        }
        { key = $1 " " $2 " " $3; speed[key] = speed[key] " " $4; copies[key] = copies[key] " " $5 }
        END {
            pair_count = split(pairs, pair, " "); way_count = split(ways, way, " ")
            printf "%-6s %-22s %16s %16s %16s %16s\n", "", "", "kernel sockets", "ours: copies", "ours: views", "ours: loans"
            printf "%-6s %-22s", "pair", "GB/s, copies per byte"
            for (i = 1; i <= way_count; i++) printf " %9s %6s", "GB/s", "copies"
            printf "\n"
            for (i = 1; i <= pair_count; i++) { row(pair[i], "large", large); row(pair[i], "many", many) }
        }' "$figures"
}

main() {
    take_options "$@"
    mkdir -p "$build"
    start_pairs "$build/sample${small:+-small-${pairs[0]}}.log"
    drop_pairs
    require_programs
    make_folders
    take_all
    print_table
    echo "pairs are server-client; $shown of $rounds; every byte was checked where it arrived, in the time given"
    [ $failures -eq 0 ] || die "$failures of $steps copies failed; see $pair_log"
}

main "$@"
