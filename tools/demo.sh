#!/usr/bin/env bash
# Sets up, builds, then runs one unmodified program with Wine's own wsock32 and with ours: a request and response, small
# messages, and a real file of at least 200 MB with its checksum, between 64-bit, 32-bit and mixed pairs.
# usage: tools/demo.sh [--no-build] [--rounds N] [FILE]      N rounds (3) of each, the median is shown
# The file is the smallest suitable one on this machine, unless FILE names another. Log: build/demo.log
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/pairs.sh
. "$root/bench/pairs.sh"

least_bytes=200000000
most_bytes=700000000 # a 32-bit program holds it in memory, at both ends
unspeakable='.*[]:*?"<>|\].*' # what a Windows program cannot name
pairs=(64-64 32-32 32-64)
sides=(builtin ours)

usage() { sed -n '2,5s/^# \{0,1\}//p' "$0"; exit "$1"; }

take_options() {
    rounds=3 file='' prepare=1
    while [ $# -gt 0 ]; do
        case $1 in
            --no-build) prepare= ;;
            --rounds) rounds=${2:?} && shift ;;
            -h | --help) usage 0 ;;
            -*) note "unknown option $1"; usage 2 >&2 ;;
            *) file=$1 ;;
        esac
        shift
    done
    [[ $rounds =~ ^[1-9][0-9]*$ ]] || die "--rounds takes a whole number above 0"
}

set_up_and_build() {
    note "setting up (tools/setup.sh)"
    "$root/tools/setup.sh"
    note "building (tools/build.sh)"
    "$root/tools/build.sh" >"$build/demo-build.log" 2>&1 || {
        tail -n 20 "$build/demo-build.log" >&2
        die "the build failed; all of its output is in $build/demo-build.log"
    }
}

require_our_dll() {
    local bits
    for bits in 64 $(runs_32 && echo 32); do
        [ -f "$(folder_of "$bits-builtin")/netbench.exe" ] ||
            die "$(folder_of "$bits-builtin")/netbench.exe is not built. Run tools/build.sh."
        has_our_dll "$bits" || die "$(folder_of "$bits-ours")/wsock32.dll is not built. Run tools/build.sh."
        loads_our_dll "$bits" || die "Wine does not load $(folder_of "$bits-ours")/wsock32.dll"
    done
}

# The smallest that is large enough; each of these places is searched once, in this order.
find_real_file() {
    local place found
    for place in /usr/lib /usr/share /usr/local /usr /opt /var/lib /var/cache "$HOME"; do
        found=$(find "$place" -xdev -path "$build" -prune -o -type f -readable -size "+${least_bytes}c" \
            -size "-${most_bytes}c" ! -regex "$unspeakable" -printf '%s %p\n' 2>/dev/null | sort -n | head -n 1) || true
        [ -z "$found" ] || { echo "${found#* }"; return; }
    done
    return 1
}

# Real files one after another, largest first, until there is enough.
join_real_files() {
    local joined=$build/demo.bin size total=0 path
    : >"$joined"
    while read -r size path; do
        [ $total -lt $least_bytes ] || break
        cat "$path" >>"$joined"
        total=$((total + size))
    done < <(find /usr/lib /usr/bin /usr/share -xdev -type f -readable -size +1M -size -200M \
        -printf '%s %p\n' 2>/dev/null | sort -rn)
    [ $total -ge $least_bytes ] ||
        die "this machine has not $least_bytes bytes of readable files under /usr; name a file on the command line"
    echo "$joined"
}

choose_file() {
    if [ -n "$file" ]; then
        if [ ! -f "$file" ] || [ ! -r "$file" ]; then die "cannot read $file"; fi
        file=$(realpath "$file")
    elif ! file=$(find_real_file); then
        file=$(join_real_files)
        note "no file of $least_bytes to $most_bytes bytes found; joined real files into $file"
    fi
    file_bytes=$(stat -L -c %s "$file")
    [ "$file_bytes" -lt $most_bytes ] ||
        die "$file is too large for a 32-bit program to hold; name one under $most_bytes bytes"
    progress "demo: reading $file"
    file_checksum=$(cksum <"$file" | cut -d ' ' -f 1)
}

