# Checks of arguments that several files share.

check_flag <- function(x, name) {
  if (!is.logical(x) || length(x) != 1L || is.na(x)) stop(sprintf("`%s` must be TRUE or FALSE.", name), call. = FALSE)
}

# For methods whose `...` takes nothing but the names that brms and tidybayes have for arguments of ours: what comes under them is given to
# the method's own, NULL as not given. A misspelt argument must not be passed over.
no_extra_arguments <- function(generic, ...) {
  if (!...length()) return(invisible())
  given <- list(...)
  method <- parent.frame()
  here <- other_names[other_names %in% names(formals(sys.function(sys.parent())))]
  other <- intersect(names(given), names(here))
  for (name in Filter(function(name) !is.null(given[[name]]), other)) {
    if (!eval(call("missing", as.name(here[[name]])), method)) {
      stop(sprintf("%s() has got `%s` twice: `%s` is another name of it.", generic, here[[name]], name), call. = FALSE)
    }
    assign(here[[name]], given[[name]], method)
  }
  rest <- if (is.null(names(given))) given else given[!names(given) %in% other]
  if (!length(rest)) return(invisible())
  tags <- names(rest)[nzchar(names(rest))]
  stop(sprintf("%s() has no argument %s here.", generic, if (length(tags)) enumerate(tags) else "at that place"), call. = FALSE)
}

# Names of brms, tidybayes and rstanarm, and those here.
other_names <- c(ndraws = "draws", nsamples = "draws", ndraws = "n", re_formula = "re.form", allow_new_levels = "allow.new.levels",
                 variable = "pars")

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
