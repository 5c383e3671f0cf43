#!/usr/bin/env bash
# Checks a model exhaustively, in each of the ways that its head comment lists:
#   holds: FLAGS            nothing wrong can be found
#   broken: FLAGS: what     one protection is taken away, and the checker has to find what comes of it
# usage: check.sh MODEL.pml SOURCES WORK COMPILER      SOURCES: the checkout, WORK: a folder for what spin writes
set -euo pipefail

model=$1 sources=$2 work=$3 compiler=$4
failed=0 checked=0 total=0

die() { printf '%s: %s\n' "$(basename "$model")" "$*" >&2; exit 1; }

# run KIND FLAGS: build and run a checker for the model with these definitions.  An optimised one gains less than its compilation
# takes, and a large table of states (2^24) is for those that have to look at all.
run() {
    local flags table=20
    [ "$1" = broken: ] || table=24
    shift
    read -r -a flags <<<"$1"
    spin -a "${flags[@]}" "$model" >spin.log 2>&1 || { cat spin.log >&2; die "spin refuses it ($1)"; }
    "$compiler" -O0 -w -DSAFETY -DVECTORSZ=256 -I"$sources/src" -I"$sources/include" -o pan pan.c 2>cc.log ||
        { cat cc.log >&2; die "its checker cannot be compiled ($1)"; }
    ./pan -m20000 -w$table >pan.log 2>&1 || true
    grep -q 'errors: ' pan.log || { cat pan.log >&2; die "the checker failed ($1)"; }
}

found_nothing() {
    grep -q 'errors: 0$' pan.log && ! grep -Eq 'not completed|too small|out of memory|hash table is full' pan.log
}

found_fault() { grep -Eq '^pan:1: (assertion violated|invalid end state)' pan.log; }

# verdict WORD FLAGS COMMENT
verdict() {
    local states
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.log)
    printf '%-8s %9s states  %s%s\n' "$1" "$states" "$2" "${3:+:$3}"
    checked=$((checked + 1)) total=$((total + states))
}

mkdir -p "$work"
cd "$work"
while read -r kind rest; do
    flags=${rest%%:*} comment=
    [ "$flags" = "$rest" ] || comment=${rest#*:}
    run "$kind" "$flags"
    if [ "$kind" = holds: ] && found_nothing; then
        verdict holds "$flags" "$comment"
    elif [ "$kind" = broken: ] && found_fault; then
        verdict refused "$flags" "$comment"
    else
        verdict FAILED "$flags" " $(grep -m1 -E '^pan:1|errors:|not completed|too small' pan.log)"
        failed=1
    fi
done < <(sed -n 's/ \*\/$//; s/^ \* \(holds:\|broken:\)/\1/p' "$model")
[ "$checked" -gt 0 ] || die "its head comment says nothing of what to check"
printf '%s: %d checks, %d states\n' "$(basename "$model")" "$checked" "$total"
exit "$failed"
