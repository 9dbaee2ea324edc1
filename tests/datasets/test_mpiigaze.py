"""MPIIGaze's layout, on small folders of the same layout."""

import pickle

import numpy as np
import pytest
from scipy.io import savemat
from sklearn.model_selection import train_test_split

from sklearn_regkd import StudentRegressor
from sklearn_regkd.datasets import gaze_angles, load_mpiigaze
from sklearn_regkd.datasets import mpiigaze as module
from sklearn_regkd.networks.cnn import small_cnn


def cell(names):
    """Return names as MATLAB's cell array of strings."""
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    return cells


def make_day(path, n_frames, seed, squeezed=False):
    """Write a day; of one frame also as other writers do, without that dimension."""
    rng = np.random.default_rng(seed)
    frames = [f"{k + 1:04d}.jpg" for k in range(n_frames)]
    data = {}
    for side in ("left", "right"):
        data[side] = {
            "image": rng.integers(0, 256, (n_frames, 36, 60), dtype=np.uint8),
            "gaze": rng.normal(size=(n_frames, 3)) - [0, 0, 5],
            "pose": rng.normal(scale=0.3, size=(n_frames, 3)),
        }
    written = {s: {k: v[0] if squeezed else v for k, v in d.items()} for s, d in data.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"data": written, "filenames": frames[0] if squeezed else cell(frames)})
    return data


LIST = "day02/0001.jpg right\nday01/0003.jpg left\nday01/0002.jpg right\nday01/0003.jpg right\n"


@pytest.fixture
def folder(tmp_path):
    """Two people: p00 with a day of three frames and one of a single frame, p01 with one day."""
    days = tmp_path / "Data" / "Normalized"
    data = {
        "p00/day01": make_day(days / "p00" / "day01.mat", 3, 0),
        "p00/day02": make_day(days / "p00" / "day02.mat", 1, 1),
        "p01/day05": make_day(days / "p01" / "day05.mat", 2, 2),
    }
    lists = tmp_path / "Evaluation Subset" / "sample list for eye image"
    lists.mkdir(parents=True)
    (lists / "p00.txt").write_text(LIST, encoding="utf-8")
    (lists / "p01.txt").write_text("day05/0002.jpg left\n", encoding="utf-8")
    return tmp_path, data


def test_evaluation_subset_in_the_order_of_its_list(folder):
    path, data = folder
    eyes = load_mpiigaze(path, ["p00"])
    first, second = data["p00/day01"], data["p00/day02"]
    np.testing.assert_array_equal(eyes.day, ["day02", "day01", "day01", "day01"])
    np.testing.assert_array_equal(eyes.frame, ["0001.jpg", "0003.jpg", "0002.jpg", "0003.jpg"])
    np.testing.assert_array_equal(eyes.right_eye, [True, False, True, True])
    images = np.asarray(eyes.images)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images[0], second["right"]["image"][0, :, ::-1])
    np.testing.assert_array_equal(images[1], first["left"]["image"][2])
    np.testing.assert_array_equal(images[2], first["right"]["image"][1, :, ::-1])
    left = gaze_angles(first["left"]["gaze"][2:])[0]
    right = gaze_angles(first["right"]["gaze"][1:2])[0]
    np.testing.assert_allclose(eyes.y[1], left)
    np.testing.assert_allclose(eyes.y[2], right * [1, -1])  # mirrored: yaw changes its sign
    assert eyes.groups.tolist() == ["p00"] * 4


def test_all_eyes_of_all_people(folder):
    path, data = folder
    eyes = load_mpiigaze(path, subset="all")
    assert eyes.images.shape == (12, 36, 60)
    assert eyes.y.shape == eyes.head_pose.shape == (12, 2)
    np.testing.assert_array_equal(eyes.groups, ["p00"] * 8 + ["p01"] * 4)
    np.testing.assert_array_equal(eyes.right_eye[:6], [False] * 3 + [True] * 3)
    np.testing.assert_array_equal(eyes.images[8], data["p01/day05"]["left"]["image"][0])


def test_head_pose_of_a_turn_about_one_axis(tmp_path):
    path = tmp_path / "Data" / "Normalized" / "p00" / "day01.mat"
    data = make_day(path, 2, 0)
    for side in data.values():
        side["pose"] = np.array([[0.2, 0, 0], [0, 0.3, 0]])
    savemat(path, {"data": data, "filenames": cell(["a.jpg", "b.jpg"])})
    head = load_mpiigaze(tmp_path, subset="all").head_pose
    np.testing.assert_allclose(head[:2], [[-0.2, 0], [0, 0.3]], atol=1e-12)
    np.testing.assert_allclose(head[2:], [[-0.2, 0], [0, -0.3]], atol=1e-12)


def test_a_day_of_one_frame_without_its_dimension(tmp_path):
    days = tmp_path / "Data" / "Normalized" / "p07"
    data = make_day(days / "day01.mat", 1, 0, squeezed=True)
    eyes = load_mpiigaze(tmp_path, [7], subset="all")
    np.testing.assert_array_equal(eyes.images[0], data["left"]["image"][0])
    assert eyes.frame.tolist() == ["0001.jpg"] * 2


