"""Multi-PIE's layout, on small folders of the same layout."""

import numpy as np
import pytest
from scipy.io import savemat

from sklearn_regkd.datasets import load_multipie

Image = pytest.importorskip("PIL.Image")


def write_label(root, name, n_points, seed=0):
    camera = name.split("_")[3]
    path = root / "MPie_Labels" / "labels" / camera / f"{name}_lm.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    points = np.random.default_rng(seed).uniform(0, 20, (n_points, 2))
    savemat(path, {"pts": points})
    return points


def write_picture(root, name, colour, size=(24, 20)):
    subject, session, recording, camera, _ = name.split("_")
    folder = root / "data" / f"session{session}" / "multiview" / subject / recording
    folder = folder / f"{camera[:2]}_{camera[2]}"
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(folder / f"{name}.png")
    return folder / f"{name}.png"


@pytest.fixture
def folder(tmp_path):
    """One face from the front in three lights, another in one light, one in profile."""
    points = [
        write_label(tmp_path, "001_01_01_051_07", 68, 1),
        write_label(tmp_path, "002_03_02_051_07", 68, 2),
    ]
    write_label(tmp_path, "001_01_01_110_07", 39)
    for light in (0, 7, 12):
        write_picture(tmp_path, f"001_01_01_051_{light:02d}", (light, 50, 100))
    write_picture(tmp_path, "002_03_02_051_07", (200, 0, 0))
    write_picture(tmp_path, "001_01_01_110_07", (1, 2, 3))
    write_picture(tmp_path, "001_01_02_051_07", (9, 9, 9))  # nobody has marked it
    return tmp_path, points


def test_all_lights_share_a_label_file(folder):
    path, points = folder
    faces = load_multipie(path)
    assert faces.images.shape == (4, 3, 20, 24)
    assert faces.y.shape == (4, 136)
    np.testing.assert_allclose(faces.y[:3], np.tile(points[0].ravel(), (3, 1)))
    np.testing.assert_allclose(faces.y[3], points[1].ravel())
    np.testing.assert_array_equal(faces.light, [0, 7, 12, 7])
    np.testing.assert_array_equal(faces.groups, ["001"] * 3 + ["002"])
    assert (faces.session[3], faces.recording[3], faces.camera[3]) == ("03", "02", "051")
    np.testing.assert_array_equal(
        faces.images[:3][:, :, 0, 0], [[0, 50, 100], [7, 50, 100], [12, 50, 100]]
    )
    assert np.asarray(faces.images).dtype == np.uint8
    assert faces.n_left_out == 1


def test_profiles_cameras_and_lights(folder):
    path, _ = folder
    profiles = load_multipie(path, n_points=39)
    assert (profiles.y.shape, profiles.n_left_out) == ((1, 78), 2)
    assert load_multipie(path, lights=[7]).filenames.shape == (2,)
    assert len(load_multipie(path, cameras=["05_1"]).y) == 4
    with pytest.raises(ValueError, match=r"cameras=\['110'\], of which 1 have not n_points=68"):
        load_multipie(path, cameras=["110"])


def test_labels_without_pictures_are_left_out_aloud(folder):
    path, _ = folder
    write_label(path, "009_01_01_051_07", 68)
    with pytest.warns(UserWarning, match="1 label files have no picture.*009_01_01_051_07"):
        faces = load_multipie(path)
    assert "009" not in faces.groups


def test_missing_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no MPie_Labels/labels.*CMU"):
        load_multipie(tmp_path)
    (tmp_path / "MPie_Labels" / "labels").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="has no data in it"):
        load_multipie(tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no labels"):
        load_multipie(tmp_path)


def test_damaged_and_wrong_labels_are_named(folder):
    path, _ = folder
    file = path / "MPie_Labels" / "labels" / "051" / "001_01_01_051_07_lm.mat"
    savemat(file, {"points": np.zeros((68, 2))})
    with pytest.raises(ValueError, match=r"001_01_01_051_07_lm\.mat holds no landmarks"):
        load_multipie(path)
    savemat(file, {"pts": np.full((68, 2), np.nan)})
    with pytest.raises(ValueError, match=r"07_lm\.mat: pts must be finite"):
        load_multipie(path)
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"07_lm\.mat cannot be read"):
        load_multipie(path)
    file.rename(file.with_name("face_lm.mat"))
    with pytest.raises(ValueError, match=r"face_lm\.mat: expected a name"):
        load_multipie(path)


def test_damaged_and_odd_pictures_are_named(folder):
    path, _ = folder
    odd = write_picture(path, "002_03_02_051_07", (0, 0, 0), size=(10, 10))
    faces = load_multipie(path)
    with pytest.raises(ValueError, match=r"002_03_02_051_07\.png has height and width \(10, 10\)"):
        faces.images[3]
    content = odd.read_bytes()
    odd.write_bytes(content[:60])
    with pytest.raises(ValueError, match=r"002_03_02_051_07\.png"):
        faces.images[3]
