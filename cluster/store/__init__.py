"""The online store: the Valkey server that Cascade starts, and the client of any Valkey or Redis."""
