#!/usr/bin/env bash
# Runs a Windows program under Wine in the build folder's own prefix, never longer than VMMC_TEST_TIMEOUT seconds.
# usage: tools/wine.sh PROGRAM.exe [ARGUMENT ...]
# Set WINEDLLOVERRIDES=wsock32=n,b to make Wine prefer the wsock32.dll beside the program to its own.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
use_wine_prefix

if [ "$(width_of "${1:-}")" = 32 ] && ! runs_32; then
    note "$1 is a 32-bit program, and $no_32; try it on another machine"
    exit 77
fi
exec timeout --kill-after=5 "${VMMC_TEST_TIMEOUT:-120}" wine "$@"
