# Checks of arguments that several files share.

check_flag <- function(x, name) {
  if (!is.logical(x) || length(x) != 1L || is.na(x)) stop(sprintf("`%s` must be TRUE or FALSE.", name), call. = FALSE)
}

# For methods whose `...` takes nothing: a misspelt argument must not be passed over.
no_extra_arguments <- function(generic, ...) {
  if (!...length()) return(invisible())
  tags <- names(list(...))
  tags <- tags[nzchar(tags)]
  here <- named_otherwise[named_otherwise %in% names(formals(sys.function(sys.parent())))]
  known <- intersect(tags, names(here))
  stop(paste(c(sprintf("%s() has no argument %s here.", generic, if (length(tags)) enumerate(tags) else "at that place"),
               sprintf("What other packages call `%s` is `%s` here.", known, here[known])), collapse = " "), call. = FALSE)
}

# Names that brms and rstanarm have taught, and those here.
named_otherwise <- c(ndraws = "draws", nsamples = "draws", re_formula = "re.form", allow_new_levels = "allow.new.levels")

# 12,345
big <- function(x) format(x, big.mark = ",", trim = TRUE, scientific = FALSE)

# Generics of ours that other packages have too (entropy() of posterior, prior_summary() of rstantools): whichever is found first answers for the classes of
# both. The first method for any of the classes, or NULL.
method_elsewhere <- function(generic, classes, package) {
  if (!requireNamespace(package, quietly = TRUE)) return(NULL)
  for (class in classes) {
    method <- utils::getS3method(generic, class, optional = TRUE, envir = asNamespace(package))
    if (!is.null(method)) return(method)
  }
}
