import pytest

from conversations import errors
from conversations.rules.runs import upstream_errors
from providers import errors as upstream


def descendants(cls: type[upstream.ProviderError]) -> set[type[upstream.ProviderError]]:
    return {cls for child in cls.__subclasses__() for cls in (child, *descendants(child))}


@pytest.mark.parametrize(
    ("raised", "meaning"),
    [
        (upstream.UpstreamUnreachable, errors.UpstreamFailed),
        (upstream.UpstreamUnavailable, errors.UpstreamFailed),
        (upstream.UpstreamRateLimited, errors.UpstreamOverloaded),
        (upstream.UpstreamCut, errors.UpstreamFailed),
        (upstream.UpstreamTimeout, errors.UpstreamTimedOut),
        (upstream.UpstreamGarbled, errors.UpstreamFailed),
        (upstream.UpstreamAuthFailed, errors.UpstreamAuthRefused),
        (upstream.UpstreamRejected, errors.UpstreamRefused),
        (upstream.ContextTooLong, errors.ContextLengthExceeded),
        (upstream.RequestTooLarge, errors.BodyTooLarge),
        (upstream.ModelNotFound, errors.ModelNotFound),
        (upstream.ContentRefused, errors.ContentRefused),
        (upstream.UpstreamForbidden, errors.UpstreamForbidden),
        (upstream.RegionRefused, errors.UpstreamForbidden),
        (upstream.CallAborted, errors.InternalError),
    ],
)
def test_every_upstream_error_means_one_of_ours(
    raised: type[upstream.ProviderError], meaning: type[errors.ParleyError]
) -> None:
    assert type(upstream_errors.translate(raised("the vendor's words"))) is meaning


def test_no_upstream_error_is_without_a_meaning() -> None:
    assert upstream_errors.MEANINGS.keys() == descendants(upstream.ProviderError)


REJECTIONS = {upstream.UpstreamRejected} | descendants(upstream.UpstreamRejected)


@pytest.mark.parametrize("raised", sorted(REJECTIONS, key=str))
def test_the_caller_reads_the_vendors_words_about_his_own_request(raised: type[upstream.ProviderError]) -> None:
    error = upstream_errors.translate(raised("temperature must be at most 2", param="temperature"))

    assert (error.message, error.param) == ("temperature must be at most 2", "temperature")


@pytest.mark.parametrize(
    "raised",
    sorted(descendants(upstream.ProviderError) - REJECTIONS, key=str),
)
def test_and_about_nothing_else(raised: type[upstream.ProviderError]) -> None:
    error = upstream_errors.translate(raised("key sk-123 of org-9 at 10.0.0.7"))

    assert error.message == type(error).default_message


def test_an_overloaded_vendors_advice_to_wait_is_passed_on() -> None:
    assert upstream_errors.translate(upstream.UpstreamRateLimited("slow down", retry_after=7.5)).retry_after == 7.5
