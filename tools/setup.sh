#!/usr/bin/env bash
# Installs what building and testing need on Debian 12; prints nothing when all of it is there already.
# usage: tools/setup.sh [--check] [--peers]
#   --check    only say what is missing, exit 1 if anything is
#   --peers    also what tools/bench.sh --peers compares with: MPICH and UCX
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Native architecture: compilers, test tools, plots.
packages=(gcc libc6-dev make cmake ninja-build git perl
          gcc-mingw-w64-x86-64-win32 gcc-mingw-w64-i686-win32 binutils-mingw-w64 mingw-w64-tools
          libcmocka-dev spin clang libclang-rt-14-dev dpkg-dev gnuplot-nox procps unzip valgrind
          xz-utils)
peer_packages=(mpich libmpich-dev ucx-utils)
# Wine comes apart: both architectures have to come from one suite.
wine_packages=(wine64 wine32:i386 libwine:i386 wine)
cmocka_version=1.1.5

is_installed() { dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

list_missing() {
    local package
    for package in "$@"; do
        is_installed "$package" || echo "$package"
    done
}

# `apt-get update` may fail for one index of a mirror in mid-update and still leave all we need.
refresh_package_lists() {
    apt-get -q update >"$log" 2>&1 || note "some package lists could not be fetched; going on with the others"
}

run_apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "$@" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "'apt-get $*' failed (whole output: $log). Mend what it names, or install the packages by hand, then run tools/setup.sh again."
    }
}

install_packages() {
    note "installing: $*"
    run_apt install "$@"
}

install_wine() {
    note "installing Wine for amd64 and i386"
    run_apt install -t bookworm --allow-downgrades "${wine_packages[@]}"
}

# The system's own package sources, asked for source packages, without touching the system's list.
fetch_cmocka_source() {
    local sources=$build/apt/sources.list.d
    mkdir -p "$sources" "$build/apt/lists/partial" "$build/third_party"
    sed 's/^Types:.*/Types: deb-src/; /^Architectures:/d' /etc/apt/sources.list.d/debian.sources \
        >"$sources/debian.sources" 2>/dev/null || true
    { grep -h '^deb ' /etc/apt/sources.list 2>/dev/null || true; } | sed 's/^deb /deb-src /' >"$sources/classic.list"
    local options=(-o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$sources"
                   -o "Dir::State::Lists=$build/apt/lists" -o APT::Architectures=amd64
                   -o APT::Sandbox::User=root -o Acquire::Languages=none)
    note "fetching the source of cmocka $cmocka_version"
    (cd "$build/third_party" &&
     { apt-get -q "${options[@]}" update || true; apt-get -q "${options[@]}" source "cmocka=$cmocka_version*" ||
       apt-get -q "${options[@]}" source cmocka; }) >"$log" 2>&1 ||
        die "the source of cmocka could not be fetched (see $log). Unpack cmocka's source as $cmocka_source and run tools/setup.sh again."
    local unpacked=("$build"/third_party/cmocka-*/)
    [ -f "${unpacked[0]}/CMakeLists.txt" ] || die "cmocka's source package has no CMakeLists.txt (looked in ${unpacked[0]})."
    rm -rf "$cmocka_source" && mv "${unpacked[0]}" "$cmocka_source"
}

take_options() {
    check=
    local option
    for option; do
        case $option in
            --check) check=1 ;;
            --peers) packages+=("${peer_packages[@]}") ;;
            *) die "unknown option $option; there are --check and --peers" ;;
        esac
    done
}

main() {
    take_options "$@"
    [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
        die "this set-up knows Debian on amd64 only; elsewhere install mingw-w64, Wine (64 and 32 bit), CMake, Ninja, cmocka, perl and gnuplot by hand."
    log=$build/setup.log
    mkdir -p "$build"
    local missing missing_wine
    mapfile -t missing < <(list_missing "${packages[@]}")
    mapfile -t missing_wine < <(list_missing "${wine_packages[@]}")
    if [ -n "$check" ]; then
        [ -f "$cmocka_source/CMakeLists.txt" ] || missing+=("source of cmocka")
        [ ${#missing[@]} -eq 0 ] && [ ${#missing_wine[@]} -eq 0 ] && exit 0
        die "missing: ${missing[*]} ${missing_wine[*]}. Run tools/setup.sh."
    fi
    if [ ${#missing[@]} -gt 0 ] || [ ${#missing_wine[@]} -gt 0 ]; then
        [ "$(id -u)" = 0 ] ||
            die "missing: ${missing[*]} ${missing_wine[*]}. Installing needs root: run 'sudo tools/setup.sh', or install them by hand (i386 packages need 'dpkg --add-architecture i386' first)."
        if [ ${#missing_wine[@]} -gt 0 ]; then
            dpkg --add-architecture i386 ||
                die "the i386 architecture could not be added; 32-bit Wine needs it. Run 'dpkg --add-architecture i386' by hand and see what it says."
        fi
        refresh_package_lists
        [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
        [ ${#missing_wine[@]} -eq 0 ] || install_wine
    fi
    [ -f "$cmocka_source/CMakeLists.txt" ] || fetch_cmocka_source
}

main "$@"
