"""How the web server reads and ends connections: uvicorn's own protocol, subclassed twice.

`BoundedProtocol` (of uvicorn's `HttpToolsProtocol`) limits how long a client may keep the server waiting.
`StrictHttpProtocol` (of that) parses, and is what uvicorn's option `--http` names. `register` counts the connections of
a process and checks them by one timer, `timeouts` knows the phase and the deadlines of one, `transport` holds what is
given to uvicorn in place of asyncio's transport and of its own flow control.
"""
