"""The files of the inspector as they are served."""

import asyncio
import re

import pytest

from deployments.inspector.pages import _FOLDER, Pages
from tests.deployments.apis import api_of, http_session

FILES = {path.name: path.read_text() for path in _FOLDER.iterdir()}


def test_every_file_comes_with_a_strict_policy_and_nothing_else_does():
    async def ask() -> None:
        async with http_session(api_of()) as session:
            for path in ("/", *(f"/inspector/{name}" for name in FILES)):
                async with session.get(path) as answer:
                    assert answer.status == 200
                    policy = answer.headers["Content-Security-Policy"]
                    assert "default-src 'none'" in policy
                    assert "unsafe" not in policy
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
                    assert await answer.text() == FILES[path.rpartition("/")[2] or "index.html"]
            for path in ("nothing.js", "..%2Fpages.py", "pages.py", "%2Fetc%2Fpasswd"):
                async with session.get(f"/inspector/{path}") as answer:
                    assert answer.status == 404
                    assert (await answer.json())["error"]["field"] == "path"

    asyncio.run(ask())


@pytest.mark.parametrize("name", sorted(FILES))
def test_files_name_no_other_host_and_only_files_that_are_there(name):
    text = FILES[name]
    hosts = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
    assert not hosts
    assert set(re.findall(r"/inspector/([\w.]+)", text)) <= set(FILES)
    assert set(re.findall(r"from \"\./([\w.]+)\"", text)) <= set(FILES)
    assert "innerHTML" not in text
    assert len(text.splitlines()) < 300


def test_the_page_is_at_the_root():
    assert [path for _, path, _ in Pages().routes] == ["/", "/inspector/{name}"]
