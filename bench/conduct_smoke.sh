#!/usr/bin/env bash
# Lets the conductor take a slice of everything from native programs, and summary.pl make its table of it.
# usage: conduct_smoke.sh CONDUCT NETBENCH
set -euo pipefail

conduct=$1 netbench=$2 here=$(dirname "$0")
scratch=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

fail() { echo "conduct_smoke: $*" >&2; exit 1; }

start() {
    local name=$1
    shift
    mkfifo "$scratch/$name.in" "$scratch/$name.out"
    timeout 60 "$netbench" server "$@" --clients 1000000 </dev/null &
    started+=($!)
    echo $! >"$scratch/$name.groups"
    timeout 60 "$netbench" client session "$@" <"$scratch/$name.in" >"$scratch/$name.out" &
    started+=($!)
    echo $! >>"$scratch/$name.groups"
}

# usage: expect TEST VARIANT LEAST
expect() {
    local count
    count=$(grep -c "^{\"test\":\"$1\",\"variant\":\"$2\",.*\"result\":{.*}}$" "$scratch/samples") || true
    [ "$count" -ge "$3" ] || fail "$count slices of $1 $2, expected at least $3"
}

start tcp --port-file "$scratch/tcp.port"
start tcp-udp --udp --port-file "$scratch/tcp-udp.port"
start unix --unix "$scratch/socket"
start tcp.2 --port-file "$scratch/tcp.2.port"
cp "$scratch/tcp.2.groups" "$scratch/common.groups"
streams=(rtt:64: msgs:1: bw:65536:)
timeout 60 "$conduct" run "$scratch" --seconds 1 --slice 2 idle:64:20=tcp rtt:64:select=tcp,unix msgs:8:=tcp/10,ring \
    udp:64:=tcp@tcp-udp bw:16384:=tcp,copy1,copy4,copynt load:64:t100-p2-beside=tcp/10 crowd:64:c3=tcp \
    rtt:64:select-c3=tcp ready:64:c3-kernel=tcp wake:64:t500=tcp connect:64:=tcp alone:1:=tcp,ring \
    "${streams[@]/%/=tcp,unix,ring}" >"$scratch/samples"

expect idle:64:20 tcp 1
expect rtt:64:select unix 3
expect udp:64: tcp 3
expect msgs:8: tcp 1
expect alone:1: ring 3
expect load:64:t100-p2-beside tcp 1
expect crowd:64:c3 tcp 1
for test in rtt:64:select-c3 ready:64:c3-kernel wake:64:t500 connect:64:; do expect $test tcp 3; done
for variant in copy1 copy4 copynt; do expect bw:16384: $variant 3; done
for field in bystander cpu_us_each memory_kb descriptors; do
    grep -q "\"$field\":-\?[0-9.]" "$scratch/samples" || fail "nobody has measured $field"
done
for test in "${streams[@]}"; do
    for variant in tcp unix ring; do expect "$test" "$variant" 3; done
done

# usage: wait_for FILE OPTION MICROSECONDS ...: what is taken while only that state is to have samples
wait_for() { timeout 60 "$conduct" run "$scratch" --seconds 1 --slice 2 "${@:2}" rtt:64:=ring >"$scratch/$1" || fail "$* failed"; }
wait_for never-near --near-below 0.001 & waits=($!)
wait_for never-far --far-from 1000 & waits+=($!)
wait_for always --far-from 0.001 --near-below 1000
for waiting in "${waits[@]}"; do wait "$waiting" || fail "a bench that waits for a state has failed"; done
[ -s "$scratch/always" ] || fail "no slices in a state that lasts"
for state in near far; do
    [ ! -s "$scratch/never-$state" ] || fail "slices in a state that does not come ($state)"
done

# No slice is far under a limit that nothing reaches.
perl "$here/summary.pl" --near-limit 1e9 --seconds 1 --json "$scratch/json" <"$scratch/samples" >"$scratch/table"
cat "$scratch/table"
grep -q '^far.*: not seen in 1 s' "$scratch/table" || fail "the table does not say that far was not seen"
[ "$(grep -cE '^(round trip|messages|bandwidth|datagram|exchange|opening|select|waking|connections|send).* [1-9][0-9]*$' \
    "$scratch/table")" -eq 14 ] || fail "the table has not fourteen rows"
perl -MJSON::PP -0777 -ne 'decode_json($_)->{summary}{near}{"rtt:64:"}{ring}{median} > 0 or exit 1' "$scratch/json" ||
    fail "the JSON file lacks the ring"

