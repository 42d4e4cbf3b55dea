# Tables of numbers as text, within the width of the terminal.

# At most n rows of a data frame whose first column is `variable`. `all` is the call that shows the rest.
print_table <- function(table, n = 20, all = "print(x, n = Inf)", width = getOption("width")) {
  total <- nrow(table)
  if (!total) return(cat("No parameter varies.\n"))
  shown <- table[seq_len(min(n, total)), , drop = FALSE]
  cat(table_lines(shown, width), sep = "\n")
  if (total > nrow(shown)) cat(sprintf("... and %s more of %s; %s shows them.\n", big(total - nrow(shown)), big(total), all))
}

table_lines <- function(table, width) {
  numbers <- table[-1L]
  if (all(is.na(numbers$mcse))) numbers$mcse <- NULL
  decimals <- row_decimals(table)
  cells <- lapply(names(numbers), function(name) {
    pad_left(c(name, format_column(numbers[[name]], decimals + if (name == "mcse") 1 else 0)))
  })
  room <- width - sum(vapply(cells, function(cell) nchar(cell[1L], "width") + 1L, 0L))
  do.call(paste, c(list(pad_right(c("", shorten(table$variable, max(room, 8L))))), cells))
}

# Decimals of each row: three digits of the standard deviation, but none beyond the Monte Carlo error.
row_decimals <- function(table) {
  decimals <- 2 - floor(log10(table$sd))
  decimals[!is.finite(decimals)] <- 3
  if (!is.null(table$mcse)) {
    error <- floor(-log10(table$mcse))
    known <- is.finite(error)
    decimals[known] <- pmin(decimals, error)[known]
  }
  pmax(decimals, 0)
}

# One column of numbers, its decimal points below each other; powers of ten, where plain digits would be too many, end
# where the column ends.
format_column <- function(x, decimals) {
  plain <- is.finite(x) & decimals <= 6 & abs(x) < 1e6
  text <- ifelse(is.na(x), "", formatC(x, digits = 3, format = "g"))
  text[plain] <- mapply(function(v, k) formatC(v, digits = k, format = "f"), x[plain], decimals[plain])
  text <- sub("^-(0\\.?0*)$", "\\1", text)
  after <- ifelse(plain & grepl(".", text, fixed = TRUE), nchar(text) - regexpr(".", text, fixed = TRUE) + 1L, 0L)
  paste0(text, strrep(" ", ifelse(plain, max(after) - after, 0)))
}

# A correlation, without a minus before zero.
two_decimals <- function(x) sub("^-(0\\.00)$", "\\1", formatC(x, digits = 2, format = "f"))

pad_left <- function(x) paste0(strrep(" ", max(nchar(x, "width")) - nchar(x, "width")), x)
pad_right <- function(x) paste0(x, strrep(" ", max(nchar(x, "width")) - nchar(x, "width")))

# Names cut in the middle, where theta[1] and theta[2] are the same.
shorten <- function(x, room) {
  long <- nchar(x, "width") > room
  tail <- (room - 2L) %/% 2L
  x[long] <- paste0(strtrim(x[long], room - 2L - tail), "..", substring(x[long], nchar(x[long]) - tail + 1L))
  x
}

# Prose within the width, later lines indented.
wrap <- function(..., width = getOption("width"), exdent = 2L) {
  cat(strwrap(paste0(...), width = width, exdent = exdent), sep = "\n")
}

# "12.34 +- 0.05", with the digits that the error allows.
plus_minus <- function(x, error) {
  if (!is.finite(x)) return(format(x))
  if (!is.finite(error)) return(paste(format(signif(x, 4)), "+- unknown"))
  if (error < 5e-7) return(paste(sub("^-(0\\.0*)$", "\\1", formatC(x, digits = 6, format = "f", big.mark = ",")), "+- less than 1e-6"))
  decimals <- max(1 - floor(log10(error)), 0)
  paste(formatC(x, digits = decimals, format = "f", big.mark = ","), "+-", formatC(error, digits = decimals, format = "f"))
}

count_of <- function(n, one, many = paste0(one, "s")) paste(big(n), if (n == 1) one else many)

format_seconds <- function(s) {
  if (!length(s) || !is.finite(s)) return("an unknown time")
  if (s < 60) sprintf("%.2g s", s) else if (s < 3600) sprintf("%.1f min", s / 60) else sprintf("%.1f h", s / 3600)
}
