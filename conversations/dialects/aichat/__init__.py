"""AceData v1, `POST /aichat/conversations`: api-contract.md, section A."""
