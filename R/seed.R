# Random numbers are counter-based: a draw depends on seed, stream, step, particle and coordinate alone.

# Streams of src/core/rng.h.
streams <- c(step = 0L, check = 1L, draws = 2L, prior = 3L, predict = 4L, init = 5L, fit = 6L)

# A given seed leaves R's generator alone; NULL draws one from it, so that set.seed() governs.
resolve_seed <- function(seed) {
  if (is.null(seed)) return(floor(stats::runif(1L) * 2^31))
  check_number(seed, "seed", 0, 2^53, whole = TRUE)
}

# n standard normal vectors, one a row.
draw_eps <- function(n, d, seed, stream = "draws", step = 0) {
  .Call(fullrank_normals, seed, streams[[stream]], as.double(step), 0, as.integer(n), as.integer(d))
}
