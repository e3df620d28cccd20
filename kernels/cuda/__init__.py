"""Kernels for GPUs (numba-cuda), for batches of requests. They are made of the parts of those for the CPU."""
