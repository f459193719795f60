"""The headers that pages of other origins may send and read. A browser passes no others on."""

# Of OpenAI's SDK: each of its requests has most of these.
_SDK = (
    *("openai-beta", "openai-organization", "openai-project"),
    *("x-stainless-arch", "x-stainless-lang", "x-stainless-os", "x-stainless-package-version"),
    *("x-stainless-runtime", "x-stainless-runtime-version", "x-stainless-retry-count", "x-stainless-timeout"),
    *("x-stainless-helper-method", "x-stainless-poll-helper", "x-stainless-custom-poll-interval"),
    # Firefox lets it be set, so it asks for it.
    "user-agent",
)
# Of AceData's front end (docs/contract B.1).
_ACE = ("x-record-exempt", "x-site-origin")
# `*` would not stand for `authorization`.
REQUEST_HEADERS = (
    *("accept", "authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "last-event-id"),
    *("x-conversation-id", "x-dry-run", "x-max-cost", "x-on-busy"),
    *_SDK,
    *_ACE,
)
RESPONSE_HEADERS = (
    *("allow", "etag", "idempotent-replayed", "retry-after", "retry-after-ms", "x-conversation-id", "x-run-id"),
    *("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    *("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    *("openai-processing-ms", "openai-version", "x-request-id", "x-should-retry"),
)
