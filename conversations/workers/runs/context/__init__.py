"""What a turn's model is shown besides the conversation: each module finds sources of one kind."""
