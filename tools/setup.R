# Installs the R packages that DESCRIPTION asks for and this machine lacks or
# has in too old a version; called by tools/setup.sh. The system's own packages
# come first, because they come built; CRAN serves the rest.
#
#   Rscript tools/setup.R run|test|dev [package ...]

args <- commandArgs(TRUE)
level <- if (length(args)) args[1] else "test"
fields <- c("Depends", "Imports", "LinkingTo",
            if (level != "run") "Suggests",
            if (level == "dev") "Config/Needs/dev")

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

needs <- c(parse_needs(read.dcf("DESCRIPTION", fields = fields)),
           setNames(rep("0", length(args[-1])), args[-1]))

satisfied <- function(name, version) {
  have <- tryCatch(utils::packageVersion(name), error = function(e) NULL)
  !is.null(have) && have >= version
}
lacking <- function() {
  needs[!mapply(satisfied, names(needs), needs)]
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

on_cran <- NULL
cran_entry <- function(name, version) {
  if (is.null(on_cran)) {
    on_cran <<- suppressWarnings(utils::available.packages(
      repos = repos(), filters = c("OS_type", "subarch", "duplicates")))
    if (!nrow(on_cran)) {
      fail("CRAN was not reached, and these R packages are missing: ",
           paste(names(lacking()), collapse = ", "),
           ". Install them by hand, then run this again.")
    }
  }
  if (!name %in% rownames(on_cran)) {
    fail("R package ", name, " is not on CRAN; install it by hand.")
  }
  entry <- on_cran[name, ]
  r <- regmatches(entry["Depends"],
                  regexec("\\bR *\\(>= *([0-9.-]+)\\)", entry["Depends"]))[[1]]
  if (length(r) == 2L && getRversion() < r[2]) {
    fail("R package ", name, ": CRAN's version (", entry["Version"],
         ") needs R ", r[2], ", and this is R ", as.character(getRversion()),
         ". Install an older version of ", name,
         if (version != "0") paste0(" (at least ", version, ")"),
         " by hand, or a newer R.")
  }
  if (package_version(entry["Version"]) < version) {
    fail("R package ", name, ": version ", version, " is needed, and CRAN has ",
         entry["Version"], ".")
  }
  entry
}

# Who serves what, dependencies of packages from CRAN included (apt sees to
# those of its own).
plan <- function(use_apt) {
  queue <- lacking()
  apt <- cran <- character()
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
  utils::install.packages(todo$cran, lib = library_dir, repos = repos(),
                          Ncpus = 2L, quiet = TRUE)
}

still <- lacking()
if (length(still)) {
  fail("could not install these R packages: ", paste(names(still), collapse = ", "),
       ". The messages above say why.")
}
