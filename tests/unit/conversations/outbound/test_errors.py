from conversations.outbound import errors
from conversations.outbound.errors import OutboundError


def test_the_docstring_draws_the_whole_tree() -> None:
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in OutboundError.__subclasses__())
