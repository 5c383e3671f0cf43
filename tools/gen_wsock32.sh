#!/usr/bin/env bash
# Writes gen/ and wsock32.def anew from stubs/*.tbl and the headers of mingw-w64.
# usage: tools/gen_wsock32.sh [FOLDER]      FOLDER: put all files there instead, to compare with what is committed
set -euo pipefail
. "$(dirname "$0")/lib.sh"

out=${1:-$root/gen}
def=${1:-$root}/wsock32.def
mkdir -p "$out"
exec perl "$root/tools/gen_stubs.pl" --dll wsock32 --exports "$root/stubs/wsock32.tbl" \
    --prototypes "$root/stubs/prototypes.tbl" --takeover "$root/stubs/takeover.tbl" \
    --header winsock.h --header nspapi.h --scan psdk_inc/_fd_types.h \
    --include-dir /usr/x86_64-w64-mingw32/include --include-dir /usr/share/mingw-w64/include \
    --out "$out" --def "$def"
