"""The models of a release: what each computes, how it is saved, and how serving loads it."""
