"""Arithmetic of counts."""


def ceil_div(n: int, by: int) -> int:
    """Return a quotient of integers, rounded up.

    Examples
    --------
    >>> from sklearn_regkd.utils.arithmetic import ceil_div
    >>> ceil_div(7, 2), ceil_div(6, 2), ceil_div(0, 2)
    (4, 3, 0)
    """
    return -(-n // by)
