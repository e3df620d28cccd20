"""The ranker in a Triton Inference Server: what is put there, and who asks it."""
