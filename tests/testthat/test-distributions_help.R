# The help pages and the vignette list what the C core's table and the table of functions have: nothing more, nothing less.

# A help page of the package that is tested, or of the source tree (tests run on a copy without help).
help_page <- function(name) {
  source <- test_path("..", "..", "man", paste0(name, ".Rd"))
  if (file.exists(source)) return(tools::parse_Rd(source))
  pages <- tryCatch(tools::Rd_db("fullrank"), error = function(e) NULL)
  if (is.null(pages[[paste0(name, ".Rd")]])) skip("no help pages are installed")
  pages[[paste0(name, ".Rd")]]
}

# The first piece of code of each item of the lists in a page, as it reads: "normal(loc, scale)".
first_codes <- function(rd) {
  tag <- function(x) if (is.null(attr(x, "Rd_tag"))) "" else attr(x, "Rd_tag")
  out <- character()
  visit <- function(x) {
    if (!is.list(x)) return()
    if (tag(x) == "\\itemize") {
      waiting <- FALSE
      for (part in x) {
        if (tag(part) == "\\item") waiting <- TRUE
        else if (waiting && tag(part) %in% c("\\code", "\\verb")) {
          out <<- c(out, trimws(paste(unlist(part), collapse = "")))
          waiting <- FALSE
        }
      }
    }
    for (part in x) visit(part)
  }
  visit(rd)
  gsub("\\%", "%", out, fixed = TRUE)
}

# Names and defaults of the arguments of a call as a page has it, NULL where there is no default.
written_args <- function(text) {
  call <- str2lang(text)
  args <- as.list(call)[-1L]
  tags <- if (is.null(names(args))) rep("", length(args)) else names(args)
  lapply(seq_along(args), function(k) if (nzchar(tags[k])) list(name = tags[k], default = eval(args[[k]])) else list(name = as.character(args[[k]]), default = NULL))
}

test_that("?distributions lists every distribution with its arguments and defaults, and no other", {
  table <- fullrank:::dist_table()
  calls <- first_codes(help_page("distributions"))
  heads <- vapply(calls, function(text) as.character(str2lang(text)[[1L]]), "", USE.NAMES = FALSE)
  expect_false(any(duplicated(heads)))
  expect_setequal(heads, c(names(table), names(fullrank:::wrapper_forms)))
  for (k in which(heads %in% names(table))) {
    args <- table[[heads[k]]]$args
    written <- written_args(calls[k])
    expect_equal(vapply(written, `[[`, "", "name"), vapply(args, `[[`, "", "name"), label = calls[k])
    for (i in seq_along(args)) expect_equal(written[[i]]$default, if (!is.na(args[[i]]$default)) args[[i]]$default, label = calls[k])
  }
  for (k in which(heads %in% names(fullrank:::wrapper_forms))) {
    form <- formals(fullrank:::wrapper_forms[[heads[k]]])
    written <- written_args(calls[k])
    expect_equal(vapply(written, `[[`, "", "name"), setdiff(names(form), "dim"), label = calls[k])
    for (w in written) expect_equal(w$default, if (!identical(form[[w$name]], quote(expr = ))) eval(form[[w$name]]), label = calls[k])
  }
})

test_that("each distribution stands under the topic that its support says", {
  table <- fullrank:::dist_table()
  for (topic in names(fullrank:::distribution_notes)) {
    for (call in fullrank:::distribution_notes[[topic]]$call) {
      name <- as.character(str2lang(call)[[1L]])
      d <- table[[name]]
      real <- d$support == "real" || name == "flat"
      positive <- d$support %in% c("positive", "nonnegative") || name == "pareto"
      want <- if (d$discrete) "Counts and categories, observed only" else if (d$event == "vector") "Vectors" else if (d$event == "matrix") "Matrices" else
        if (real) "Real numbers" else if (positive) "Positive numbers" else "Numbers in an interval"
      expect_equal(topic, want, label = name)
    }
  }
})

test_that("?model lists every function of the language, and no other", {
  codes <- unlist(lapply(help_page("model"), function(part) if (identical(attr(part, "Rd_tag"), "\\section")) list(part)), recursive = FALSE)
  functions <- Filter(function(s) grepl("Functions", paste(unlist(s[[1L]]), collapse = "")), codes)[[1L]]
  found <- character()
  visit <- function(x, inside) {
    tag <- attr(x, "Rd_tag")
    if (inside && identical(tag, "\\code") || inside && identical(tag, "\\verb")) found <<- c(found, gsub("\\%", "%", paste(unlist(x), collapse = ""), fixed = TRUE))
    if (is.list(x)) for (part in x) visit(part, inside || identical(tag, "\\itemize"))
  }
  visit(functions, FALSE)
  expect_setequal(found, c(ls(fullrank:::language, all.names = TRUE), "[", "[["))
  expect_false(any(duplicated(found)))
})

test_that("the vignette takes its lists from the same notes", {
  notes <- c(fullrank:::distribution_notes, list(fullrank:::wrapper_notes))
  for (n in notes) {
    lines <- strsplit(fullrank:::distribution_markdown(n), "\n")[[1L]]
    cells <- lengths(regmatches(lines, gregexpr("|", lines, fixed = TRUE)))
    expect_equal(sum(startsWith(lines, "| `")), nrow(n))
    expect_length(unique(cells[nzchar(lines)]), 1L)
  }
  source <- test_path("..", "..", "vignettes", "model-language.Rmd")
  skip_if_not(file.exists(source))
  text <- readLines(source)
  expect_true(any(grepl("fullrank:::distribution_notes", text)) && any(grepl("fullrank:::wrapper_notes", text)) && any(grepl("fullrank:::language_help()", text, fixed = TRUE)))
})
