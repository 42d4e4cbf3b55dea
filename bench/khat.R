# The k-hats that fits of the real posteriors of posteriordb print, from seed to seed: each is an estimate from 1,000 draws.
#
#   Rscript bench/khat.R [--seeds=1:5]
#
# `none`: the fits whose log weights hardly vary, of which k-hat says nothing.

local({
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  source(file.path(dirname(normalizePath(file)), "optima.R"), local = globalenv())
})
source(file.path(here, "table.R"))

seeds <- eval(parse(text = option("seeds", "1:5")))
targets <- posteriordb_targets()
rows <- lapply(names(targets), function(name) {
  d <- lapply(seeds, function(s) diagnostics(quiet_fit(targets[[name]], seed = s)))
  flat <- vapply(d, fullrank:::weights_are_flat, NA)
  k <- vapply(d[!flat], `[[`, 0, "khat")
  data.frame(case = sub("^pdb_", "", name), fits = length(d), none = sum(flat), least = if (length(k)) min(k) else NA_real_,
             most = if (length(k)) max(k) else NA_real_, `above 0.7` = sum(k > 0.7), check.names = FALSE)
})
write_table("khat", do.call(rbind, rows))
