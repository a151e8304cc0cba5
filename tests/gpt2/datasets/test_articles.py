"""Rows put together to the articles that they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2.datasets.articles import Articles, is_title
from gpt2.datasets.documents import Chunk, Documents
from tests.gpt2.datasets.reading import check_positions, small


@pytest.mark.parametrize(
    ("row", "title"),
    [
        (" = Robert Boulter = \n", True),
        (" = X = \n", True),
        (" = E = mc2 and more = \n", True),
        (" = = Career = = \n", False),
        (" = = = 2000 - 2005 = = = \n", False),
        ("", False),
        (" \n", False),
        (" In 2000 , x = 3 = y . \n", False),
    ],
)
def test_titles_of_articles(row, title):
    assert is_title(row) == title


class Rows(Documents):
    """Rows in chunks of a few; a position is the number of a chunk."""

    def __init__(self, rows, size):
        self.rows = [rows[first : first + size] for first in range(0, len(rows), size)]
        self.released = []

    def chunks(self, position):
        for number in range(position or 0, len(self.rows)):
            yield Chunk(number, self.rows[number], [True] * len(self.rows[number]))

    def release(self, position):
        self.released.append(position)


@small
@given(
    st.lists(st.integers(0, 5), max_size=12), st.integers(1, 7), st.booleans(), st.integers(1, 90)
)
def test_articles_are_their_rows_from_title_to_title(sizes, chunk, has_head, characters):
    articles = [
        [f" = Article {number} = \n", " = = Section = = \n", *[" Some text . \n"] * size]
        for number, size in enumerate(sizes)
    ]
    if has_head:
        articles.insert(0, [" text before any title \n"])
    rows = Rows([row for article in articles for row in article], chunk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpt2.datasets.articles.CHUNK_CHARACTERS", characters)
        check_positions(Articles(rows).chunks, ["".join(article) for article in articles])


def test_articles_let_go_of_rows():
    rows = Rows([" = A = \n"], 1)
    Articles(rows).release([3, 1])
    Articles(rows).release(None)
    assert rows.released == [3, None]
