"""The texts of the course, one module for each data set, and fastai's loaders of any texts."""
