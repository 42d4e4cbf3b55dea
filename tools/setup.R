# Installs the R packages that DESCRIPTION asks for and this machine lacks or
# has in too old a version; called by tools/setup.sh. The system's own packages
# come first, because they come built; CRAN serves the rest.
#
#   Rscript tools/setup.R run|test|dev [package ...]
#
# run: Imports. test: Suggests as well; without one of them (testthat excepted)
# the tests that use it are skipped, so one that cannot be had is only reported.
# dev: Config/Needs/dev as well, and nothing may be missing.
# Where CI is set (CI=true), Config/Needs/ci too, if it can be had: what a few tests use and takes minutes to compile.

args <- commandArgs(TRUE)
level <- if (length(args)) args[1] else "test"

say <- function(...) cat("setup: ", ..., "\n", sep = "")
fail <- function(...) {
  message("setup: ", ...)
  quit(status = 1L)
}

# "a (>= 1.2), b" as a named character vector, c(a = "1.2", b = "0")
parse_needs <- function(text) {
  text <- trimws(unlist(strsplit(text[!is.na(text)], ",")))
  text <- text[nzchar(text)]
  name <- sub("[[:space:](].*", "", text)
  version <- ifelse(grepl("(", text, fixed = TRUE),
                    gsub(".*[<>=[:space:]]|\\).*", "", text), "0")
  keep <- name != "R"
  setNames(version[keep], name[keep])
}

described <- function(...) parse_needs(read.dcf("DESCRIPTION", fields = c(...)))
required <- c(described("Depends", "Imports", "LinkingTo"),
              setNames(rep("0", length(args[-1])), args[-1]))
suggested <- if (level != "run") described("Suggests")
if (level == "dev") {
  required <- c(required, suggested, described("Config/Needs/dev"))
} else {
  required <- c(required, suggested[names(suggested) == "testthat"])
}
optional <- suggested[!names(suggested) %in% names(required)]
in_ci <- level != "run" && nzchar(Sys.getenv("CI"))
if (in_ci) optional <- c(optional, described("Config/Needs/ci"))

satisfied <- function(name, version) {
  have <- tryCatch(utils::packageVersion(name), error = function(e) NULL)
  !is.null(have) && have >= version
}
lacking <- function(needs = c(required, optional)) {
  needs[!as.logical(mapply(satisfied, names(needs), needs))]
}

r_needed <- sub(".*\\bR *\\(>= *([0-9.]+)\\).*", "\\1", read.dcf("DESCRIPTION", fields = "Depends"))
if (getRversion() < r_needed) {
  fail("fullrank needs R ", r_needed, " or later, and this is R ", as.character(getRversion()), ".")
}
if (!length(lacking())) quit(status = 0L)

# Debian's packages serve Debian's R only, and only root can install them.
apt_serves <- function() {
  silent <- function(...) {
    suppressWarnings(system2(..., stdout = FALSE, stderr = FALSE)) == 0L
  }
  nzchar(Sys.which("apt-get")) && nzchar(Sys.which("dpkg-query")) &&
    system2("id", "-u", stdout = TRUE) == "0" &&
    silent("dpkg-query", c("-S", shQuote(file.path(R.home("bin"), "exec", "R"))))
}

apt_name <- function(name) paste0("r-cran-", tolower(name))

# The version apt would install, as R writes it: NA where there is none.
apt_version <- function(name) {
  policy <- system2("apt-cache", c("policy", apt_name(name)), stdout = TRUE)
  candidate <- sub(".*: *", "", grep("^ *Candidate:", policy, value = TRUE))
  if (!length(candidate) || candidate == "(none)") return(NA_character_)
  candidate <- sub("^[0-9]+:", "", candidate)          # epoch
  candidate <- sub("-[^-]*$", "", candidate)           # Debian's revision
  sub("[^0-9.-].*", "", candidate)                     # +dfsg, ~rc
}

repos <- function() {
  chosen <- getOption("repos")
  if (identical(unname(chosen["CRAN"]), "@CRAN@")) {
    utils::chooseCRANmirror(ind = 1L)
    chosen <- getOption("repos")
  }
  chosen
}

