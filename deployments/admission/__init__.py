"""Which requests a feed server takes, in which order it answers them, and with how many candidates."""
