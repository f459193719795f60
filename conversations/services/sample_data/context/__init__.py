"""What turns are given besides their messages: tools, files that were read, knowledge bases, and who asks whom."""
