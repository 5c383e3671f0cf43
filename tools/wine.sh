#!/usr/bin/env bash
# Runs a Windows program under Wine in the build folder's own prefix, never longer than VMMC_TEST_TIMEOUT seconds.
# usage: tools/wine.sh PROGRAM.exe [ARGUMENT ...]
# Set WINEDLLOVERRIDES=wsock32=n,b to make Wine prefer the wsock32.dll beside the program to its own.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
use_wine_prefix

# The machine type in a program's header: 014c is i386.
is_32_bit() {
    local at
    [[ $1 == *.exe && -f $1 ]] && at=$(od -A n -t u4 -j 60 -N 4 "$1") && [ "$(od -A n -t x2 -j $((at + 4)) -N 2 "$1")" = " 014c" ]
}
if [ $# -gt 0 ] && is_32_bit "$1" && ! runs_32; then
    note "$1 is a 32-bit program, and $no_32; try it on another machine"
    exit 77
fi
exec timeout --kill-after=5 "${VMMC_TEST_TIMEOUT:-120}" wine "$@"
