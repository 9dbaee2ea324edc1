"""The data set CMU Multi-PIE: images of faces, and their landmarks."""

import re
import warnings
from collections.abc import Sequence
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sklearn_regkd.datasets.lazy_images import LazyImages
from sklearn_regkd.datasets.matlab import read_matlab

# Where the labels and the pictures of a release are, below the folder that holds both.
LABELS = (Path("MPie_Labels", "labels"), Path("labels"))
PICTURES = (Path("data"), Path("Multi-Pie", "data"), Path("Multi-PIE", "data"))
LABEL_NAME = re.compile(r"(\d+)_(\d+)_(\d+)_(\d{3})_(\d+)_lm\.mat")
FORMATS = {".png", ".jpg", ".jpeg"}
SOURCE = (
    "This library downloads nothing: CMU licenses Multi-PIE (search for 'CMU Multi-PIE Face "
    "Database'), the landmarks come with it as 'MPie_Labels'; pass the folder that holds "
    "'MPie_Labels/labels' and 'data'"
)


def load_multipie(
    folder: str | PathLike,
    *,
    n_points: int = 68,
    cameras: Sequence[str] | None = None,
    lights: Sequence[int] | None = None,
) -> Bunch:
    """Read the faces and landmarks of CMU Multi-PIE from a folder.

    The data set is that of [1]_. One picture of each session, subject, recording and camera was
    marked. Nobody moved while the flashes went off, so that its landmarks hold for the pictures in
    all other lights as well: each of them is a row here.

    Parameters
    ----------
    folder : str or path
        Holds the labels, ``MPie_Labels/labels/CCC/SSS_NN_RR_CCC_LL_lm.mat`` (subject, session,
        recording, camera, light), and the pictures,
        ``data/sessionNN/multiview/SSS/RR/CC_C/SSS_NN_RR_CCC_LL.png``.
    n_points : int, default=68
        Faces with so many landmarks are taken, all others are left out: 68 from the front and
        half from the side, 39 in profile.
    cameras : sequence of str, default=None
        Which cameras, ``"051"`` or ``"05_1"`` for the one in front. None means all.
    lights : sequence of int, default=None
        Which lights, from 0 to 19. None means all that there are pictures of.

    Returns
    -------
    sklearn.utils.Bunch
        With these arrays, of one row for each picture:

        - ``images``: LazyImages of shape (n_samples, 3, height, width), uint8, red, green and
          blue: ``images[rows]`` reads those (with Pillow). As the camera hung: those of 08_1 and
          19_1 hang upside down;
        - ``y``: ndarray of shape (n_samples, 2 * n_points), in pixels as in the files: x and y of
          the first landmark, of the second, and so on;
        - ``groups``: ndarray of str, the subject, for splits by person;
        - ``session``, ``recording``, ``camera``: ndarrays of str; ``light``: ndarray of int;
        - ``filenames``: ndarray of str, the pictures;

        and ``n_left_out``, int, the label files with another number of landmarks.

    Raises
    ------
    FileNotFoundError
        If there are no labels or no pictures. Nothing is downloaded.
    ValueError
        If a label file is damaged or not what it should be (it is named), or nothing is left of
        what was asked for.
    ImportError
        If Pillow is not installed.

    Warns
    -----
    UserWarning
        If there are labels without a picture; they are left out.

    References
    ----------
    .. [1] R. Gross, I. Matthews, J. Cohn, T. Kanade, S. Baker, "Multi-PIE", Image and Vision
       Computing 28(5), 2010.

    Examples
    --------
    >>> from sklearn_regkd.datasets import load_multipie
    >>> try:
    ...     load_multipie("no such folder")
    ... except FileNotFoundError as error:
    ...     print(str(error)[:44])
    no such folder has no MPie_Labels/labels in...
    """
    root = Path(folder)
    labels, pictures = _first(root, LABELS), _first(root, PICTURES)
    wanted = None if cameras is None else {camera.replace("_", "") for camera in cameras}
    rows: list[tuple] = []
    points: list[np.ndarray] = []
    n_labels, n_other, without = 0, 0, []
    for path in sorted(labels.rglob("*_lm.mat")):
        match = LABEL_NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(
                f"{path}: expected a name such as 001_01_01_051_07_lm.mat (subject, session, "
                "recording, camera, light)"
            )
        subject, session, recording, camera, _ = match.groups()
        if wanted is not None and camera not in wanted:
            continue
        n_labels += 1
        marked = _read_points(path)
        if len(marked) != n_points:
            n_other += 1
            continue
        found = _pictures_of(pictures, match.groups())
        if not found:
            without.append(path)
        for light, picture in found:
            if lights is None or light in lights:
                rows.append((subject, session, recording, camera, light, str(picture)))
                points.append(marked.ravel())
    if without:
        warnings.warn(
            f"{len(without)} label files have no picture below {pictures} and are left out (the "
            f"first: {without[0]})",
            stacklevel=2,
        )
    if not rows:
        if not n_labels and wanted is None:
            raise FileNotFoundError(f"{labels} holds no labels (*_lm.mat). {SOURCE}")
        raise ValueError(
            f"nothing is left of {folder}: {n_labels} label files of cameras={cameras}, of which "
            f"{n_other} have not n_points={n_points} landmarks and {len(without)} no picture; "
            f"lights={lights}"
        )
    names = ("groups", "session", "recording", "camera", "light", "filenames")
    columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    files = columns["filenames"]
    shape = _size_of(files[0])
    images = LazyImages(partial(_read_picture, files, shape), np.arange(len(files)), shape)
    return Bunch(images=images, y=np.stack(points), n_left_out=n_other, **columns)


