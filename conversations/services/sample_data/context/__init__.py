"""What turns are given besides their messages: tools, files that were read, and knowledge bases."""
