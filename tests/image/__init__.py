"""The image, built without a registry and run as Docker would: `make image-test`."""
