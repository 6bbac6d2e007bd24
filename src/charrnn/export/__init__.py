"""A trained model for use without this package: a page, an ES module, or arrays."""

from charrnn.export.export import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "export"]
