"""The gRPC face: the service of `cascade.proto`, in front of the same services as HTTP."""
