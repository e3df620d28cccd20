import json

import pytest

from cluster.errors import InvalidField
from cluster.posts import NewPost, Post, changed, decode_post, encode_post, parse_change, parse_post, published
from kernels.columns import CONTENT_DIM

NOW = 1_700_000_000_000
VECTOR = [0.5] * CONTENT_DIM


def body(**fields) -> bytes:
    return json.dumps({"post_id": 1, "author_id": 2, **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"kind": "hologram"}, "kind", "video, photo, carousel, text, live, ad"),
        ({"embedding": [0.1] * 31}, "embedding", "32"),
        ({"embedding": [0.1] * 33}, "embedding", "32"),
        ({"embedding": [0.1] * 31 + [1e39]}, "embedding[31]", "finite"),
        ({"embedding": [0.1] * 31 + ["x"]}, "embedding[31]", "float"),
        ({"duration_ms": -1}, "duration_ms", ">= 0"),
        ({"post_id": 2**63}, "post_id", ""),
        ({"author_id": None}, "author_id", "int"),
        ({"tags": "sea"}, "tags", "array"),
        ({"colour": "red"}, "colour", "unknown field"),
        ({"moderation": "perhaps"}, "moderation", "perhaps"),
    ],
)
def test_a_bad_post_is_told_its_field(fields, field, said):
    with pytest.raises(InvalidField) as error:
        parse_post(body(**fields))
    assert error.value.field == field
    assert said in str(error.value)
    if "post_id" not in fields and fields.get("author_id", 0) is not None:
        with pytest.raises(InvalidField, match=field.split("[")[0]):
            parse_change(json.dumps(fields).encode())


def test_numbers_that_are_none_are_no_json():
    with pytest.raises(InvalidField, match="NaN and Infinity are not"):
        parse_post(body(embedding=[float("nan")] * 32))


def test_what_is_left_out_is_unknown_and_a_new_post_is_published_now():
    post = published(parse_post(body(caption="By the sea", tags=["sea", "sun"], kind="photo")), None, NOW)
    assert (post.created_ms, post.caption_length, post.hashtags, post.kind) == (NOW, 10, 2, "photo")
    assert (post.topic, post.duration_ms, post.embedding, post.shown) == (None, None, None, True)
    assert published(parse_post(body(caption_length=7, hashtags=3)), None, NOW).caption_length == 7


def test_publishing_again_keeps_date_and_moderation_and_replaces_the_rest():
    first = Post(post_id=1, author_id=2, created_ms=5, topic="sea", moderation="removed")
    again = published(NewPost(post_id=1, author_id=3), first, NOW)
    assert (again.author_id, again.created_ms, again.topic, again.moderation) == (3, 5, None, "removed")
    assert published(NewPost(post_id=1, author_id=3, moderation="ok"), first, NOW).shown
    gone = Post(post_id=1, author_id=2, created_ms=5, moderation="removed", deleted=True)
    back = published(NewPost(post_id=1, author_id=3), gone, NOW)
    assert (back.created_ms, back.shown) == (NOW, True)


def test_a_change_changes_what_it_names():
    post = Post(post_id=1, author_id=2, created_ms=5, caption="sea", caption_length=3, topic="sea", duration_ms=9)
    told = changed(parse_change(b'{"caption": "mountain", "topic": null, "moderation": "removed"}'), post)
    assert (told.caption_length, told.topic, told.duration_ms, told.shown) == (8, None, 9, False)
    assert changed(parse_change(b'{"caption": null}'), post).caption_length == 0
    assert changed(parse_change(b'{"caption": null, "caption_length": 4}'), post).caption_length == 4
    assert changed(parse_change(b'{"hashtags": null}'), post).hashtags == 0
    assert changed(parse_change(b"{}"), post) == post


def test_an_embedding_that_was_encoded_goes_with_its_text_and_one_that_was_sent_stays():
    encoded = Post(post_id=1, author_id=2, created_ms=5, caption="sea", embedding=VECTOR, encoder="module:Class")
    sent = Post(post_id=1, author_id=2, created_ms=5, caption="sea", embedding=VECTOR)
    new_text, new_kind = parse_change(b'{"caption": "sun"}'), parse_change(b'{"kind": "video"}')
    assert changed(new_text, encoded).embedding is None
    assert changed(new_kind, encoded).embedding == VECTOR
    assert changed(new_text, sent).embedding == VECTOR
    given = changed(parse_change(json.dumps({"embedding": [1.0] * 32}).encode()), encoded)
    assert (given.embedding, given.encoder) == ([1.0] * 32, None)


def test_a_record_comes_back():
    post = Post(post_id=2**63 - 1, author_id=2, created_ms=NOW, tags=["晚霞"], embedding=VECTOR, moderation="removed")
    assert decode_post(encode_post(post)) == post
