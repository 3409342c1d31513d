"""FileCheck finds texts in order."""

from __future__ import annotations

import pytest

from lampas.testing import FileCheck


def test_finds() -> None:
    text = "alpha beta\ngamma alpha\nalpha"
    FileCheck().check("alpha").check_same("beta").check_next("gamma").run(text)
    FileCheck().check_count("alpha", 3, exactly=True).run(text)
    FileCheck().check("gamma").check_not("beta").run(text)
    FileCheck().check_regex(r"a.ph").run(text)


@pytest.mark.parametrize(
    "check",
    [
        FileCheck().check("gamma").check("beta"),
        FileCheck().check("alpha").check_same("gamma"),
        FileCheck().check("alpha").check_next("beta"),
        FileCheck().check_count("alpha", 2, exactly=True),
        FileCheck().check_count("alpha", 4),
        FileCheck().check_not("beta").check("gamma"),
    ],
)
def test_refuses(check: FileCheck) -> None:
    with pytest.raises(RuntimeError, match="FileCheck: expected"):
        check.run("alpha beta\ngamma alpha\nalpha")
