"""What is printed once the service is ready."""

from conversations.services.accounts.first_start import FirstStart
from project.supervisor import welcome

URL = "http://127.0.0.1:8000"


def test_shows_what_was_just_made_and_a_line_to_paste() -> None:
    made = FirstStart(api_key="sk-new", admin_password="open")

    text = welcome.text(base_url=URL, made=made, is_key_given=False, seconds=3.21, model="echo")

    assert text == (
        "Parley is ready at http://127.0.0.1:8000 after 3.2 s\n"
        "\n"
        "  API key  sk-new  (shown this once)\n"
        "  Password open  (of admin, shown this once)\n"
        "  Admin    http://127.0.0.1:8000/admin/ as admin\n"
        "\n"
        "Ask it something:\n"
        "\n"
        "  curl 'http://127.0.0.1:8000/aichat/conversations' -H \"Authorization: Bearer sk-new\""
        ' -H \'Content-Type: application/json\' -d \'{"model": "echo", "question": "Hello, Parley"}\'\n'
    )


def test_lets_the_shell_fill_in_a_key_that_it_was_given() -> None:
    made = FirstStart(api_key=None, admin_password=None)

    text = welcome.text(base_url=URL, made=made, is_key_given=True, seconds=1.0, model="echo")

    assert '"Authorization: Bearer $PARLEY_API_KEY"' in text
    assert "API key" not in text
    assert "Password" not in text


def test_tells_how_to_get_another_key_when_the_first_was_shown_long_ago() -> None:
    made = FirstStart(api_key=None, admin_password=None)

    text = welcome.text(base_url=URL, made=made, is_key_given=False, seconds=1.0, model="echo")

    assert "API key  made on the first start; for another: manage.py create_key --account default" in text


def test_asks_a_model_that_answers_here() -> None:
    made = FirstStart(api_key="sk-new", admin_password=None)

    with_vendor = welcome.text(base_url=URL, made=made, is_key_given=False, seconds=1.0, model="gpt-4o")
    with_none = welcome.text(base_url=URL, made=made, is_key_given=False, seconds=1.0, model="")

    assert '{"model": "gpt-4o", "question": "Hello, Parley"}' in with_vendor
    assert "curl" not in with_none
    assert with_none.endswith("\n\nNo model is configured: set a vendor's key, such as OPENAI_API_KEY, or ECHO=true\n")
