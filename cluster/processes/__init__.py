"""The processes of `cascade up`: what runs, and how all of it is stopped."""