# usage: verdict COUNT [OPTION ...]     on a round trip that so many samples tell of
verdict() {
    local i pair
    for ((i = 0; i < $1; i++)); do
        for pair in ours:1 builtin:1000; do
            printf '{"test":"rtt:64:","variant":"%s","block":1,"before":0.1,"after":0.1,"result":{"median_us":%s}}\n' \
                "${pair%:*}" "${pair#*:}"
        done
    done | perl "$here/summary.pl" --near-limit 0.2 --seconds 1 --json "$scratch/json" "${@:2}" | grep '^round trip at least'
}
[[ $(verdict 7) == *1000x,\ met* ]] || fail "seven samples are not enough for a verdict"
[[ $(verdict 6) == *too\ few\ samples* ]] || fail "six samples are enough for a verdict"
[[ $(verdict 1 --add) == *1000x,\ met* ]] || fail "six samples and one more are not enough"
if verdict 1 --add --build other 2>"$scratch/refusal"; then fail "samples of another build are added"; fi
if perl "$here/summary.pl" --add --build other --check --json "$scratch/json" 2>/dev/null; then
    fail "and it shows only at the end"
fi
grep -q 'of another build' "$scratch/refusal" || fail "the refusal does not say why"
[[ $(verdict 6) == *too\ few\ samples* ]] || fail "six samples are added to what was there"

# usage: copies OURS THEIRS VARIANT...     the verdict on seven blocks; in three memory is quicker, and theirs have more slices
copies() {
    local block pair factor=1 theirs=("${@/%/:$2}") pairs
    theirs=("${theirs[@]:2}") pairs=("ours:$1" "${theirs[@]}")
    for block in 1 2 3 4 5 6 7; do
        [ $block -ne 5 ] || factor=3 pairs+=("${theirs[@]}")
        for pair in "${pairs[@]}"; do
            printf '{"test":"bw:65536:","variant":"%s","block":%d,"before":0.1,"after":0.1,"result":{"mb_per_s":%d}}\n' \
                "${pair%:*}" $block $((${pair#*:} * factor))
        done
    done | perl "$here/summary.pl" --near-limit 0.2 --seconds 1 | grep '^16 KB to 1 MB at least'
}
[[ $(copies 100 100 copy1 copy4) == *1.000x,\ met* ]] ||
    fail "what memory does counts against who happened to have fewer quick slices"
[[ $(copies 80 100 copy1 copy4) == *0.800x,\ MISSED* ]] || fail "what is slower in every block is not"
! copies 80 100 ring || fail "one copy alone is called the best"

empty_document() { printf '<!-- figures json . -->\n<!-- end -->\n' >"$scratch/document"; }
fill_document() { perl "$here/tables.pl" "$scratch" "$scratch/document"; }

# The document that the samples of $scratch/json give.
make_document() {
    mv "$scratch/json" "$scratch/json.json"
    empty_document
    fill_document
}
make_document
grep -qx '\*near\*: seen too seldom in 1 s.' "$scratch/document" || fail "six samples are enough for a figure"
verdict 8 >"$scratch/verdict"
make_document
grep -qx '| rtt:64 | 1000 | 1.00 | 8 |' "$scratch/document" || fail "a figure does not say on how many samples it stands"
grep -q '^\*near\*, the cache line there and back 0.10 us$' "$scratch/document" || fail "a table does not say what a line takes"
cp "$scratch/document" "$scratch/before"
rm "$scratch/json.json"
fill_document
cmp -s "$scratch/document" "$scratch/before" || fail "a session that is not there changes the document"
empty_document
fill_document
grep -qx 'Not measured yet.' "$scratch/document" || fail "the document does not say that nothing has been measured"
verdict 8 --session speed >"$scratch/verdict"
make_document
mkdir "$scratch/pictures"
touch "$scratch/pictures/select-sockets-near.svg" "$scratch/pictures/latency-size-near.svg"
perl "$here/plots.pl" "$scratch" "$scratch/pictures"
[ "$(ls "$scratch/pictures")" = select-sockets-near.svg ] || fail "one point is a picture, or leaves an older one there, or that of a session that is not there goes"

for state in far near; do
    perl "$here/summary.pl" --only $state --seconds 9 --json "$scratch/json" </dev/null >"$scratch/table" ||
        fail "a state that does not come is no error where it is waited for"
    grep -q "^$state was not seen in 9 s" "$scratch/table" || fail "the table does not say that $state was not seen"
done
make_document
grep -qx '\*near\*: not seen in 9 s.' "$scratch/document" || fail "nor does the document"
if perl "$here/summary.pl" --json "$scratch/json" </dev/null 2>/dev/null; then fail "no samples are no error"; fi
