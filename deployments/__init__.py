"""The serving pipeline, one folder a stage, and the Ray Serve deployments that host it."""
