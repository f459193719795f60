"""What is printed once the service is ready."""

from conversations.services.accounts.first_start import ADMIN_USER, FIRST_ACCOUNT, FirstStart

NO_MODEL = "No model is configured: set a vendor's key, such as OPENAI_API_KEY, or ECHO=true"


def text(*, base_url: str, made: FirstStart, is_key_given: bool, seconds: float, model: str) -> str:
    """The address, the secrets that were just made, and a command to paste. A key from the settings is never printed.

    `model` is the one to ask; "" when none is configured.
    """
    lines = [f"Parley is ready at {base_url} after {seconds:.1f} s", ""]
    if not made.api_key and not is_key_given:
        lines.append(f"  API key  made on the first start; for another: manage.py create_key --account {FIRST_ACCOUNT}")
    lines += [*secrets(made), f"  Admin    {base_url}/admin/ as {ADMIN_USER}", ""]
    if not model:
        return "\n".join([*lines, NO_MODEL, ""])
    key = made.api_key or "$PARLEY_API_KEY"
    return "\n".join([*lines, "Ask it something:", "", f"  {curl(base_url=base_url, key=key, model=model)}", ""])


def secrets(made: FirstStart) -> list[str]:
    """A line for each secret that was just made. Only hashes are stored, so they cannot be shown again."""
    lines = []
    if made.api_key:
        lines.append(f"  API key  {made.api_key}  (shown this once)")
    if made.admin_password:
        lines.append(f"  Password {made.admin_password}  (of {ADMIN_USER}, shown this once)")
    return lines


def curl(*, base_url: str, key: str, model: str) -> str:
    """A command that works as pasted. The double quotes let the shell insert $PARLEY_API_KEY."""
    body = f'{{"model": "{model}", "question": "Hello, Parley"}}'
    return (
        f"curl '{base_url}/aichat/conversations' -H \"Authorization: Bearer {key}\""
        f" -H 'Content-Type: application/json' -d '{body}'"
    )
