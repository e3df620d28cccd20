"""The inspector in a real browser, on a running Cascade."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from tests.deployments.conftest import Served
from tests.deployments.inspector.chromium import CHROMIUM, Page, chromium

pytestmark = [
    pytest.mark.serving,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; install it: apt-get install chromium"),
]

POSTS = 20
LOADED = f"document.querySelectorAll('.card[data-kind]:not([data-kind=post])').length == {POSTS}"
IDS = "[...document.querySelectorAll('.card')].map((card) => Number(card.dataset.post))"


def users(served: Served) -> list[int]:
    """Users with a short history; other tests ask for the most active ones, and erase some."""
    ids, counts = np.unique(served.dataset.read("impressions", ["user_id"])["user_id"].to_numpy(), return_counts=True)
    some = counts >= 20
    found: list[int] = ids[some][np.argsort(counts[some], kind="stable")][:4].tolist()
    return found


def browse(address: str, profile: Path, width: int, steps: Callable[[Page], Awaitable[None]]) -> None:
    async def run() -> None:
        async with chromium(profile) as page:
            await page.open(address, width, 900)
            await page.until(LOADED)
            await steps(page)
            # The browser itself tells of users of whom nothing is stored.
            assert [error for error in page.errors if "404" not in error or "/v1/users/" not in error] == []

    asyncio.run(run())


def text(page: Page, selector: str) -> Awaitable[str]:
    return page.run(f"document.querySelector({selector!r}).textContent")


def test_a_feed_is_shown_with_its_why_and_changes_with_what_the_user_does(served, tmp_path):
    user = users(served)[0]

    async def steps(page: Page) -> None:
        assert f"User {user}" in await text(page, "#history")
        assert await page.run("document.querySelectorAll('.history li').length") > 3
        funnel = await page.run("document.querySelector('.funnel').getAttribute('aria-label')")
        counts = [int(count) for count in re.findall(r"\d+", funnel)]
        assert counts == sorted(counts, reverse=True)
        assert counts[-1] == POSTS
        assert re.search(r"candidates [\d.]+ ms", await page.run("document.querySelector('.times').ariaLabel"))
        assert "rerank" in await text(page, "#request")
        before = await page.run(IDS)
        await page.run("document.querySelectorAll('.card .why')[2].click()")
        why = await text(page, "#why")
        assert f"Post {before[2]}" in why
        assert "What mattered most" in why
        assert await page.run("document.activeElement.id") == "why"
        await page.run("document.querySelectorAll('.card')[2].querySelector('[data-action=like]').click()")
        await page.until(f"document.getElementById('notice').textContent.startsWith('Liked post {before[2]}')")
        await page.until(LOADED)
        after = await page.run(IDS)
        assert before[2] not in after
        assert "like" in await text(page, ".history li")
        await page.run("document.getElementById('more').click()")
        await page.until(f"document.querySelectorAll('.card').length == {2 * POSTS}")
        assert len(set(await page.run(IDS))) == 2 * POSTS
        origins = "[...new Set(performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin))]"
        assert await page.run(origins) == [served.run.http_address]

    browse(f"{served.run.http_address}/?user={user}", tmp_path / "profile", 1440, steps)


def test_it_works_on_a_phone_by_keyboard_and_in_the_dark(served, tmp_path):
    user = users(served)[1]

    async def steps(page: Page) -> None:
        for view in ("why", "request", "user", "feed"):
            await page.run(f"document.querySelector('[data-to={view}]').click()")
            assert await page.run("document.documentElement.scrollWidth") == 390
            shown = "[...document.querySelectorAll('.column')].filter((column) => column.offsetHeight).length"
            assert await page.run(shown) == 1
        sizes = "[...document.querySelectorAll('.card footer button')].map((button) => button.offsetHeight)"
        assert min(await page.run(sizes)) >= 44
        unnamed = "[...document.querySelectorAll('button, input')].filter((one) => !one.labels?.length &&"
        unnamed += " !one.textContent.trim() && !one.ariaLabel).length"
        assert await page.run(unnamed) == 0
        light = await page.run("getComputedStyle(document.body).backgroundColor")
        await page.resize(390, 900, dark=True)
        assert await page.run("getComputedStyle(document.body).backgroundColor") != light
        await page.press("Tab")
        assert await page.run("document.activeElement.className") == "skip"
        await page.run("document.getElementById('user').value = '999999999'")
        await page.run("document.getElementById('user').focus()")
        await page.press("Enter")
        await page.until("document.getElementById('notice').textContent.includes('cold start')")
        assert "Nothing is known of them" in await text(page, "#history")
        await page.run("document.querySelector('.card .why').focus()")
        await page.press("Enter")
        await page.until("document.body.dataset.view == 'why'")

    browse(f"{served.run.http_address}/?user={user}&surface=explore", tmp_path / "profile", 390, steps)
