# The numbers of the real Pyro 1.8.6 in reference/: each file describes itself. Arrays are read as nested lists
# and turned into what R has: numbers, matrices with the arrays of rows as rows.

read_reference <- function(name) {
  skip_if_not_installed("jsonlite")
  jsonlite::fromJSON(test_path("reference", paste0(name, ".json")), simplifyVector = FALSE)
}

# Numbers, non-finite ones as the strings "NaN", "Inf", "-Inf".
ref_vector <- function(x) vapply(x, as.numeric, numeric(1))

ref_matrix <- function(x) do.call(rbind, lapply(x, ref_vector))

# The largest relative error; where the wanted value is 0, the absolute one.
relative_error <- function(got, want) {
  got <- as.vector(got)
  want <- as.vector(want)
  stopifnot(length(got) == length(want))
  same <- got == want | (is.nan(got) & is.nan(want))
  error <- abs(got - want) / ifelse(want == 0, 1, abs(want))
  error[same %in% TRUE] <- 0
  if (length(error)) max(error) else 0
}

expect_near <- function(got, want, tolerance = 1e-10, label = NULL) {
  error <- relative_error(got, want)
  expect(!is.na(error) && error <= tolerance,
         sprintf("%s: relative error %.3g, above %.3g", if (is.null(label)) "value" else label, error, tolerance))
}
