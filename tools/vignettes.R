# Builds the vignettes against the installed package, into the folder given.
#
#   Rscript tools/vignettes.R FOLDER

folder <- commandArgs(TRUE)[1]
for (file in Sys.glob("vignettes/*.Rmd")) {
  rmarkdown::render(file, output_dir = folder, intermediates_dir = folder, quiet = TRUE, envir = new.env())
  cat(file.path(folder, sub("Rmd$", "html", basename(file))), "\n")
}
