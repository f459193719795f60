"""Where questions go: keys of vendors, targets of models, and the state of all targets."""
