#!/usr/bin/env bash
# Which lines of src/ run when the API tests and the random sequences do: a build of its own in build/coverage, and a
# table. A process that is killed leaves no counts.
# usage: tools/coverage.sh [CTEST ARGUMENT ...]      for instance: tools/coverage.sh -R 'api[.]select'
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"
folder=$build/coverage
tests=(-R '^(api[.].*[.](ours|event|outward|inward)|diff[.]64-64|transport)$')

cmake --preset x86_64 -B "$folder" -DVMMC_COVERAGE=ON -DCMAKE_BUILD_TYPE=Debug >"$build/coverage.log"
cmake --build "$folder" >>"$build/coverage.log" || die "the build failed, see $build/coverage.log"
find "$folder" -name '*.gcda' -delete
keep_wineserver
trap stop_wineserver EXIT
[ $# -eq 0 ] || tests=("$@")
ctest --test-dir "$folder" "${tests[@]}" >"$build/coverage-tests.log" || note "some tests failed, see $build/coverage-tests.log"

# gcov names the file, then says how much of it ran.
find "$folder/src" -name '*.gcda' -exec x86_64-w64-mingw32-gcov -n {} + 2>/dev/null | awk -v root="$root/src/" '
    /^File / { file = $0; sub(/^File ./, "", file); sub(/.$/, "", file); next }
    /^Lines executed/ && index(file, root) == 1 {
        split($0, part, /[:% ]+/)
        name = substr(file, length(root) + 1)
        lines[name] = part[5]; ran[name] = part[3] * part[5] / 100
        file = ""
    }
    END {
        for (name in lines)
            printf "%-24s %5d lines %6.1f %%\n", name, lines[name], 100 * ran[name] / lines[name] | "sort"
        close("sort")
        for (name in lines) {
            layer = name ~ /^(api|async|dllmain|fdtab|hook|kernel|kpoll|modules|redirect|settings|sock|sockets|stray|transport|watcher|wsaerr)[._]/
            total[layer] += lines[name]; sum[layer] += ran[name]
        }
        printf "%-24s %5d lines %6.1f %%\n", "the winsock layer", total[1], 100 * sum[1] / total[1]
        printf "%-24s %5d lines %6.1f %%\n", "what lies below", total[0], 100 * sum[0] / total[0]
    }'
