#!/bin/bash
# The map of the rooms, and the forbidden arithmetic, held by grep.
#
# Fails on any #include in src/ that breaks the order of the rooms or brings an outside header into
# the wrong one, on arithmetic that docs/numerics.md (rules 4 to 8) forbids, and on files that have
# grown too long. Comments do not count. The second half proves on bad samples that it can fail.
#
# EK_SOURCE_DIR: the root of the tree.
set -u
LC_ALL=C
export LC_ALL

# check_tree ROOT: prints "file:line: what is wrong" for everything; status 1 if there was any.
check_tree() {
    local files
    files=$(cd "$1" && find src -name '*.[ch]' -o -path 'src/*.inc' | sort)
    (cd "$1" && awk '
function say(text) { print file ":" FNR ": " text; bad = 1 }

function close_file() {
    if (file != "" && lines > 900 && !generated) {
        print file ":" lines ": more than 900 lines: make it two modules"
        bad = 1
    }
}

# The line without comments; in_comment lasts over lines. Strings stay as they are.
function strip(line,    out, c) {
    out = ""
    while (line != "") {
        if (in_comment) {
            c = index(line, "*/")
            if (c == 0) return out
            line = substr(line, c + 2)
            in_comment = 0
            out = out " "
        } else if (match(line, /\/\*|\/\/|"|\047/) == 0) {
            return out line
        } else {
            out = out substr(line, 1, RSTART - 1)
            c = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART)
            if (c == "//") return out
            if (c == "/*") {
                in_comment = 1
                line = substr(line, 3)
            } else {
                # a string or a character: up to the same quote that no backslash precedes
                if (c == "\"") found = match(line, /^"([^"\\]|\\.)*"/)
                else found = match(line, /^\047([^\047\\]|\\.)*\047/)
                if (!found) return out line
                out = out substr(line, 1, RLENGTH)
                line = substr(line, RLENGTH + 1)
            }
        }
    }
    return out
}

# Outside headers and who may name them: a room, or one file.
function check_outside(header) {
    if (header in standard) return
    if (!(header in owner) && header ~ /intrin\.h$/) owner[header] = "kernel"
    if (!(header in owner)) say("<" header "> is in no table of this test")
    else if (owner[header] != room && owner[header] != substr(file, 5))
        say("<" header "> belongs to " owner[header] " only")
}

function check_own(path,    other) {
    other = path
    if (!sub(/\/.*/, "", other) || !(other in place)) {
        say("\"" path "\": includes are written \"room/file.h\"")
    } else if (other != "base" && place[other] > place[room]) {
        say("\"" path "\": " other " comes after " room " in the order of the rooms")
    } else if ((room == "kernel" || room == "model") && other ~ /^(text|data|stats)$/) {
        say("\"" path "\": " room " never sees " other)
    }
}

function check_arithmetic(code) {
    code = " " code
    if (code ~ /_mm512_reduce_/) say("_mm512_reduce_*: the order of the sum is not ours (rule 5)")
    if (code ~ /[^A-Za-z0-9_]v(add|addl|max|min|maxnm|minnm)vq?_/)
        say("a NEON reduction: the order of the sum is not ours (rule 5)")
    if (code ~ /_(rcp|rsqrt)[0-9]*_|rsqrt(ps|ss)|rcp(ps|ss)|v(rsqrt|recp)[es]/)
        say("an estimate of a reciprocal: use division and sqrt (rule 5)")
    if (code ~ /[^A-Za-z0-9_]reduction[ \t]*\(/) say("OpenMP reduction: no fixed order (rule 5)")
    if (code ~ /omp[ \t]+atomic/) say("OpenMP atomic: no fixed order (rule 5)")
    if (code ~ /ffast-math|Ofast|unsafe-math|fp-contract=(on|fast)/) say("fast-math (rule 5)")
    if (code ~ /_mm_setcsr|_MM_SET_(FLUSH|DENORMALS)|set_fpcr|msr[ \t]+fpcr/) say("denormals are kept (rule 8)")
    if (code ~ /(#[ \t]*pragma|_Pragma\(")[ \t]*omp/ && room != "kernel")
        say("OpenMP belongs to kernel only")
    if (room ~ /^(kernel|model|train)$/ &&
        code ~ /[^A-Za-z0-9_](exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|sinh|cosh|tanh|asin|acos|atan|atan2|erf|erfc|cbrt|hypot|tgamma|lgamma)[fl]?[ \t]*\(/)
        say("a libm function: its bits differ by version (rule 6)")
}

BEGIN {
    count = split("base stats text data kernel model train study probe report cli", rooms, " ")
    for (i = 1; i <= count; i++) place[rooms[i]] = i
    count = split("assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h limits.h locale.h " \
        "math.h setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h " \
        "stdio.h stdlib.h stdnoreturn.h string.h tgmath.h threads.h time.h wchar.h " \
        "dirent.h endian.h fcntl.h fnmatch.h ftw.h glob.h langinfo.h libgen.h netdb.h poll.h pthread.h pwd.h sched.h " \
        "semaphore.h spawn.h strings.h sys/file.h sys/ioctl.h sys/mman.h sys/prctl.h " \
        "sys/random.h sys/resource.h sys/select.h sys/socket.h sys/stat.h sys/statvfs.h " \
        "sys/sysinfo.h sys/time.h sys/types.h sys/uio.h sys/un.h sys/utsname.h sys/wait.h " \
        "termios.h unistd.h", names, " ")
    for (i = 1; i <= count; i++) standard[names[i]] = 1
    owner["sqlite3.h"] = owner["yaml.h"] = owner["mpi.h"] = "study"
    owner["utf8proc.h"] = owner["pcre2.h"] = "text"
    owner["omp.h"] = owner["arm_neon.h"] = "kernel"
    owner["jansson.h"] = "base/json.h"
    owner["openssl/sha.h"] = "base/sha256.h"
    owner["protobuf-c/protobuf-c.h"] = owner["events.pb-c.h"] = "report/export_tensorboard.c"
    owner["cpuid.h"] = "base/cpu.c"
    owner["curl/curl.h"] = "cli/cmd_pull.c"
}

FNR == 1 {
    close_file()
    file = FILENAME
    room = substr(file, 5)
    if (!sub(/\/.*/, "", room) || !(room in place)) say("not in a room")
    in_comment = 0
    generated = $0 ~ /^\/\* Generated by scripts\//
}
{
    lines = FNR
    code = strip($0)
    if (code ~ /^[ \t]*#[ \t]*include/) {
        target = code
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", target)
        if (match(target, /^<[^>]*>/)) check_outside(substr(target, 2, RLENGTH - 2))
        else if (match(target, /^"[^"]*"/)) check_own(substr(target, 2, RLENGTH - 2))
        else say("an #include that names no file")
    }
    check_arithmetic(code)
}
END { close_file(); exit bad }
' $files) && check_build_files "$1"
}

# Flags that would undo the contract, in the build files; "#" starts a comment there.
check_build_files() {
    local found
    found=$(cd "$1" && for file in $(find . -name CMakeLists.txt -o -name '*.cmake' \
        -o -name CMakePresets.json | grep -v '^./build' | sort); do
        sed 's/#.*//' "$file" |
            grep -nE -e 'ffast-math|Ofast|unsafe-math|fp-contract=(on|fast)|flto|INTERPROCEDURAL' |
            sed "s|^|$file:|; s|\$|: the numeric contract forbids this flag (rule 5)|"
    done)
    if [ -n "$found" ]; then
        echo "$found"
        return 1
    fi
}

# ---- it can fail ----

self_test() {
    local folder failures=0
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' RETURN

    # expect WANTED PATH LINE...: a tree with this file must give a message with WANTED, or none.
    expect() {
        local wanted=$1 path=$2 output status
        shift 2
        rm -rf "$folder/tree"
        mkdir -p "$folder/tree/src/base" "$folder/tree/$(dirname "$path")"
        echo '#include <stdio.h>' >"$folder/tree/src/base/good.h"
        printf '%s\n' "$@" >"$folder/tree/$path"
        output=$(check_tree "$folder/tree")
        status=$?
        if [ -z "$wanted" ]; then
            if [ $status -ne 0 ] || [ -n "$output" ]; then
                echo "self-test: a good $path was refused: $output"
                failures=$((failures + 1))
            fi
        elif [ $status -eq 0 ] || [[ $output != *"$wanted"* ]]; then
            echo "self-test: $path with '$*' should give '$wanted', gave '$output'"
            failures=$((failures + 1))
        fi
    }

    expect 'train comes after model' src/model/a.c '#include "train/run.h"'
    expect 'stats comes after base' src/base/a.c '#include "stats/metrics.h"'
    expect 'src/model/a.c:2:' src/model/a.c '' '  #  include "cli/x.h"'
    expect 'kernel never sees text' src/kernel/a.h '#include "text/tokenizer.h"'
    expect 'model never sees data' src/model/a.c '#include "data/task.h"'
    expect 'model never sees stats' src/model/a.c '#include "stats/metrics.h"'
    expect 'are written "room/file.h"' src/model/a.c '#include "model.h"'
    expect 'are written "room/file.h"' src/model/a.c '#include "../kernel/kernel.h"'
    expect 'names no file' src/model/a.c '#include HEADER'
    expect 'not in a room' src/misc/a.c 'int x;'
    expect '<sqlite3.h> belongs to study' src/report/a.c '#include <sqlite3.h>'
    expect '<yaml.h> belongs to study' src/cli/a.c '#include <yaml.h>'
    expect '<utf8proc.h> belongs to text' src/data/a.c '#include <utf8proc.h>'
    expect '<immintrin.h> belongs to kernel' src/model/a.c '#include <immintrin.h>'
    expect '<omp.h> belongs to kernel' src/train/a.c '#include <omp.h>'
    expect '<jansson.h> belongs to base/json.h' src/base/json.c '#include <jansson.h>'
    expect '<events.pb-c.h> belongs to report' src/report/a.c '#include <events.pb-c.h>'
    expect 'is in no table' src/train/a.c '#include <cblas.h>'
    expect 'OpenMP belongs to kernel' src/train/a.c '#pragma omp parallel for'
    expect '_mm512_reduce_' src/kernel/a.c 'x = _mm512_reduce_add_ps(v);'
    expect 'estimate' src/kernel/a.c 'v = _mm256_rsqrt_ps(v);'
    expect 'estimate' src/kernel/a.c 'v = _mm512_maskz_rcp14_ps(m, v);'
    expect 'estimate' src/kernel/a.c 'v = vrsqrteq_f32(v);'
    expect 'NEON reduction' src/kernel/a.c 'x = vaddvq_f32(v);'
    expect 'reduction' src/kernel/a.c '#pragma omp parallel for \' '    reduction(+ : sum)'
    expect 'atomic' src/kernel/a.c '#pragma omp atomic update'
    expect 'fast-math' src/kernel/a.c '__attribute__((optimize("-ffast-math")))'
    expect 'denormals' src/kernel/a.c '_MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);'
    expect 'denormals' src/kernel/a.c '__builtin_aarch64_set_fpcr(1 << 24);'
    expect 'libm' src/kernel/a.c 'y = expf(x);'
    expect 'libm' src/kernel/a.c 'y=tanhf (x);'
    expect 'libm' src/model/a.c 'y = 1.0 / (1.0 + exp(-x));'
    expect 'libm' src/train/a.c 'return pow(beta, t);'
    expect 'libm' src/train/a.c '/* fine */ y = log(x); // log'
    expect 'libm' src/kernel/a.c 'char c = '\''"'\''; y = erff(x); /* " */'
    expect 'fast-math' src/kernel/a.c '/* a' '   b */ #pragma GCC optimize "Ofast"'
    expect 'CMakeLists.txt:1:' CMakeLists.txt 'add_compile_options(-ffast-math)'
    expect 'forbids this flag' cmake/x.cmake 'set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)'
    mapfile -t long < <(seq 901 | sed 's/^/\/\/ /')
    expect 'more than 900 lines' src/train/a.c "${long[@]}"

    expect '' src/train/a.c "${long[@]:1}"
    expect '' src/model/a.c '#include "model/a.h"' '#include "kernel/kernel.h"' \
        '#include "base/good.h"' '#include <math.h>'
    expect '' src/probe/a.c '#include "stats/metrics.h"' '#include "text/tokenizer.h"'
    expect '' src/study/a.c '#include <sqlite3.h>' '#include <yaml.h>'
    expect '' src/kernel/a.c '#include <immintrin.h>' '#include <omp.h>' '#pragma omp parallel'
    expect '' src/base/json.h '#include <jansson.h>'
    expect '' src/stats/a.c 'y = exp(x);'
    expect '' src/kernel/a.c '/* not expf(x), _mm512_reduce_add_ps,' ' * omp atomic */ x = fmaf(a, b, c);'
    expect '' src/kernel/a.c 'y = ek_exp(x) + kernel_exp(x) + log_sum(x) + sqrtf(x); // tanhf(x)'
    expect '' CMakeLists.txt '# never -ffast-math' 'add_compile_options(-ffp-contract=off)'
    return $((failures > 0))
}

self_test || exit 1
echo "self-test passed"
if ! check_tree "${EK_SOURCE_DIR:?the root of the tree}"; then
    exit 1
fi
echo "the tree keeps the rules"
