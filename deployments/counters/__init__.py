"""Live counters: what people do with posts, as each feed server knows it a moment later."""
