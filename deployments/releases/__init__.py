"""Releases in a feed server: one that is live, one on trial beside it, and how both are exchanged under requests."""
