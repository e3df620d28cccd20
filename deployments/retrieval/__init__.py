"""The index in shards: what a shard owns and finds, and how a feed server asks all of them at once."""
