#!/usr/bin/env bash
# A netbench client in a session that has ucx_perftest take the tests rtt and msgs, over UCX's POSIX shared memory.
# It starts both ends anew each time, so a slice takes longer than it was asked for; its figures are of the test alone.
# usage: peer_ucx.sh CONDUCT
set -euo pipefail

conduct=$1 port=$((20000 + $$ % 20000))
export UCX_TLS=posix,self UCX_LOG_LEVEL=error

# usage: run_test NAME BYTES COUNT      prints the last line of the table: the columns are those of ucx_perftest
run_test() {
    local server
    port=$((port + 1))
    "$conduct" pin server ucx_perftest -p "$port" </dev/null >/dev/null 2>&1 &
    server=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.05
        "$conduct" pin client ucx_perftest 127.0.0.1 -p "$port" -t "$1" -s "$2" -n "$3" -w 1000 -f \
            </dev/null 2>/dev/null && break
    done | tail -n 1
    wait "$server" || true
}

# Round trips are twice the latencies that are printed: the median, the mean, the mean over all.
answer() {
    case $1 in
        rtt) run_test tag_lat "$2" $((400 * $3)) | awk '{ printf "{\"test\":\"rtt\",\"median_us\":%.4f}\n", 2 * $2 }' ;;
        msgs) run_test tag_bw "$2" $((3000 * $3)) | awk '{ printf "{\"test\":\"msgs\",\"messages_per_s\":%.1f}\n", $NF }' ;;
    esac
}

while read -r test bytes milliseconds _; do
    case $test in
        connect) echo '{"connected":true}' ;;
        *) answer "$test" "$bytes" "$milliseconds" ;;
    esac
done
