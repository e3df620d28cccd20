"""The HTTP face: routes, answers to bad requests, and the OpenAPI document."""
