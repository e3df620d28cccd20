"""Why a feed is as it is: what is kept of each request, and what is told of it when somebody asks."""
