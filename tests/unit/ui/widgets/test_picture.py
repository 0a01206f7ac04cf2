"""Pictures of the page as files."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from robust_r1.ui.widgets.picture import write_png


def test_a_file_on_its_way_to_somebody_is_left_alone_when_its_picture_is_written_again(
    tmp_path, picture
):
    path = write_png(picture, "seen.png", str(tmp_path))
    with open(path, "rb") as served:
        assert write_png(picture, "seen.png", str(tmp_path)) == path
        assert os.fstat(served.fileno()).st_ino != os.stat(path).st_ino
    assert [file.name for file in Path(path).parent.iterdir()] == ["seen.png"]
    assert np.array_equal(np.array(Image.open(path)), picture)