# What CRAN serves of a package; an error, caught below, that says why not.
on_cran <- NULL
cran_entry <- function(name, version) {
  if (is.null(on_cran)) {
    on_cran <<- suppressWarnings(utils::available.packages(
      repos = repos(), filters = c("OS_type", "subarch", "duplicates")))
  }
  if (!nrow(on_cran)) stop("CRAN was not reached. Install ", name, " by hand, then run this again.")
  if (!name %in% rownames(on_cran)) stop(name, " is not on CRAN; install it by hand.")
  entry <- on_cran[name, ]
  r <- regmatches(entry["Depends"],
                  regexec("\\bR *\\(>= *([0-9.-]+)\\)", entry["Depends"]))[[1]]
  if (length(r) == 2L && getRversion() < r[2]) {
    stop("CRAN's version of ", name, " (", entry["Version"], ") needs R ", r[2],
         ", and this is R ", as.character(getRversion()),
         ". Install an older version of it",
         if (version != "0") paste0(" (at least ", version, ")"),
         " by hand, or a newer R.")
  }
  if (package_version(entry["Version"]) < version) {
    stop(name, " ", version, " is needed, and CRAN has ", entry["Version"], ".")
  }
  entry
}

# Who serves what, dependencies of packages from CRAN included (apt sees to
# those of its own). A suggested package that nobody serves is left out.
plan <- function(use_apt) {
  todo <- list(apt = character(), cran = character())
  for (name in names(lacking())) {
    todo <- tryCatch(
      plan_one(c(required, optional)[name], todo$apt, todo$cran, use_apt),
      error = function(e) {
        if (name %in% names(required)) fail("R package ", name, " is missing: ", conditionMessage(e))
        say("going on without R package ", name, ": ", conditionMessage(e))
        todo
      })
  }
  todo
}

plan_one <- function(queue, apt, cran, use_apt) {
  while (length(queue)) {
    name <- names(queue)[1]
    version <- queue[[1]]
    queue <- queue[-1]
    if (name %in% cran || satisfied(name, version)) next
    offered <- if (use_apt) apt_version(name) else NA
    if (!is.na(offered) && package_version(offered) >= version) {
      apt <- union(apt, name)
      next
    }
    entry <- cran_entry(name, version)
    cran <- c(cran, name)
    apt <- setdiff(apt, name)
    queue <- c(queue, parse_needs(entry[c("Depends", "Imports", "LinkingTo")]))
  }
  list(apt = apt, cran = cran)
}

use_apt <- apt_serves()
if (use_apt) system2("apt-get", c("update", "-qq"), stdout = FALSE)
todo <- plan(use_apt)

if (length(todo$apt)) {
  say("installing system packages: ", paste(apt_name(todo$apt), collapse = " "))
  status <- system2("apt-get", c("install", "-y", "-qq", "--no-install-recommends",
                                 apt_name(todo$apt)),
                    env = "DEBIAN_FRONTEND=noninteractive", stdout = FALSE)
  # What apt could not install after all is CRAN's.
  if (status != 0L) todo <- plan(FALSE)
}

if (length(todo$cran)) {
  source("tools/library.R")
  library_dir <- writable_library()
  say("installing from CRAN into ", library_dir, ": ",
      paste(todo$cran, collapse = " "))
  if (in_ci) {
    # Tests alone use these: compiled quickly rather than to be quick, one after the other by two compilers each, and as C++17, R's default
    # from 4.3 on, which RTMB needs.
    makevars <- tempfile("Makevars")
    writeLines(sprintf("%sFLAGS = -O0 -w -fPIC", c("C", "CXX", "CXX11", "CXX14", "CXX17")), makevars)
    Sys.setenv(R_MAKEVARS_USER = makevars, USE_CXX17 = "1", MAKEFLAGS = "-j2")
  }
  utils::install.packages(todo$cran, lib = library_dir, repos = repos(),
                          Ncpus = if (in_ci) 1L else 2L, quiet = TRUE)
}

still <- lacking(required)
if (length(still)) {
  fail("could not install these R packages: ", paste(names(still), collapse = ", "),
       ". The messages above say why.")
}
still <- lacking(optional)
if (length(still)) say("not installed, tests that use them are skipped: ", paste(names(still), collapse = ", "))
