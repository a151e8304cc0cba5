"""The feed: texts tokenised in their order by several threads, and again from any place."""

import json
import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from gpt2.datasets.documents import Chunk, Documents
from gpt2.datasets.feed import BEGINNING, Feed, Place
from tests.gpt2.datasets.streams import (
    EOT,
    Texts,
    WithEndOfText,
    anywhere,
    texts,
    tokens_of,
)


@anywhere
@given(texts, st.integers(1, 5), st.lists(st.integers(1, 9), min_size=1, max_size=40), st.data())
def test_a_feed_goes_on_from_any_place(texts, size, reads, data):
    tokens = tokens_of(texts)
    feed = Feed(Texts(texts, size), WithEndOfText(), BEGINNING, 2)
    places, seen = [(feed.place, 0)], []
    for count in reads:
        seen += feed.read(count).tolist()
        places.append((feed.place, len(seen)))
    feed.close()
    assert seen == tokens[: len(seen)]
    place, done = data.draw(st.sampled_from(places))
    place = Place(*json.loads(json.dumps(place)))
    again = Feed(Texts(texts, size), WithEndOfText(), place, 1)
    assert again.place == place
    rest = []
    while more := again.read(5).tolist():
        rest += more
    assert rest == tokens[done:]


def test_a_place_before_anything_is_read_is_the_one_given():
    feed = Feed(Texts(["abc"]), WithEndOfText(), Place(0, 0, 2), 1)
    assert feed.place == Place(0, 0, 2)
    assert feed.read(9).tolist() == [*b"bc"]


def test_several_threads_tokenise_and_the_order_stays():
    class Slow(WithEndOfText):
        def encode(self, text):
            time.sleep(0.002 if int(text) % 3 else 0.02)
            names.add(threading.current_thread().name)
            return super().encode(text)

    names = set()
    texts = [str(number) for number in range(100, 160)]
    feed = Feed(Texts(texts, 1), Slow(), BEGINNING, 4)
    seen = []
    while more := feed.read(3).tolist():
        seen += more
    assert seen == tokens_of(texts)
    assert len(names) > 1
    assert threading.current_thread().name not in names


def test_only_a_little_is_read_ahead():
    taken = []

    class Endless(Documents):
        def chunks(self, position):
            for number in range(10_000):
                taken.append(number)
                yield Chunk(number, ["text"], [True])

    feed = Feed(Endless(), WithEndOfText(), BEGINNING, 2)
    feed.read(1)
    assert len(taken) <= 6
    feed.close()


def test_nothing_dear_is_begun_before_it_is_needed():
    begun = []

    class Dear(Documents):
        def chunks(self, position):
            for number in range(3):
                yield Chunk(number, [], [])
                begun.append(number)
                yield Chunk(number, ["abc"], [True])

    feed = Feed(Dear(), WithEndOfText(), BEGINNING, 2)
    assert feed.read(4).tolist() == [EOT, *b"abc"]
    assert begun == [0]
    assert feed.read(1).tolist() == [EOT]
    assert begun == [0, 1]
    feed.close()
