"""The synthetic world: people, creators, posts, a graph, sessions and behaviour from a known ground truth."""
