"""Site: the documents that are about all feeds: the index page, the OPML list, and what pages need.

In: listings. Out: documents. What did not change since it was last asked for is not made again, since every publication
asks: there may be thousands of feeds. Writes no files; reads those that an admin puts in the place of feedd's assets.
"""

from collections.abc import Iterable

from msgspec import structs

from feedd.config import Config
from feedd.content.taxonomy import Taxonomy
from feedd.feeds import opml, pages
from feedd.feeds.entry import Document, Listing


class SiteDocuments:
    """Those of one configuration and one taxonomy, which has pages."""

    def __init__(self, config: Config, taxonomy: Taxonomy) -> None:
        self._config, self._taxonomy = config, taxonomy
        self._rows: dict[str, tuple[Listing, bytes]] = {}
        self._listed: list[Listing] = []
        self._opml: Document | None = None

    def assets(self) -> list[Document]:
        """Style sheets, scripts and pictures. Raises RenderError."""
        return pages.assets(self._config)

    def index(self, listings: Iterable[Listing]) -> list[Document]:
        """The page of these feeds. Raises RenderError."""
        return [pages.index_document(self._config, map(self._row, listings))]

    def opml(self, listings: Iterable[Listing]) -> list[Document]:
        """The OPML list of these feeds. Raises RenderError."""
        lasting = list(map(_lasting, listings))
        if self._opml is None or self._listed != lasting:
            self._opml, self._listed = opml.opml_document(self._config, lasting, self._taxonomy), lasting
        return [self._opml]

    def _row(self, listing: Listing) -> bytes:
        known = self._rows.get(listing.name)
        if known is None or known[0] != listing:
            known = self._rows[listing.name] = listing, pages.index_row(listing, self._config)
        return known[1]


def _lasting(listing: Listing) -> Listing:
    """A listing without what changes with every article, which the OPML list does not show."""
    return structs.replace(listing, count=0, whole=True, newest_title="", newest_link="", newest=None)
