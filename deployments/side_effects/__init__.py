"""What follows from an answer: noted after the feed is chosen, and never waited for."""
