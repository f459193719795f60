"""What a reviewer sees of an answer's sources, on the page of its run and in the transcript."""

import re
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conversations.knowledge.citing import sourcing
from conversations.models import Account, Run
from conversations.services.runs import finish
from conversations.values.context.sources import Sourced
from tests import builders
from tests.builders.texts import sources

pytestmark = pytest.mark.django_db

ODD = replace(sources.NEWS, title="<b>Odd</b>", url="https://news.example/<script>")


def ended(owner: Account, said: Sourced) -> Run:
    run = builders.runs.start(owner)
    report = builders.runs.report(sources.ANSWER)
    assert finish.finish(
        run=builders.runs.claim(run), report=replace(report, ended=replace(report.ended, sourced=said))
    )
    return Run.objects.get(pk=run.pk)


def run_page(admin_client: Client, run: Run) -> str:
    return admin_client.get(reverse("admin:conversations_run_change", args=[run.pk])).content.decode()


def transcript(admin_client: Client, run: Run) -> str:
    page = admin_client.get(reverse("admin:conversations_conversation_change", args=[run.conversation_id]))
    return page.content.decode().split('<section class="transcript"')[1].split("</section>")[0]


def test_both_pages_list_the_sources_with_what_the_answer_cites(admin_client: Client, ann: Account) -> None:
    run = ended(ann, sources.sourced(notes={"search": "off"}))

    on_run, in_transcript = run_page(admin_client, run), transcript(admin_client, run)

    for html in (on_run, in_transcript):
        assert [re.search(rf"\[{number}\]", html) is not None for number in (1, 2, 3)] == [True] * 3
        assert "Manual" in html
        assert "<code>https://fr.example/tower</code>" in html
        assert "Prices of copper fell by nine percent in May. (from character 0)" in html
        assert "(no longer kept) (page 2)" in html
        assert "[7] is no source" in html
        assert "search: off" in html
    assert on_run.count("cited 1×") == 3


def test_nothing_of_a_source_becomes_html_or_a_link(admin_client: Client, ann: Account) -> None:
    run = ended(ann, sourcing.of_answer("Copper [1].", (ODD,), {"search": "<i>x</i>"}))

    for html in (run_page(admin_client, run), transcript(admin_client, run)):
        assert "&lt;b&gt;Odd&lt;/b&gt;" in html
        assert "<b>Odd" not in html
        assert "news.example/<script>" not in html
        assert 'href="https://news.example' not in html
        assert "<i>x</i>" not in html


def test_a_run_without_sources_has_none_on_its_pages(
    admin_client: Client, ann: Account, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = builders.runs.answered(ann)

    with django_assert_max_num_queries(16):
        assert 'aria-label="Sources"' not in transcript(admin_client, run)
    assert "cited" not in run_page(admin_client, run)
