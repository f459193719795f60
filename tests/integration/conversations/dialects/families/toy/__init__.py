"""A family of one route: `POST /toy?key=…` with `{"say": "…"}`, answered as `{"toy": "…"}` or by events of one delta
each."""

NAME = "toy"
