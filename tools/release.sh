#!/usr/bin/env bash
# Makes the release: one zip with the DLLs and tools of both bitnesses, headers, samples and documents, in build/release/.
# usage: tools/release.sh [--out FOLDER]      default: build/release
# The same sources give the same bytes: nothing in the zip depends on when, where or by whom it was made.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"

# What a user needs, as SOURCE:PLACE-IN-THE-ZIP; folders with their files.
documents=(LICENSE README.md CHANGELOG.md docs/quick-start.md docs/troubleshooting.md docs/extension-api.md
    docs/performance.md docs/security.md docs/differences.md docs/design.md)
headers=(include/vmmc_sockets.h include/vmmc_channel.h)
programs=(wsock32.dll vmmcctl.exe filecopy.exe)
targets=(wsock32 vmmcctl filecopy)

usage() { sed -n '2,4s/^# \{0,1\}//p' "$0"; exit "$1"; }

take_options() {
    out=$build/release
    while [ $# -gt 0 ]; do
        case $1 in
            --out) out=${2:?--out needs a folder} && shift ;;
            -h | --help) usage 0 ;;
            *) note "unknown option $1"; usage 2 >&2 ;;
        esac
        shift
    done
}

# Trees of their own: what a developer's tree was configured with must not get into a release.
build_programs() {
    local preset=$1 tree=$out/trees/$1 log=$out/$1.log
    # Without symbols, which hold paths; by the linker, since strip writes the time into what it strips.
    { cmake --preset "$preset" -B "$tree" -DCMOCKA_SOURCE="$cmocka_source" \
        -DCMAKE_EXE_LINKER_FLAGS=-s -DCMAKE_SHARED_LINKER_FLAGS=-s &&
        cmake --build "$tree" --target "${targets[@]}"; } >"$log" 2>&1 ||
        die "building '$preset' failed; the whole output is in $log. If a tool is missing, run tools/setup.sh."
}

version() { sed -n 's/^project(vmmc_sockets VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt; }

# usage: put MODE SOURCE PLACE
put() {
    [ -f "$2" ] || die "$2 is missing, so there is no release. Build it with tools/build.sh, or bring the file back."
    install -D -m "$1" "$2" "$stage/$3"
}

put_programs() {
    local bits=$1 preset=$2 program
    for program in "${programs[@]}"; do
        put 755 "$out/trees/$preset/$program" "$bits/$program"
    done
}

put_texts() {
    local file
    for file in "${documents[@]}" "${headers[@]}"; do put 644 "$file" "$file"; done
    for file in samples/*.c samples/*.h; do
        [[ $file == samples/test_* ]] || put 644 "$file" "$file"
    done
}

write_checksums() {
    (cd "$stage" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum >SHA256SUMS)
}

main() {
    take_options "$@"
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
    build_programs x86_64
    build_programs i686
    local name
    name=vmmc-sockets-$(version)
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    stage=$scratch/$name
    put_programs x64 x86_64
    put_programs x86 i686
    put_texts
    write_checksums
    perl tools/pack.pl "$scratch" "$name" "$out/$name.zip"
    (cd "$out" && sha256sum "$name.zip")
}

main "$@"
