"""One module for each data set of the catalogue, with its `load` function."""
