"""From a release that was built to one that is live: gates, trials, and the way back."""
