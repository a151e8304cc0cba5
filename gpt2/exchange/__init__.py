"""Weights that come in from, and go out to, the formats of Hugging Face's transformers.

    layouts.py     which models have such a format, and what its tensors are called
    config.py      config.json, both ways
    fit.py         what differs between a folder and our configuration, and what to set
    source.py      what can be refused before anything is made
    folder.py      the tensors of a folder, as data that may be hostile
    published.py   OpenAI's four models, from the hub or a mirror
    initial.py     INIT_FROM: a run begins with weights from elsewhere
    write.py       an export, whole or not at all
    tokens.py      the tokenizer's files of an export
    card.py        the page for people in an export

Only safetensors: a file of pickles can run code when it is read.
"""
