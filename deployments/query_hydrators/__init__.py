"""Query hydrators: what stores know of the user who asks."""
