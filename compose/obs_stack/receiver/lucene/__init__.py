"""Lucene's query language, as far as panels and people use it, as a condition on the store of logs."""

from obs_stack.receiver.lucene.errors import LuceneError
from obs_stack.receiver.lucene.translate import translate

__all__ = ["LuceneError", "translate"]
