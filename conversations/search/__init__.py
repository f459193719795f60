"""Web search engines that the operator has configured. Each module is one of them; `call.py` asks it."""
