"""What a model is shown beside the conversation: sources and what is kept of them, contents, receipts."""
