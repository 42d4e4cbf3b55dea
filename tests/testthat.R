library(testthat)
library(fullrank)

test_check("fullrank")
