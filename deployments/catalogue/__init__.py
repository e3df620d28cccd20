"""The live catalogue: a release's posts, and all that has been published, changed and removed since."""
