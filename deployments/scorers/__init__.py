"""Scorers: from a cheap first order to the utility that a feed maximises."""
