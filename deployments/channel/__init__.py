"""A private channel between replicas: questions and answers as flat bytes over TCP, many at once on one connection."""
