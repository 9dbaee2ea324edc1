"""The data set MPIIGaze: images of eyes, and their directions of gaze."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation
from sklearn.utils import Bunch

from sklearn_regkd.datasets.gaze import gaze_angles
from sklearn_regkd.datasets.lazy_images import LazyImages
from sklearn_regkd.datasets.matlab import read_matlab

SIDES = ("left", "right")
SUBSETS = ("evaluation", "all")
NORMALIZED = Path("Data", "Normalized")
LISTS = Path("Evaluation Subset", "sample list for eye image")
SOURCE = (
    "This library downloads nothing: get MPIIGaze from the Max Planck Institute for Informatics "
    "(search for 'Appearance-Based Gaze Estimation in the Wild'; CC BY-NC-SA 4.0, for "
    "non-commercial research) and pass the folder that holds 'Data' and 'Evaluation Subset'"
)


@dataclass(frozen=True)
class Day:
    """The content of one file: the frames of a day, with both eyes each.

    Parameters
    ----------
    frames : ndarray of str of shape (n_frames,)
        File names of the original pictures.
    gaze, pose : dict of ndarray of shape (n_frames, 3)
        Direction of gaze and rotation vector of the head, by side.
    images : dict of ndarray of shape (n_frames, height, width), uint8
        Images of the eyes, by side.
    """

    frames: np.ndarray
    gaze: dict[str, np.ndarray]
    pose: dict[str, np.ndarray]
    images: dict[str, np.ndarray]


def load_mpiigaze(
    folder: str | PathLike,
    persons: Sequence[str | int] | None = None,
    *,
    subset: str = "evaluation",
) -> Bunch:
    """Read the normalised eyes of MPIIGaze from a folder.

    The data set is that of [1]_. Right eyes are mirrored, as is usual: the picture is flipped from
    left to right, and the signs of both yaw angles change. They then look like left eyes.

    Parameters
    ----------
    folder : str or path
        The unpacked data set, which holds ``Data/Normalized/pXX/dayYY.mat`` and, for the
        evaluation subset, ``Evaluation Subset/sample list for eye image/pXX.txt``.
    persons : sequence of str or int, default=None
        Which people: ``"p03"`` or 3. None means all that are there.
    subset : {"evaluation", "all"}, default="evaluation"
        ``"evaluation"`` takes the eyes of the lists (3,000 a person), in the order of the lists;
        ``"all"`` takes both eyes of every frame: day by day, first all left eyes, then all
        right ones.

    Returns
    -------
    sklearn.utils.Bunch
        With these arrays, of one row for each eye:

        - ``images``: LazyImages of shape (n_samples, 36, 60), uint8: ``images[rows]`` reads
          those, ``np.asarray(images)`` all of them. Only the angles are kept in memory;
        - ``y``: ndarray of shape (n_samples, 2), pitch and yaw of the gaze in radians, see
          :func:`gaze_angles` for the signs;
        - ``head_pose``: ndarray of shape (n_samples, 2), pitch and yaw of the head in radians:
          ``asin(y)`` and ``atan2(x, z)`` of the head's z axis, signs as in the data set;
        - ``groups``: ndarray of str, the person, for splits by person;
        - ``day`` and ``frame``: ndarrays of str, the file and the name of the picture;
        - ``right_eye``: ndarray of bool, the mirrored ones;

        and ``target_names``, a list of str.

    Raises
    ------
    FileNotFoundError
        If the folder, a person, a list or a day of a list is missing. Nothing is downloaded.
    ValueError
        If a file is damaged or not what it should be (it is named), a list names a frame that
        its day does not have, or `subset` is unknown.

    See Also
    --------
    mean_angular_error : The usual measure.

    Notes
    -----
    Neighbouring frames of a day are nearly the same picture. A random split has them on both
    sides and flatters: split by person (`groups`), by day, or in contiguous blocks.

    References
    ----------
    .. [1] X. Zhang, Y. Sugano, M. Fritz, A. Bulling, "Appearance-based gaze estimation in the
       wild", CVPR 2015.

    Examples
    --------
    >>> from sklearn_regkd.datasets import load_mpiigaze
    >>> try:
    ...     load_mpiigaze("no such folder")
    ... except FileNotFoundError as error:
    ...     print(str(error)[:40])
    no such folder has no Data/Normalized...
    """
    if subset not in SUBSETS:
        raise ValueError(f"subset={subset!r} is unknown; known: {', '.join(SUBSETS)}")
    root = Path(folder)
    names = _persons(root, persons)
    paths: list[Path] = []
    shape: tuple[int, ...] | None = None
    parts: list[dict[str, np.ndarray]] = []
    for name in names:
        days = {path.stem: path for path in sorted((root / NORMALIZED / name).glob("*.mat"))}
        if not days:
            raise FileNotFoundError(f"{root / NORMALIZED / name} holds no day (.mat). {SOURCE}")
        wanted = _read_list(root / LISTS / f"{name}.txt", days) if subset == "evaluation" else None
        chosen = []
        for day in days if wanted is None else np.unique(wanted["day"]).tolist():
            found = read_day(days[day])
            if shape is None:
                shape = found.images["left"].shape[1:]
            if found.images["left"].shape[1:] != shape:
                raise ValueError(
                    f"{days[day]}: eyes of shape {found.images['left'].shape[1:]}, expected "
                    f"{shape} as in the other files"
                )
            listed = None
            if wanted is not None:
                order = np.flatnonzero(wanted["day"] == day)
                listed = {key: column[order] for key, column in wanted.items()} | {"order": order}
            part = _take(found, listed, days[day])
            size = len(part["position"])
            part["file"] = np.full(size, len(paths))
            part["day"] = np.full(size, day)
            paths.append(days[day])
            chosen.append(part)
        joined = {key: np.concatenate([part[key] for part in chosen]) for key in chosen[0]}
        joined["groups"] = np.full(len(joined["file"]), name)
        order = np.argsort(joined.pop("order"), kind="stable")  # as in the list
        parts.append({key: values[order] for key, values in joined.items()})
    table = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    position, file, right = table.pop("position"), table.pop("file"), table["right_eye"]
    assert shape is not None
    images = LazyImages(partial(_read_images, paths, position, right), file, shape)
    return Bunch(images=images, target_names=["pitch", "yaw"], **table)


def read_day(path: Path) -> Day:
    """Read and check the file of a day.

    Parameters
    ----------
    path : Path
        ``dayYY.mat``: a struct `data` of `left` and `right`, each with `image`, `gaze` and
        `pose`, and the names of the frames, `filenames`.

    Raises
    ------
    ValueError
        If the file is damaged, or something in it is missing or of another shape.
    """
    content = read_matlab(path, ["data", "filenames"])
    try:
        frames = np.array([_text(one) for one in np.ravel(content["filenames"])])
        sides = {side: content["data"][side].item() for side in SIDES}
        fields = {
            name: {side: np.asarray(struct[name].item()) for side, struct in sides.items()}
            for name in ("gaze", "pose", "image")
        }
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is not a day of MPIIGaze (Data/Normalized): it should hold filenames and "
            f"data.left and data.right with image, gaze and pose ({type(error).__name__}: {error})"
        ) from error
    n_frames = len(frames)
    for name, by_side in fields.items():
        for side, values in by_side.items():
            by_side[side] = _frame_by_frame(values, name, n_frames, f"{path}: data.{side}.{name}")
    if fields["image"]["left"].shape != fields["image"]["right"].shape:
        raise ValueError(f"{path}: left and right eyes have different shapes")
    return Day(frames, fields["gaze"], fields["pose"], fields["image"])


def _text(value: Any) -> str:
    """Return the text of a cell, which is a string or an array around it."""
    while isinstance(value, np.ndarray):
        value = value.ravel()[0]
    return str(value).strip()


def _frame_by_frame(values: np.ndarray, name: str, n_frames: int, where: str) -> np.ndarray:
    """Check an array, and give that of a single frame the dimension that may have been dropped."""
    is_image = name == "image"
    if n_frames == 1 and values.ndim == (2 if is_image else 1):
        values = values[None]
    fits = values.ndim == 3 if is_image else values.ndim == 2 and values.shape[1] == 3
    if not fits or len(values) != n_frames:
        row = "height, width" if is_image else "3"
        raise ValueError(f"{where} has shape {values.shape}, expected ({n_frames}, {row})")
    if is_image:
        if values.dtype != np.uint8:
            raise ValueError(f"{where} has dtype {values.dtype}, expected uint8")
        return values
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise ValueError(f"{where} holds something else than finite numbers")
    return values.astype(np.float64)


def _persons(root: Path, persons: Sequence[str | int] | None) -> list[str]:
    base = root / NORMALIZED
    if not base.is_dir():
        raise FileNotFoundError(f"{root} has no {NORMALIZED.as_posix()} in it. {SOURCE}")
    there = sorted(path.name for path in base.iterdir() if path.is_dir())
    if not there:
        raise FileNotFoundError(f"{base} holds no person (p00, p01, ...). {SOURCE}")
    if persons is None:
        return there
    if isinstance(persons, str) or not len(persons):
        raise ValueError(f"persons must be a list such as ['p00', 3], or None, got {persons!r}")
    names = [one if isinstance(one, str) else f"p{one:02d}" for one in persons]
    for name in names:
        if name not in there:
            raise FileNotFoundError(f"{base} has no person {name}; there are: {', '.join(there)}")
    if len(set(names)) < len(names):
        raise ValueError(f"persons names a person twice: {persons!r}")
    return names


def _read_list(path: Path, days: dict[str, Path]) -> dict[str, np.ndarray]:
    """Read a list of eyes: day, frame and side of each."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is missing, which lists the eyes of the evaluation subset; take all eyes "
            f"with subset='all', or complete the folder. {SOURCE}"
        ) from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        picture, _, side = line.strip().rpartition(" ")
        day, slash, frame = picture.strip().partition("/")
        if not slash or side not in SIDES:
            raise ValueError(
                f"{path}, line {number}: expected 'dayYY/ZZZZ.jpg left' or 'right', got {line!r}"
            )
        if day not in days:
            raise FileNotFoundError(f"{path}, line {number}: there is no file of {day}")
        found.append((day, frame, side))
    if not found:
        raise ValueError(f"{path} is empty, expected lines such as 'day01/0005.jpg left'")
    columns = [np.array(column) for column in zip(*found, strict=True)]
    return dict(zip(("day", "frame", "side"), columns, strict=True))


