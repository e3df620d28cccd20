"""The inspector: a page that shows a feed as people would see it, and why it is so. Static files, which ask the API."""
