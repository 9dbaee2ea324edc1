"""Searches on a cluster of dask: data that outlive the workers that hold them."""

from typing import Any

from sklearn_regkd.out_of_core.worker import hold_value


def resilient_client(client: Any) -> Any:
    """Return a client through which joblib's data survive the death of any worker.

    joblib puts the rows and the folds of a search on one worker, from which the others copy
    them. If that one dies before they did, the search is lost. Here the scheduler keeps how
    to get them, which costs it the memory of one copy.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster. It is not changed.

    Returns
    -------
    object
        For ``joblib.parallel_config(backend="dask", client=resilient_client(client))``.

    Examples
    --------
    >>> from distributed import Client  # doctest: +SKIP
    >>> from joblib import parallel_config  # doctest: +SKIP
    >>> from sklearn_regkd.out_of_core import resilient_client
    >>> with Client(n_workers=3) as client:  # doctest: +SKIP
    ...     with parallel_config(backend="dask", client=resilient_client(client)):
    ...         search.fit(X, y)
    """
    return _ResilientClient(client)


class _ResilientClient:
    def __init__(self, client: Any):
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def _submit(self, data: Any) -> Any:
        return self._client.submit(hold_value, data, pure=False)

    def scatter(self, data: Any, asynchronous: bool = False, **params: Any) -> Any:
        if asynchronous:  # joblib does so for each large argument of a task
            return self._submit(data)
        return self._client.scatter(data, **params)
