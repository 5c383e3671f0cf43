#!/usr/bin/env bash
# Runs one fuzz target: its corpus, then new scripts.  A script that breaks something is kept, and where is printed.
# usage: run.sh PROGRAM [LIBFUZZER OPTION ...]      FUZZ_FOUND=FOLDER keeps the interesting scripts for the next time
set -euo pipefail
program=$1 name=${1##*/fuzz_}
shift
scratch=$(mktemp -d)
found=${FUZZ_FOUND:-$scratch/found}
mkdir -p "$found"
export ASAN_OPTIONS=malloc_context_size=0:quarantine_size_mb=4:detect_leaks=0 # several times faster
"$program" -max_len=64 -entropic=0 -reduce_inputs=0 -timeout=20 -print_final_stats=1 -artifact_prefix="$scratch/" "$@" \
    "$found" "$(dirname "$0")/corpus/$name" >"$scratch/log" 2>&1 || {
    grep -avE ' (NEW|REDUCE|pulse|NEW_FUNC)' "$scratch/log" | tail -n 60
    echo "the script that did it, and all output, are in $scratch"
    exit 1
}
echo "$name: $(sed -n 's/stat::number_of_executed_units: *//p' "$scratch/log") executions"
rm -rf "$scratch"
