"""Where to compute."""

import torch


def resolve_device(device: str | torch.device) -> str:
    """Return the device's name; ``"auto"`` is CUDA where there is one, else the CPU.

    Raises
    ------
    ValueError
        If the device's name is unknown, or CUDA is asked for and not there.

    Examples
    --------
    >>> from sklearn_regkd.training.device import resolve_device
    >>> resolve_device("cpu")
    'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device={device!r} is unknown; use 'auto', 'cpu' or 'cuda'") from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device={device!r}, but PyTorch sees no CUDA device; use device='auto' or 'cpu'"
        )
    return str(resolved)
