"""From data to a release: data sets, features, models, evaluation, on Ray Data and Ray Train."""