def test_images_are_read_only_when_asked_for(folder, monkeypatch):
    path, _ = folder
    eyes = load_mpiigaze(path, subset="all")
    everything = np.asarray(eyes.images)
    read = []

    def count(path):
        read.append(path.stem)
        return original(path)

    original = module.read_day
    monkeypatch.setattr(module, "read_day", count)
    rows = [9, 0, 1, 8]
    np.testing.assert_array_equal(eyes.images[rows], everything[rows])
    assert read == ["day01", "day05"]  # each file once
    mask = eyes.groups == "p01"
    np.testing.assert_array_equal(eyes.images[mask], everything[mask])
    np.testing.assert_array_equal(eyes.images[2:5, ::2], everything[2:5, ::2])
    np.testing.assert_array_equal(eyes.images[-1, 3], everything[-1, 3])
    assert eyes.images[[]].shape == (0, 36, 60)
    with pytest.raises(IndexError):
        eyes.images[12]


def test_images_go_through_scikit_learn_and_pickle(folder):
    path, _ = folder
    eyes = load_mpiigaze(path, subset="all")
    train, test, y_train, _ = train_test_split(eyes.images, eyes.y, random_state=0)
    assert (train.shape, test.shape, len(y_train)) == ((9, 36, 60), (3, 36, 60), 9)
    again = pickle.loads(pickle.dumps(eyes.images))
    np.testing.assert_array_equal(again[3], eyes.images[3])


@pytest.mark.slow
def test_images_on_disk_are_an_X(folder):
    path, _ = folder
    eyes = load_mpiigaze(path, subset="all")
    student = StudentRegressor(module=small_cnn, max_epochs=1, random_state=0)
    said = student.fit(eyes.images, eyes.y).predict(eyes.images)
    np.testing.assert_array_equal(said, student.predict(np.asarray(eyes.images)))


def test_missing_things_are_named(folder, tmp_path):
    path, _ = folder
    with pytest.raises(FileNotFoundError, match="Max Planck Institute"):
        load_mpiigaze(path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no person p09; there are: p00, p01"):
        load_mpiigaze(path, [9])
    lists = path / "Evaluation Subset" / "sample list for eye image"
    (lists / "p01.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"p01\.txt is missing.*subset='all'"):
        load_mpiigaze(path)
    (path / "Data" / "Normalized" / "p02").mkdir()
    with pytest.raises(FileNotFoundError, match="p02 holds no day"):
        load_mpiigaze(path, ["p02"], subset="all")
    empty = tmp_path / "empty"
    (empty / "Data" / "Normalized").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="holds no person"):
        load_mpiigaze(empty)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("day01/0001.jpg\n", "line 1: expected"),
        ("\nday01/0001.jpg middle\n", "line 2: expected"),
        ("day09/0001.jpg left\n", "line 1: there is no file of day09"),
        ("day01/0009.jpg left\n", r"day01\.mat has no frame 0009\.jpg"),
    ],
)
def test_bad_lists(folder, text, message):
    path, _ = folder
    file = path / "Evaluation Subset" / "sample list for eye image" / "p00.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_mpiigaze(path, ["p00"])


def damage(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize("content", [b"", b"not a file of MATLAB", damage])
def test_damaged_files_are_named(folder, content):
    path, _ = folder
    file = path / "Data" / "Normalized" / "p00" / "day01.mat"
    file.write_bytes(content(file.read_bytes()) if callable(content) else content)
    with pytest.raises(ValueError, match=r"day01\.mat cannot be read.*again"):
        load_mpiigaze(path, ["p00"])


@pytest.mark.parametrize(
    ("side", "key", "value", "message"),
    [
        ("left", "gaze", np.zeros((3, 2)), r"data\.left\.gaze has shape \(3, 2\)"),
        ("right", "gaze", np.full((3, 3), np.nan), r"data\.right\.gaze.*finite"),
        ("left", "gaze", np.zeros((3, 3)), "no direction"),
        ("left", "image", np.zeros((2, 36, 60), np.uint8), r"image has shape \(2, 36, 60\)"),
        ("left", "image", np.zeros((3, 36, 60)), "expected uint8"),
        ("left", "image", np.zeros((3, 9, 9), np.uint8), "different shapes"),
    ],
)
def test_wrong_contents_are_named(tmp_path, side, key, value, message):
    path = tmp_path / "Data" / "Normalized" / "p00" / "day01.mat"
    data = make_day(path, 3, 0)
    data[side][key] = value
    savemat(path, {"data": data, "filenames": cell(["1", "2", "3"])})
    with pytest.raises(ValueError, match=rf"day01\.mat.*{message}"):
        load_mpiigaze(tmp_path, subset="all")


def test_another_matlab_file_is_no_day(tmp_path):
    path = tmp_path / "Data" / "Normalized" / "p00" / "day01.mat"
    path.parent.mkdir(parents=True)
    savemat(path, {"data": np.zeros(3)})
    with pytest.raises(ValueError, match=r"day01\.mat is not a day of MPIIGaze"):
        load_mpiigaze(tmp_path, subset="all")


def test_parameters():
    with pytest.raises(ValueError, match="subset='some' is unknown"):
        load_mpiigaze(".", subset="some")


def test_persons_are_a_list(folder):
    path, _ = folder
    with pytest.raises(ValueError, match="must be a list"):
        load_mpiigaze(path, "p00")
    with pytest.raises(ValueError, match="twice"):
        load_mpiigaze(path, ["p00", 0])
