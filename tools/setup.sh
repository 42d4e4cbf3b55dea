#!/bin/sh
# Installs what this machine lacks to work on fullrank, and says what it
# installs. Where nothing is missing it does nothing and needs no network.
#
#   sh tools/setup.sh run    R, a C compiler and the packages fullrank imports
#   sh tools/setup.sh test   ... and what its tests use
#   sh tools/setup.sh dev    ... and what documentation and all checks use
#
# Any further words are names of R packages that are wanted too.
# R packages are tools/setup.R's part; this script sees to everything else.
set -u
cd "$(dirname "$0")/.." || exit 1

level=${1:-test}
case $level in
  run|test|dev) ;;
  *) echo "usage: sh tools/setup.sh [run|test|dev] [R package ...]" >&2; exit 2 ;;
esac

say() { echo "setup: $*"; }
have() { command -v "$1" >/dev/null 2>&1; }

can_apt() { [ "$(id -u)" = 0 ] && have apt-get; }

updated=no
apt_install() {
  say "installing system packages: $*"
  if [ $updated = no ]; then
    # A failing update is no reason to stop: the lists on disk may do.
    apt-get update -qq >/dev/null || say "apt-get update failed; going on"
    updated=yes
  fi
  DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The compiler R is configured for must compile and link with R's BLAS and
# LAPACK: a machine can have R and gcc but not the libraries to link with.
links() {
  have make || return 1
  cc=$(R CMD config CC) || return 1
  libs="$(R CMD config LAPACK_LIBS) $(R CMD config BLAS_LIBS)"
  tmp=$(mktemp -d) || return 1
  printf '%s\n' '#include <math.h>' 'void dpotrf_(void);' \
    'int main(void) { dpotrf_(); return 0; }' > "$tmp/try.c"
  # $cc and $libs hold several words each
  (cd "$tmp" && $cc -o try try.c -L"$(R RHOME)/lib" $libs -lm) >/dev/null 2>&1
  status=$?
  rm -rf "$tmp"
  return $status
}

# 1. R
if ! have R || ! have Rscript; then
  if can_apt; then
    apt_install r-base-core r-base-dev
  fi
  if ! have R || ! have Rscript; then
    say "R is not installed (or not on the PATH). Install R 4.1 or later" >&2
    say "with your system's packages, then run this again." >&2
    exit 1
  fi
fi

# 2. a C compiler, make, and the libraries to link with
if ! links; then
  if can_apt; then
    apt_install r-base-dev
  fi
  if ! links; then
    say "no working C compiler for R was found. Install gcc, make and the" >&2
    say "development files of BLAS and LAPACK (Debian, Ubuntu: r-base-dev)." >&2
    exit 1
  fi
fi

# 3. other programs; without them something is left out, so go on
optional() { # what it is for, a command that tells whether it is there, packages
  for_what=$1 test=$2; shift 2
  sh -c "$test" >/dev/null 2>&1 && return
  if can_apt && apt_install "$@" && sh -c "$test" >/dev/null 2>&1; then
    return
  fi
  say "not installed: $* ($for_what)"
}

if [ $level != run ]; then
  optional "the tests of the C core alone are skipped" \
    'make -s -C tests/core possible' r-mathlib
fi
if [ $level = dev ]; then
  optional "vignettes cannot be built" 'command -v pandoc' pandoc
  optional "make valgrind" 'command -v valgrind' valgrind
  optional "make asan, with clang" \
    'echo "int main(void){return 0;}" | clang -x c -fsanitize=address,undefined -o /dev/null -' \
    clang libclang-rt-dev
  optional "make check compares the sizes of PDF files" 'command -v qpdf' qpdf
  optional "make check validates the HTML manual" 'command -v tidy' tidy
fi

# 4. R packages
exec Rscript tools/setup.R "$@"
