"""`make bench` measures what a turn costs. Service, upstream and load generator are separate processes."""
