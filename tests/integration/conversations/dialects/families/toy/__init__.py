"""A family of one route: `POST /toy` with `{"say": "…"}`, answered as `{"toy": "…"}` or by events of one delta each."""

NAME = "toy"
