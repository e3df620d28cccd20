"""What the feed server does for those who ask, by whatever protocol: requests as JSON bytes, answers as structs."""
