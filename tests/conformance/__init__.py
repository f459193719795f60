"""The running service, driven by the real SDKs, each in an environment of its own: `make conformance`."""
