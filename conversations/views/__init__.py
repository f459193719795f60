"""HTTP only: authenticate, validate, one service call, render. One folder a family, the same files in each."""
