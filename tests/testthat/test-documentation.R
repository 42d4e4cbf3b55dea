# The help pages and the reference index, where the sources are at hand (not in R CMD check, which checks the pages itself).

source_file <- function(...) {
  file <- test_path("..", "..", ...)
  skip_if_not(file.exists(test_path("..", "..", "_pkgdown.yml")), "the sources are not here")
  file
}

# Aliases of each page, by the page's name.
page_aliases <- function() {
  pages <- list.files(source_file("man"), "[.]Rd$", full.names = TRUE)
  aliases <- lapply(pages, function(page) {
    lines <- readLines(page, encoding = "UTF-8")
    gsub("\\\\%", "%", sub("^\\\\alias\\{(.*)\\}$", "\\1", grep("^\\\\alias\\{", lines, value = TRUE)))
  })
  stats::setNames(aliases, sub("[.]Rd$", "", basename(pages)))
}

test_that("every exported name is in the reference index, and nothing that is not there", {
  listed <- sub("^ *- ", "", grep("^ +- [^:]+$", readLines(source_file("_pkgdown.yml")), value = TRUE))
  exported <- sub("^export\\((.*)\\)$", "\\1", grep("^export\\(", readLines(source_file("NAMESPACE")), value = TRUE))
  expect_identical(setdiff(exported, listed), character())
  aliases <- page_aliases()
  expect_identical(setdiff(listed, unlist(aliases)), character())
  pages <- names(Filter(function(a) !any(a %in% listed), aliases))
  expect_identical(setdiff(pages, "reexports"), character())
})

test_that("help pages have no fault that tools::checkRd() knows", {
  for (page in list.files(source_file("man"), "[.]Rd$", full.names = TRUE)) {
    expect_length(tools::checkRd(page, listOK = FALSE), 0)
  }
})

test_that("every page of a function says what it returns and has an example", {
  for (page in setdiff(names(page_aliases()), c("reexports", "fullrank-package"))) {
    text <- readLines(source_file("man", paste0(page, ".Rd")))
    expect_true(any(grepl("^\\\\value\\{", text)), label = paste("\\value in", page))
    expect_true(any(grepl("^\\\\examples\\{", text)), label = paste("\\examples in", page))
  }
})
