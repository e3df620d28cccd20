"""Pure array functions of the hot path: Numba kernels, each beside the NumPy twin that is its test oracle."""
