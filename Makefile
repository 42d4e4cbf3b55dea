# fullrank's commands; `make` alone lists them, CONTRIBUTING.md says more.
#
# All that is built goes to BUILD and the work tree stays clean. Another folder
# (make test BUILD=/tmp/mine) keeps two runs at the same time apart.

BUILD = .build
FILTER =
# The measurements of `make bench`: files of bench/. The long ones are those of `make bench-convergence`; others are run by name, as
# BENCH=fits, which first compiles Stan programs for a quarter of an hour.
BENCH = core steps loops
LONG_BENCH = posteriordb calibration convergence
COUNTS =

# No rule of make's own may compile a file of src/ in place.
MAKEFLAGS += --no-builtin-rules

ROOT := $(CURDIR)
# make splits names at spaces, so targets are relative to ROOT; recipes quote OUT.
OUT = $(if $(filter /%,$(BUILD)),$(BUILD),$(ROOT)/$(BUILD))
# The tests run on a copy in a library of their own, not on the user's.
LIB = $(OUT)/lib
WITH_LIB = R_LIBS="$(LIB)$${R_LIBS:+:$$R_LIBS}"

# Neither tests nor checks use more than two cores.
export OMP_THREAD_LIMIT = 2

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
	  awk -F '|' '{ printf "make %-17s %s\n", $$1, $$2 }'

## For users ------------------------------------------------------------------

setup: ## install what this machine lacks for all the commands here
	@sh tools/setup.sh dev

install: setup-run copy ## install the package into R's library
	@$(INSTALL) --library="$$(Rscript tools/library.R)" "$(OUT)/package"

demo: install ## install the package and fit three real posteriors, with plots
	@Rscript inst/examples/demo.R

