# Crossed groups beside lme4::lmer(): ratings of lecturers by students (InstEval), y ~ service + (1 | s) + (1 | d), processor seconds of
# one run each, on one core. Off: the largest distance of the fixed effects, in lmer's standard errors; sds: the largest log ratio of the
# standard deviations of groups and residuals. Printed as the table in bench/results/crossed.md; the last row takes minutes.
library(fullrank)

once <- function(expr) sum(system.time(expr)[c("user.self", "sys.self")])

row <- function(label, data) {
  formula <- y ~ service + (1 | s) + (1 | d)
  theirs <- once(reference <- lme4::lmer(formula, data))
  prior <- list(Intercept ~ normal(0, 1000), b ~ normal(0, 100))
  ours <- once(fit <- fullrank(formula, data = data, prior = prior, seed = 1, progress = FALSE))
  off <- max(abs(coef(fit) - lme4::fixef(reference)) / sqrt(diag(as.matrix(stats::vcov(reference)))))
  sds <- as.data.frame(VarCorr(fit))
  want <- as.data.frame(lme4::VarCorr(reference))
  apart <- max(abs(log(sds$sdcor / want$sdcor[match(sds$grp, want$grp)])))
  big <- function(x) format(x, big.mark = ",")
  cat(sprintf("| %s | %s | %s, %s gradients | %.2g +- %.1g | %.1f | %.1f | %.3f | %.3f |\n", label, big(length(fit$guide$loc)), fit$status,
              big(fit$gradient_evaluations), fit$gap, fit$gap_se, ours, theirs, off, apart))
}

cat("| rows | d | fit | gap, nats | fullrank, s | lmer, s | off | sds |\n|---|---|---|---|---|---|---|---|\n")
all <- lme4::InstEval
row("the first 2,000", droplevels(all[1:2000, ]))
row("the first 10,000", droplevels(all[1:10000, ]))
set.seed(1)
row("10,000 at random", droplevels(all[sample(nrow(all), 10000), ]))
