# Centred hierarchies of hundreds of groups, three observations each, in whose throats a fit may end: do seeds agree, and do fits that say
# "converged" reach the best of them? Default settings; processor seconds.
#
#   OMP_NUM_THREADS=1 Rscript bench/hierarchies.R [--groups=250,400,520,800] [--seeds=1:3]
#
# prints the table in results/hierarchies.md. ELBOs of a case are on the same 4,000 draws.
library(fullrank)

option <- function(name, default) {
  given <- grep(paste0("^--", name, "="), commandArgs(TRUE), value = TRUE)
  eval(parse(text = paste0("c(", if (length(given)) sub("^[^=]*=", "", given[1]) else default, ")")))
}

models <- list(
  Normal = model({
    a  ~ normal(0, 5)
    sd ~ half_cauchy(1)
    s  ~ half_cauchy(1)
    u  ~ normal(0, sd, dim = J)
    y  ~ normal(a + u[g], s)
  }),
  Poisson = model({
    a  ~ normal(0, 2)
    sd ~ half_cauchy(1)
    u  ~ normal(0, sd, dim = J)
    y  ~ poisson_log(a + u[g])
  }),
  `yes or no` = model({
    a  ~ normal(0, 2)
    sd ~ half_normal(2)
    u  ~ normal(0, sd, dim = J)
    y  ~ bernoulli_logit(a + u[g])
  })
)

case <- function(family, J, sd) {
  set.seed(5)
  g <- rep(seq_len(J), each = 3)
  u <- rnorm(J, 0, sd)[g]
  y <- switch(family, Normal = rnorm(length(g), 1 + u, 1), Poisson = rpois(length(g), exp(0.5 + u)), rbinom(length(g), 1, plogis(-0.3 + u)))
  list(y = y, g = g, J = J)
}

cat("| y | groups | their sd | fits | converged | nats below the best, converged | others | gradients | sd found | seconds |\n|---|---|---|---|---|---|---|---|---|---|\n")
big <- function(x) paste(format(range(x), big.mark = ",", trim = TRUE), collapse = " to ")
for (J in option("groups", "250,400,520,800")) for (sd in c(0.15, 0.5, 1)) for (family in names(models)) {
  data <- case(family, J, sd)
  fits <- lapply(option("seeds", "1:3"), function(seed) fullrank(models[[family]], data, seed = seed, progress = FALSE))
  elbos <- vapply(fits, function(fit) elbo(fit, 4000, seed = 1)$elbo, 0)
  converged <- vapply(fits, `[[`, "", "status") == "converged"
  below <- sprintf("%.2f", max(elbos) - elbos)
  cat(sprintf("| %s | %d | %g | %d | %d | %s | %s | %s | %s | %s |\n", family, J, sd, length(fits), sum(converged), paste(below[converged], collapse = ", "),
              paste(below[!converged], collapse = ", "), big(vapply(fits, `[[`, 0, "gradient_evaluations")),
              paste(format(range(vapply(fits, function(fit) as.data.frame(summary(fit))$mean[2], 0)), digits = 2), collapse = " to "),
              paste(format(range(vapply(fits, `[[`, 0, "seconds")), digits = 2), collapse = " to ")))
}
