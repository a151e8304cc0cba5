"""The generated table of docs/data.md: what is known of each published corpus."""

from gpt2.datasets import CORPORA
from gpt2.datasets.hub import HubCorpus, write_rounded
from lib.cli import ROOT
from scripts.docs.tables import code, table

PAGE = ROOT / "docs" / "data.md"


def contents() -> dict[str, str]:
    """By place of the page, its table."""
    published = {
        name: corpus.published for name, corpus in CORPORA.items() if isinstance(corpus, HubCorpus)
    }
    rows = (
        (
            code(name),
            code(facts.repository),
            code(facts.revision[:12]),
            f"{facts.documents:,}",
            write_rounded(facts.tokens),
            f"{facts.download_bytes / 1e9:.3g} GB",
            "the published split" if facts.validation else "the head of the text",
            "here" if facts.files else "asked for",
            facts.licence,
        )
        for name, facts in published.items()
    )
    header = ("corpus", "repository on the Hub", "commit", "documents", "tokens", "to fetch")
    return {"corpora": table((*header, "validation", "digests", "licence"), rows)}
