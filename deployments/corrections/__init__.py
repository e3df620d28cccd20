"""What was learned online, in a feed server: it corrects what the ranker predicts."""
