# The models of posteriordb in the language against Stan's log densities and gradients, and against R's own evaluation.

for (name in names(posteriordb_models())) {
  test_that(name, {
    skip_on_cran()
    p <- posteriordb_density(name)
    expect_length(p$order, p$f$dim)
    check <- p$case$density_check
    if (is.null(check)) {
      set.seed(1)
      return(expect_consistent(p$f, points = 2))
    }
    z <- matrix(0, nrow(check$points), p$f$dim)
    z[, p$order] <- check$points
    value <- p$f$fn(z)
    expect_equal(rowSums(p$f$terms(z)), value, tolerance = 1e-11)
    error <- abs((value - value[1L])[-1L] - check$logdensity[-1L]) / pmax(1, abs(check$logdensity[-1L]))
    expect(max(error) < 1e-8, sprintf("log density differs from Stan's by %.3g", max(error)))
    gradient <- p$f$gr(z)[, p$order]
    error <- abs(gradient - check$gradient) / pmax(1, abs(check$gradient))
    expect(max(error) < 1e-7, sprintf("gradient differs from Stan's by %.3g", max(error)))
  })
}