test: setup-test lib ## run all tests (FILTER=name: the test files that match)
	@core=none; \
	if ls tests/core/*.c >/dev/null 2>&1; then \
	  if $(CORE) -s CC=$(CC) possible; then \
	    $(CORE) -s CC=$(CC) VARIANT=plain build || exit 1; \
	    core="$(OUT)/core/$(CC)-plain/core-tests"; \
	  else core=skip; fi; \
	fi; \
	$(WITH_LIB) Rscript tools/run-tests.R "$$core" "$(FILTER)"

test-isa: setup-test lib ## run the tests under every instruction set that the machine has
	@for isa in baseline avx2 avx512; do \
	  if $(WITH_LIB) Rscript -e "q(status = !('$$isa' %in% .Call(fullrank:::fullrank_isa)[['available']]))"; then \
	    echo "== $$isa"; FULLRANK_TEST_ISA=$$isa $(WITH_LIB) Rscript tools/run-tests.R none $(FILTER) || exit 1; \
	  else echo "== $$isa: this machine does not have it"; fi; \
	done

## For developers -------------------------------------------------------------

core-test: setup-test ## compile the C core alone and run its tests (CC=clang: with clang)
	@$(CORE) CC=$(CC) VARIANT=plain run

asan: setup ## the same under the address and undefined-behaviour sanitizers
	@for cc in gcc clang; do $(CORE) CC=$$cc VARIANT=asan FLAGS="$(SANITIZE)" RUNNER="$(HALT)" run || exit 1; done

valgrind: setup ## the same under valgrind
	@$(CORE) CC=$(CC) VARIANT=plain RUNNER="$(VALGRIND)" run

valgrind-r: setup lib ## a short R session with the package under valgrind
	@$(WITH_LIB) R -d "$(VALGRIND) --leak-check=no" --no-save --no-restore -s -f tools/valgrind.R

error-sites: setup lib ## list the error messages in R/ that no test reaches (FILTER as for test)
	@$(WITH_LIB) Rscript tools/error-sites.R "$(FILTER)"

document: setup ## write NAMESPACE and man/ from the comments in R/
	@Rscript -e 'suppressPackageStartupMessages(roxygen2::roxygenise(load_code = "source"))'

vignettes: setup lib ## build the vignettes, into BUILD/vignettes
	@$(WITH_LIB) Rscript tools/vignettes.R "$(OUT)/vignettes"

bench: setup lib ## run the measurements in bench/ (BENCH="core steps": some; tables go to bench/results)
	@for name in $(BENCH); do echo "== bench/$$name.R"; BENCH_RESULTS=bench/results $(WITH_LIB) Rscript bench/$$name.R || exit 1; done

bench-counts: setup ## count instructions of six workloads, compare with the committed (COUNTS=update: commit these)
	@sh tools/bench-counts.sh "$(OUT)" "$(CC)" $(COUNTS)

bench-convergence: setup lib ## natural() against Adam and long runs, and its verdict: an hour or more
	@for name in $(LONG_BENCH); do echo "== bench/$$name.R"; $(WITH_LIB) Rscript bench/$$name.R || exit 1; done

check-quick: setup-test ## R CMD check --as-cran without tests, vignettes and network
	@mkdir -p "$(OUT)/check-quick"
	@Rscript tools/check.R "$(OUT)/check-quick" quick

check: setup ## R CMD check --as-cran, all of it
	@mkdir -p "$(OUT)/check"
	@Rscript tools/check.R "$(OUT)/check" full

check-bare: setup ## the same as on a machine without the suggested packages, and without vignettes
	@mkdir -p "$(OUT)/check-bare"
	@Rscript tools/check.R "$(OUT)/check-bare" bare

check-c: setup ## the same in the C locale
	@mkdir -p "$(OUT)/check-c"
	@Rscript tools/check.R "$(OUT)/check-c" c

check-full: setup ## all checks, however slow: run before an issue is called done
	$(MAKE) test
	$(MAKE) core-test CC=gcc
	$(MAKE) core-test CC=clang
	$(MAKE) asan
	$(MAKE) valgrind
	$(MAKE) valgrind-r
	$(MAKE) bench-counts
	$(MAKE) check
	$(MAKE) check-bare
	$(MAKE) check-c

clean: ## remove all that was built
	rm -rf "$(OUT)"

## Steps of the above ---------------------------------------------------------

setup-run setup-test:
	@sh tools/setup.sh $(@:setup-%=%)

# R CMD INSTALL leaves object files beside the sources. It is given a copy, and
# the copy's objects are kept, so that only what has changed is compiled again.
copy:
	@mkdir -p "$(OUT)/package"
	@find "$(OUT)/package" -mindepth 1 -maxdepth 1 ! -name src -exec rm -rf {} +
	@tar -cf - --exclude='*.o' --exclude='*.so' \
	  $(wildcard DESCRIPTION NAMESPACE NEWS.md R data inst man src) | \
	  tar -xf - -C "$(OUT)/package"

# MAKEFLAGS is set anew: R's make is not to inherit variables said to this one.
INSTALL = R_MAKEVARS_USER="$(ROOT)/tools/Makevars" MAKEFLAGS=-j2 R CMD INSTALL

# Folders are among the prerequisites because a deleted file shows only there.
SOURCES = $(shell find DESCRIPTION NAMESPACE R data inst src ! -name '*.o' ! -name '*.so' 2>/dev/null)
INSTALLED = $(BUILD)/lib/fullrank/DESCRIPTION

lib: $(INSTALLED)
$(INSTALLED): $(SOURCES)
	@$(MAKE) --no-print-directory copy
	@mkdir -p "$(LIB)"
	@$(INSTALL) --no-docs --library="$(LIB)" "$(OUT)/package"

CORE = $(MAKE) --no-print-directory -j2 -C tests/core \
  BUILD="$(if $(filter /%,$(BUILD)),$(BUILD),../../$(BUILD))"
# The first error ends the run, by the environment: with -fno-sanitize-recover clang takes a quarter of an hour for the kernels of X b.
SANITIZE = -fsanitize=address,undefined
HALT = env UBSAN_OPTIONS=halt_on_error=1
VALGRIND = valgrind -q --error-exitcode=1 --leak-check=full
CC = cc

# Setting up comes before building, also under make -j.
.NOTPARALLEL:
.PHONY: help setup install demo test test-isa error-sites core-test asan valgrind valgrind-r document \
  vignettes bench bench-counts bench-convergence check-quick check check-bare check-c check-full clean setup-run setup-test copy \
  lib
