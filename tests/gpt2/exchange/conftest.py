import pytest

from gpt2.exchange.config import read_config
from gpt2.exchange.folder import open_folder
from gpt2.exchange.initial import matched
from gpt2.model import GPT
from tests.gpt2.exchange.models import made


@pytest.fixture
def taken():
    """taken(folder, shape): a model of ours with the weights of a folder."""

    def take(folder, shape) -> GPT:
        # Not zeros to begin with, so that what is left out is noticed.
        model = made(shape, seed=99)
        matched(str(folder), open_folder(folder), read_config(folder), shape)(model)
        return model

    return take
