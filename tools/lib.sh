# Sourced by the scripts beside it: where things are, and how to speak to the person at the terminal.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
cmocka_source=$build/third_party/cmocka

note() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
die() { note "$*"; exit 1; }

# False where the kernel runs 64-bit programs only, as some virtual machines' do: nothing of 32 bit can be tried there.
runs_32() { /lib/ld-linux.so.2 --version >/dev/null 2>&1; }
no_32="this machine's kernel runs 64-bit programs only (/lib/ld-linux.so.2 does not start)"

# usage: width_of FILE      32 or 64, by the machine type in a Windows program's header; nothing for another file
width_of() {
    local at
    [[ $1 == *.exe && -f $1 ]] && at=$(od -A n -t u4 -j 60 -N 4 "$1") || return 0
    case $(od -A n -t x2 -j $((at + 4)) -N 2 "$1") in
        " 014c") echo 32 ;;
        " 8664") echo 64 ;;
    esac
}

# Sourcing scripts and all that they start find a `wine` that takes the loader of the program's own width.
use_wine_loader() { [[ :$PATH: == *":$root/tools/loader:"* ]] || export PATH=$root/tools/loader:$PATH; }

# A Wine prefix of the project's own, so that neither the user's settings nor the tests' disturb each other.
use_wine_prefix() {
    use_wine_loader
    export WINEPREFIX=${VMMC_WINEPREFIX:-$build/wineprefix}
    export WINEDEBUG=${WINEDEBUG:--all}
    export DISPLAY=${DISPLAY:-}
    [ -f "$WINEPREFIX/system.reg" ] && return
    mkdir -p "$build"
    (
        flock 9
        [ -f "$WINEPREFIX/system.reg" ] ||
            WINEDLLOVERRIDES="mscoree,mshtml=" timeout 300 wineboot --init >"$build/wineboot.log" 2>&1 ||
            die "Wine could not create its prefix $WINEPREFIX; see $build/wineboot.log"
        timeout 60 wineserver -w
    ) 9>"$build/wineprefix.lock"
}

# One server kept alive over many short programs saves half a second on each. Its services inherit the output of the
# program that comes first, and stay: one with none, or who reads that output would wait for its end. If the server dies,
# which hangs whatever runs, build/wineserver.log says why.
keep_wineserver() {
    use_wine_prefix
    wineserver -p600 2>>"$build/wineserver.log" || true
    timeout 60 wine cmd /c exit </dev/null >/dev/null 2>&1 || true
}
stop_wineserver() { WINEPREFIX=${VMMC_WINEPREFIX:-$build/wineprefix} wineserver -k 2>/dev/null || true; }
