"""What each surface is made of: one list of components a file."""
