"""Servers of the same pipeline that `cascade bench compare` measures in turn, each a program in a file of its own."""
