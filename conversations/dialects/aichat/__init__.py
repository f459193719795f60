"""AceData v1, `POST /aichat/conversations`: docs/contract, section A."""

NAME = "aichat"
