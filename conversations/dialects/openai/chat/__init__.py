"""`/v1/chat/completions`: what is asked, and how it is answered or streamed."""
