#!/usr/bin/env bash
# Runs the API tests case by case, each in a process of its own, so that one that hangs does not hide the rest.
# usage: tools/test_api.sh BUILD_DIR CONFIG [PROGRAM [CASE_PATTERN]]
# CONFIG: builtin, ours, disabled, event, outward (only this end has our DLL), inward (only the peer has).
# Set API_PEER_BUILD to another build's folder for mixed pairs, API_SECONDS to bound a case (here: 10).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

configure() {
    local ours=wsock32=n,b builtin=wsock32=b
    export EXPECT_DLL=ours WINEDLLOVERRIDES=$ours
    case $1 in
        ours) ;;
        disabled) export VMMC_ENABLED=0 ;;
        event) export VMMC_WAIT=event ;;
        outward) export API_PEER_DLL=builtin ;;
        inward) export EXPECT_DLL=builtin WINEDLLOVERRIDES=$builtin API_PEER_DLL=ours ;;
        builtin) export EXPECT_DLL=builtin WINEDLLOVERRIDES=$builtin ;;
        *) die "no configuration '$1'; see the head of this file" ;;
    esac
}

# Output goes to a file: services that Wine starts would keep a pipe open.
run() { "$root/tools/wine.sh" "$@" >"$output" 2>&1; }

run_program() {
    local program=$1 pattern=$2 name cases
    [ -z "${API_PEER_BUILD:-}" ] || export API_PEER=Z:$API_PEER_BUILD/$(basename "$program")
    run "$program" --list || die "$program does not start: $(cat "$output")"
    mapfile -t cases < <(tr -d '\r' <"$output")
    for name in "${cases[@]}"; do
        # shellcheck disable=SC2053
        [[ $name == $pattern ]] || continue
        if API_ONLY=$name run "$program"; then
            passed=$((passed + 1))
            continue
        fi
        failed=$((failed + 1))
        printf '%s %s\n' "$(basename "$program" .exe)" "$name"
        tr -d '\r' <"$output" | grep -E 'last error|HUNG|said|wsock32 is' | sed 's/^/    /' || true
    done
}

main() {
    [ $# -ge 2 ] || die "usage: tools/test_api.sh BUILD_DIR CONFIG [PROGRAM [CASE_PATTERN]]"
    local directory=$1 program passed=0 failed=0 output
    configure "$2"
    export API_SECONDS=${API_SECONDS:-10} VMMC_TEST_TIMEOUT=${VMMC_TEST_TIMEOUT:-60}
    output=$(mktemp)
    for program in "$directory"/api_${3:-*}.exe; do
        run_program "$program" "${4:-*}"
    done
    rm -f "$output"
    note "$2: $passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

main "$@"
