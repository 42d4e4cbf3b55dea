lower_censored <- function(low, response, dist) stop("not yet")
