# Three real posteriors, from a model to a summary and a plot:
#
#   Rscript inst/examples/demo.R [folder for the plots]

library(fullrank)

folder <- commandArgs(TRUE)
folder <- if (length(folder)) folder[1L] else "demo-plots"
dir.create(folder, showWarnings = FALSE, recursive = TRUE)
set.seed(20)

read <- function(name) read.csv(system.file("extdata", name, package = "fullrank", mustWork = TRUE))

show <- function(title, fit, file) {
  cat("\n== ", title, "\n\n", sep = "")
  print(fit)
  path <- file.path(folder, file)
  png(path, width = 1200, height = 900, res = 120)
  plot(fit)
  dev.off()
  cat("\nPlot:", path, "\n")
}

# Coaching in eight schools (Rubin 1981): a hierarchical model, non-centred.
eight_schools <- model({
  mu        ~ normal(0, 5)
  tau       ~ half_cauchy(5)
  theta_raw ~ normal(0, 1, dim = length(y))
  theta     <- mu + tau * theta_raw
  y         ~ normal(theta, sigma)
})
show("Eight schools", fullrank(eight_schools, read("eight_schools.csv"), keep = "theta"), "eight_schools.png")

# Test scores of 434 children (Gelman and Hill 2006): a linear regression.
kidiq <- model({
  intercept ~ flat()
  b_hs      ~ flat()
  b_iq      ~ flat()
  sigma     ~ half_cauchy(2.5)
  kid_score ~ normal(intercept + b_hs * mom_hs + b_iq * (mom_iq - mean(mom_iq)) / sd(mom_iq), sigma)
})
show("Children's test scores", fullrank(kidiq, read("kidiq.csv")), "kidiq.png")

# Who switches wells, 3,020 households in Bangladesh (Gelman and Hill 2006): a logistic regression.
wells <- model({
  distance <- (dist - mean(dist)) / 100
  level    <- arsenic - mean(arsenic)
  X        <- cbind(distance, level, both = distance * level)
  alpha    ~ flat()
  beta     ~ flat(dim = colnames(X))
  switched ~ bernoulli(plogis(alpha + X %*% beta))
})
show("Switching wells", fullrank(wells, read("wells.csv")), "wells.png")
