lower_censored <- function(low, response, dist) stop("not yet")
limit_log_lik <- function(out, ...) out