# usage: field NAME LINE     a number or word of a line of JSON that netbench printed
field() { sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p" <<<"$2"; }

# usage: take PAIR SIDE TEST FIELD OPTION ...     runs one test and keeps its figure in $figures
take() {
    local pair=$1 side=$2 test=$3 name=$4 line value
    shift 4
    steps_done=$((steps_done + 1))
    progress "demo: [$steps_done/$steps] $pair $side: $test"
    if ! line=$(run_pair "${pair%-*}-$side" "${pair#*-}-$side" "$test" "$@") ||
        ! value=$(field "$name" "$line") || [ -z "$value" ]; then
        progress ""
        note "$pair $side $test FAILED"
        failures=$((failures + 1))
        return
    fi
    [ "$test" != file ] || check_transfer "$pair" "$side" "$line"
    echo "$pair $side $test $value" >>"$figures"
}

# Three parties must agree: the program that sent, the program that received, and cksum.
check_transfer() {
    [ "$(field verified "$3")" = true ] && [ "$(field received_checksum "$3")" = "$file_checksum" ] &&
        [ "$(field bytes "$3")" = "$file_bytes" ] && transfers=$((transfers + 1)) && return
    progress ""
    note "$1 $2: the file arrived DAMAGED"
    failures=$((failures + 1))
}

take_all() {
    local round pair side
    figures=$scratch/figures steps=$((rounds * ${#pairs[@]} * ${#sides[@]} * 3)) steps_done=0 failures=0 transfers=0
    : >"$figures"
    for ((round = 0; round < rounds; round++)); do
        for pair in "${pairs[@]}"; do
            for side in "${sides[@]}"; do take "$pair" "$side" rtt median_us --size 64; done
            for side in "${sides[@]}"; do take "$pair" "$side" msgs messages_per_s --size 64; done
            for side in "${sides[@]}"; do take "$pair" "$side" file mb_per_s --size 65536 --file "Z:$file"; done
        done
    done
    progress ""
}

print_table() {
    awk -v pairs="${pairs[*]}" '
        function median(key,    n, i, j, t, v) {
            n = split(all[key], v, " ")
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
            return n ? (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2 : 0
        }
        function figure(x) { return x ? sprintf(x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f", x) : "-" }
        function times(a, b) { return a && b ? figure(a / b) "x" : "-" }
        function row(name, pair, side) {
            printf "%-7s %-18s %16s %16s %16s\n", name, side == "ours" ? "with our DLL" : "without",
                figure(median(pair " " side " rtt")), figure(median(pair " " side " msgs") / 1000),
                figure(median(pair " " side " file"))
        }
        { key = $1 " " $2 " " $3; all[key] = all[key] " " $4 }
        END {
            printf "%-7s %-18s %16s %16s %16s\n", "pair", "wsock32", "round trip, us", "1000 messages/s", "file, MB/s"
            n = split(pairs, list, " ")
            for (i = 1; i <= n; i++) {
                p = list[i]
                row(p, p, "builtin"); row("", p, "ours")
                printf "%-7s %-18s %16s %16s %16s\n", "", "ratio",
                    times(median(p " builtin rtt"), median(p " ours rtt")),
                    times(median(p " ours msgs"), median(p " builtin msgs")),
                    times(median(p " ours file"), median(p " builtin file"))
            }
        }' "$figures"
}

main() {
    take_options "$@"
    mkdir -p "$build"
    [ -z "$prepare" ] || set_up_and_build
    runs_32 || { pairs=(64-64); note "64-bit pairs only: $no_32"; }
    start_pairs "$build/demo.log"
    require_our_dll
    choose_file
    note "file: $file, $((file_bytes / 1000000)) MB, cksum $file_checksum;" \
        "cache-line round trip of the cores: $(machine_state) us"
    take_all
    print_table
    echo "64-byte requests and messages; pairs are server-client; median of $rounds;" \
        "$transfers of $((steps / 3)) transfers of the file verified by checksum;" \
        "cache-line round trip now $(machine_state) us"
    [ $failures -eq 0 ] || die "$failures of $steps steps failed; see $pair_log"
}

main "$@"
