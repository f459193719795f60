"""What a run costs, what is reserved for it, and what runs add to usage."""
