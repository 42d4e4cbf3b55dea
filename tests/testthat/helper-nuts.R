# The models whose posteriors were sampled by long NUTS runs (tools/nuts.R): data, formula, and the priors that both sides have.

nuts_models <- list(
  linear = list(formula = mpg ~ wt + hp + factor(cyl), family = "gaussian", prior = list(Intercept ~ normal(20, 10), b ~ normal(0, 5), sigma ~ exponential(0.2))),
  logistic = list(formula = case ~ spontaneous + induced + age + parity, family = "binomial", prior = list(Intercept ~ normal(0, 2.5), b ~ normal(0, 2))),
  logistic_factors = list(formula = cbind(ncases, ncontrols) ~ agegp + tobgp + alcgp, family = "binomial", prior = list(Intercept ~ normal(0, 10), b ~ normal(0, 10))),
  poisson = list(formula = breaks ~ wool * tension, family = "poisson", prior = list(Intercept ~ normal(0, 5), b ~ normal(0, 1))),
  negbinomial = list(formula = y ~ lbase * trt + lage + V4, family = "negbinomial", prior = list(Intercept ~ normal(0, 2.5), b ~ normal(0, 1), shape ~ exponential(0.5))),
  gaussian_groups = list(formula = Reaction ~ Days + (Days || Subject), family = "gaussian",
                         prior = list(Intercept ~ normal(300, 100), b ~ normal(0, 20), sigma ~ exponential(0.02), sd_Subject ~ exponential(1 / sigma))),
  logistic_groups = list(formula = cbind(incidence, size - incidence) ~ period + (1 | herd), family = "binomial",
                         prior = list(Intercept ~ normal(0, 2.5), b ~ normal(0, 2), sd_herd ~ exponential(1))),
  binary_groups = list(formula = y ~ trt + late + (1 | ID), family = "binomial", prior = list(Intercept ~ normal(0, 10), b ~ normal(0, 10), sd_ID ~ exponential(1))),
  poisson_groups = list(formula = TICKS ~ YEAR + height + (1 | BROOD) + (1 | LOCATION), family = "poisson",
                        prior = list(Intercept ~ normal(0, 2.5), b ~ normal(0, 1), sd ~ exponential(1))),
  poisson_slopes = list(formula = y ~ lbase * trt + lage + (time || subject), family = "poisson", prior = list(Intercept ~ normal(0, 2.5), b ~ normal(0, 1), sd_subject ~ exponential(1))),
  beta = list(formula = examined ~ Agriculture + Education + Catholic, family = "beta", prior = list(Intercept ~ normal(0, 2.5), b ~ normal(0, 5), phi ~ exponential(0.05))),
  ordinal = list(formula = Sat ~ Infl + Type + Cont, family = "cumulative", prior = list(b ~ normal(0, 1), cutpoints ~ ordered(normal(0, 2)))),
  ordinal_groups = list(formula = resp ~ btype + mode + (1 | id), family = "cumulative", prior = list(b ~ normal(0, 1), cutpoints ~ ordered(normal(0, 2)), sd_id ~ exponential(1)))
)

nuts_data <- function(name) {
  switch(name,
    linear = mtcars,
    logistic = infert,
    logistic_factors = esoph,
    poisson = warpbreaks,
    negbinomial = , poisson_slopes = transform(MASS::epil, lbase = log(base / 4), lage = log(age), time = period - 2.5, subject = factor(subject)),
    gaussian_groups = lme4::sleepstudy,
    logistic_groups = lme4::cbpp,
    binary_groups = transform(MASS::bacteria, late = week > 2),
    poisson_groups = transform(lme4::grouseticks, height = (HEIGHT - mean(HEIGHT)) / 100),
    beta = transform(swiss, examined = Examination / 100, Agriculture = Agriculture / 100, Education = Education / 100, Catholic = Catholic / 100),
    ordinal = MASS::housing[rep(seq_len(nrow(MASS::housing)), MASS::housing$Freq), ],
    ordinal_groups = transform(subset(lme4::VerbAgg, as.integer(id) <= 40), resp = factor(resp, ordered = TRUE))
  )
}
