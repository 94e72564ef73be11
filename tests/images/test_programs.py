"""Programs of clusters for tests are shared by all clones of a machine, and don't pile up there."""

import os
import time

from testkit.cluster_programs import forget_unused


def test_programs_that_no_clone_has_used_for_a_month_are_removed(tmp_path):
    folders = {name: tmp_path / name for name in ("0123456789abcdef", "used-last-week-1", "used-in-spring-1", "images")}
    for age_days, folder in zip((90, 7, 31, 90), folders.values(), strict=True):
        folder.mkdir()
        os.utime(folder, 2 * (time.time() - age_days * 24 * 3600,))
    forget_unused(folders["0123456789abcdef"])
    forget_unused(folders["used-last-week-1"])
    assert {path.name for path in tmp_path.iterdir()} == {"0123456789abcdef", "used-last-week-1", "images"}
