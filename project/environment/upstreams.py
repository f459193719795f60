"""Whom Parley asks, with which keys: vendors of models, and engines that search the web."""

from project.environment import checks
from project.environment.setting import Setting

_HTTP_URL = checks.url("http", "https")

UPSTREAMS: tuple[Setting, ...] = (
    Setting("OPENAI_API_KEY", str, "", "Key for OpenAI; several, comma-separated, share its questions"),
    Setting("OPENAI_BASE_URL", str, "", "Other address for OpenAI's API, with its `/v1`", check=_HTTP_URL),
    Setting("DEEPSEEK_API_KEY", str, "", "Key for DeepSeek; several, comma-separated, share its questions"),
    Setting("DEEPSEEK_BASE_URL", str, "", "Other address for DeepSeek's API", check=_HTTP_URL),
    Setting("XAI_API_KEY", str, "", "Key for xAI (Grok); several, comma-separated, share its questions"),
    Setting("XAI_BASE_URL", str, "", "Other address for xAI's API", check=_HTTP_URL),
    Setting("ZAI_API_KEY", str, "", "Key for Z.ai (GLM); several, comma-separated, share its questions"),
    Setting("ZAI_BASE_URL", str, "", "Other address for Z.ai's API", check=_HTTP_URL),
    Setting("OPENROUTER_API_KEY", str, "", "Key for OpenRouter; several, comma-separated, share its questions"),
    Setting("OPENROUTER_BASE_URL", str, "", "Other address for OpenRouter's API", check=_HTTP_URL),
    Setting("OLLAMA_BASE_URL", str, "", "Address of an Ollama server's API, with its `/v1`", check=_HTTP_URL),
    Setting("ECHO", bool, True, "Whether there is the built-in model `echo`, which answers with what it received"),
    Setting(
        "DEFAULT_VENDOR",
        str,
        "",
        "Vendor that gets model names outside the catalogue; empty refuses them",
        check=checks.vendor,
    ),
    Setting(
        "SEARXNG_URL", str, "", "Address of a SearXNG whose JSON format is on: it searches the web", check=_HTTP_URL
    ),
    Setting("BRAVE_API_KEY", str, "", "Key for Brave Search, which searches the web"),
    Setting("BRAVE_BASE_URL", str, "", "Other address for Brave's API", check=_HTTP_URL),
    Setting("TAVILY_API_KEY", str, "", "Key for Tavily, which searches the web"),
    Setting("TAVILY_BASE_URL", str, "", "Other address for Tavily's API", check=_HTTP_URL),
    Setting(
        "SEARCH_ENGINE",
        str,
        "",
        "Which engine searches the web where several are configured: searxng, brave or tavily, else the first of them",
        check=checks.search_engine,
    ),
)
