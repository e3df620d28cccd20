"""The bandit over sources in a feed server: what was learned of them, and how one is favoured."""
