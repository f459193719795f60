"""The tree in the docstring is the whole tree."""

from conversations.outbound import errors
from conversations.outbound.errors import OutboundError, OutboundFailed, OutboundTimeout


def test_draws_every_error_and_which_can_be_tried_again() -> None:
    kinds = OutboundError.__subclasses__()

    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in kinds)
    assert [kind for kind in kinds if kind.retryable] == [OutboundFailed, OutboundTimeout]
