#!/bin/sh
# Instructions of the workloads of bench/workloads.c under callgrind, compared with bench/results/counts.txt: more than 5 % above fails.
#
#   sh tools/bench-counts.sh OUT CC [update]
#
# Counts depend on the compiler, whose version stands in the first line: another one is measured and shown, not judged.
set -eu
out=$1/counts; cc=$2; update=${3:-}
root=$(cd "$(dirname "$0")/.." && pwd)
file=$root/bench/results/counts.txt
mkdir -p "$out"
flags="-std=gnu11 -O2 -w -DMATHLIB_STANDALONE -I$root/src/core -I$root/src $(R CMD config --cppflags | sed 's/-I/-idirafter /g')"
for source in "$root"/src/core/*.c "$root/bench/workloads.c"; do echo "$source"; done |
  xargs -P 2 -I{} sh -c "$cc $flags -c {} -o $out/\$(basename {} .c).o"
$cc -o "$out/workloads" "$out"/*.o -lRmath $(R CMD config LAPACK_LIBS) $(R CMD config BLAS_LIBS) -L"$(R RHOME)/lib" -lm

count() { valgrind --tool=callgrind --callgrind-out-file=/dev/null "$out/workloads" "$1" "$2" 2>&1 | sed -n 's/.*Collected : *//p'; }

version="# $($cc --version | head -n 1 | sed "s|^[^ ]* ||"); avx2" # less the name that it was called by
{
  echo "$version"
  k=0
  for name in logistic-8 normal-1 poisson-groups-8 student-groups-1 adam-300-8 draws; do
    k=$((k + 1))
    none=$(count $k 0); ten=$(count $k 10)
    [ -n "$none" ] && [ -n "$ten" ] || { echo "bench-counts: callgrind counted nothing for $name (has this machine AVX2?)" >&2; exit 1; }
    echo "$name $(((ten - none) / 10))"
  done
} > "$out/counts.txt"

if [ "$update" = update ] || [ ! -f "$file" ]; then cp "$out/counts.txt" "$file"; cat "$file"; exit 0; fi
judge=1
[ "$version" = "$(head -n 1 "$file")" ] || { judge=0; echo "bench-counts: the committed counts are of another compiler: $(head -n 1 "$file")"; }
status=0
while read -r name now; do
  [ "$name" = "#" ] && continue
  before=$(sed -n "s/^$name //p" "$file")
  verdict=ok
  if [ "$now" -gt $((before + before / 20)) ]; then verdict="more than 5 % above"; [ $judge -eq 1 ] && status=1; fi
  echo "$name $now (committed $before): $verdict"
done < "$out/counts.txt"
exit $status