def _take(day: Day, listed: dict[str, np.ndarray] | None, path: Path) -> dict[str, np.ndarray]:
    """Return the labels of the listed eyes of a day; of all where there is no list."""
    if listed is None:
        position = np.tile(np.arange(len(day.frames)), 2)
        right = np.repeat([False, True], len(day.frames))
        order = np.zeros(len(position), int)
    else:
        names = listed["frame"]
        known, first = np.unique(day.frames, return_index=True)
        place = np.searchsorted(known, names).clip(max=len(known) - 1)
        if (known[place] != names).any():
            missing = names[known[place] != names][0]
            raise ValueError(f"{path} has no frame {missing}, which the evaluation list names")
        position, right, order = first[place], listed["side"] == "right", listed["order"]
    side = right.astype(int)
    try:
        gaze = gaze_angles(np.stack([day.gaze[s] for s in SIDES])[side, position])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    pose = np.stack([day.pose[s] for s in SIDES])[side, position]
    axis = Rotation.from_rotvec(pose).as_matrix()[:, :, 2]
    head = np.column_stack([np.arcsin(axis[:, 1].clip(-1, 1)), np.arctan2(axis[:, 0], axis[:, 2])])
    mirror = np.where(right, -1.0, 1.0)
    gaze[:, 1] *= mirror
    head[:, 1] *= mirror
    return {
        "y": gaze,
        "head_pose": head,
        "frame": day.frames[position],
        "right_eye": right,
        "position": position,
        "order": order,
    }


def _read_images(
    paths: list[Path], position: np.ndarray, right: np.ndarray, file: int, rows: np.ndarray
) -> np.ndarray:
    day = read_day(paths[file])
    side = right[rows].astype(int)
    images = np.stack([day.images["left"], day.images["right"][:, :, ::-1]])
    return images[side, position[rows]]
