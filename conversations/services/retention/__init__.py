"""What is deleted by age: the kinds of rows, and how one batch of them goes."""
