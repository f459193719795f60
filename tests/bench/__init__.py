"""`make bench`: what a turn costs. The service, an upstream and a load generator, in processes of their own."""
