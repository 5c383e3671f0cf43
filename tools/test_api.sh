#!/usr/bin/env bash
# Runs the API tests case by case, each in a process of its own, so that one that hangs does not hide the rest.
# usage: tools/test_api.sh BUILD_DIR CONFIG [PROGRAM [CASE_PATTERN]]
# CONFIG: builtin, ours, disabled, event, young (streams begin late), early (with the first transfer), outward (only this end has our DLL), inward (only the peer has).
# Set API_PEER_BUILD to another build's folder for mixed pairs, API_SECONDS to bound a case (here: 10).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

configure() {
    local bare=$directory/tests/api/bare
    export EXPECT_DLL=ours WINEDLLOVERRIDES=wsock32=n,b VMMC_MEET_AFTER=0
    case $1 in
        ours) ;;
        disabled) export VMMC_ENABLED=0 ;;
        event) export VMMC_WAIT=event ;;
        young) export VMMC_MEET_AFTER=3 ;;
        early) export VMMC_MEET_AFTER=3 VMMC_MEET_EARLY=always ;;
        outward) export API_PEER_DLL=builtin API_PEER_BUILD=$bare ;;
        inward) export EXPECT_DLL=builtin API_PEER_DLL=ours API_PEER_BUILD=$directory programs=$bare ;;
        builtin) export EXPECT_DLL=builtin WINEDLLOVERRIDES=wsock32=b ;;
        *) die "no configuration '$1'; see the head of this file" ;;
    esac
}

# Output goes to a file: services that Wine starts would keep a pipe open.  What tools/wine.sh does once is enough for all cases of
# a program.
list_cases() { "$root/tools/wine.sh" "$1" --list >"$output" 2>&1; }
run_case() { API_ONLY=$2 timeout --kill-after=5 "$VMMC_TEST_TIMEOUT" wine "$1" >"$output" 2>&1; }

# usage: report_failure PROGRAM CASE STATUS      A case that ended without a word of the harness is shown whole.
report_failure() {
    printf '%s %s\n' "$(basename "$1" .exe)" "$2"
    tr -d '\r' <"$output" | grep -E 'last error|HUNG|said|wsock32 is' | sed 's/^/    /' ||
        { echo "    status $3 and this output:"; tr -d '\r' <"$output" | sed 's/^/    | /'; }
}

run_program() {
    local program=$1 pattern=$2 name result cases
    [ -z "${API_PEER_BUILD:-}" ] || export API_PEER=Z:$API_PEER_BUILD/$(basename "$program")
    list_cases "$program" || die "$program does not start: $(cat "$output")"
    mapfile -t cases < <(tr -d '\r' <"$output")
    for name in "${cases[@]}"; do
        # shellcheck disable=SC2053
        [[ $name == $pattern ]] || continue
        result=0
        run_case "$program" "$name" || result=$?
        case $result in
            0) passed=$((passed + 1)) ;;
            77) skipped=$((skipped + 1)) ;;
            *) failed=$((failed + 1)); report_failure "$program" "$name" "$result" ;;
        esac
    done
}

main() {
    [ $# -ge 2 ] || die "usage: tools/test_api.sh BUILD_DIR CONFIG [PROGRAM [CASE_PATTERN]]"
    local directory program programs passed=0 skipped=0 failed=0 output
    directory=$(cd "$1" && pwd)
    programs=$directory
    configure "$2"
    export API_SECONDS=${API_SECONDS:-10} VMMC_TEST_TIMEOUT=${VMMC_TEST_TIMEOUT:-60}
    output=$(mktemp)
    use_wine_prefix
    for program in "$programs"/api_${3:-*}.exe; do
        run_program "$program" "${4:-*}"
    done
    rm -f "$output"
    note "$2: $passed passed, $skipped skipped, $failed failed"
    [ "$failed" -eq 0 ]
}

main "$@"
