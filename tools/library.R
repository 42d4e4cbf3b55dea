# The library that R packages are installed into: the first on the search path
# where that is writable, else the user's own, made if need be.
#
#   Rscript tools/library.R     prints it

writable_library <- function() {
  library_dir <- .libPaths()[1]
  if (file.access(library_dir, 2L) == 0L) return(library_dir)
  library_dir <- strsplit(Sys.getenv("R_LIBS_USER"), .Platform$path.sep)[[1]][1]
  if (is.na(library_dir)) stop("no R library is writable; set R_LIBS_USER")
  dir.create(library_dir, recursive = TRUE, showWarnings = FALSE)
  .libPaths(c(library_dir, .libPaths()))
  path.expand(library_dir)
}

if (sys.nframe() == 0L) cat(writable_library(), "\n", sep = "")