def _first(root: Path, places: tuple[Path, ...]) -> Path:
    for place in places:
        if (root / place).is_dir():
            return root / place
    raise FileNotFoundError(f"{root} has no {places[0].as_posix()} in it. {SOURCE}")


def _read_points(path: Path) -> np.ndarray:
    """Return the landmarks of a label file, (n_points, 2)."""
    content = read_matlab(path, ["pts"])
    if "pts" not in content:
        raise ValueError(f"{path} holds no landmarks: it has no variable 'pts'")
    points = content["pts"]
    if (
        not isinstance(points, np.ndarray)
        or points.dtype.kind not in "fiu"
        or points.ndim != 2
        or points.shape[1] != 2
        or not np.isfinite(points).all()
    ):
        raise ValueError(
            f"{path}: pts must be finite numbers of shape (n_points, 2), got shape "
            f"{np.shape(points)}"
        )
    return points.astype(np.float64)


def _pictures_of(base: Path, name: tuple[str, ...]) -> list[tuple[int, Path]]:
    """Return light and path of all pictures that share a label file."""
    subject, session, recording, camera, _ = name
    folder = base / f"session{session}" / "multiview" / subject / recording
    folder /= f"{camera[:2]}_{camera[2:]}"
    stem = f"{subject}_{session}_{recording}_{camera}_"
    found = []
    for path in sorted(folder.glob(f"{stem}*")):
        light = path.stem.removeprefix(stem)
        if path.suffix.lower() in FORMATS and light.isdigit():
            found.append((int(light), path))
    return found


def _open(path: str):
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("pictures are read with Pillow: pip install pillow") from error
    try:
        return Image.open(path)
    except OSError as error:
        raise ValueError(f"{path} is not a picture that can be read: {error}") from error


def _size_of(path: str) -> tuple[int, int, int]:
    with _open(path) as picture:  # reads the size only
        return 3, picture.height, picture.width


def _read_picture(
    files: np.ndarray, shape: tuple[int, ...], file: int, rows: np.ndarray
) -> np.ndarray:
    with _open(files[file]) as picture:
        try:
            pixels = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
        except (OSError, SyntaxError) as error:
            raise ValueError(f"{files[file]} is damaged: {error}") from error
    if pixels.shape != shape:
        raise ValueError(
            f"{files[file]} has height and width {pixels.shape[1:]}, the first picture {shape[1:]}"
        )
    return np.broadcast_to(pixels, (len(rows), *shape))
