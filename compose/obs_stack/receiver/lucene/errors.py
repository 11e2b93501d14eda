"""The one error that a query can have."""

from __future__ import annotations


class LuceneError(ValueError):
    """A query that is not understood.

    Args:
        problem: What is wrong and what to write instead.
        position: Which character it is about, the first being 1; 0 when it is about all of them.
    """

    def __init__(self, problem: str, position: int = 0) -> None:
        super().__init__(f"{problem} (at character {position})" if position else problem)
        self.problem = problem
        self.position = position
