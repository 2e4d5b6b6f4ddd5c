"""What Terraform's constraints allow."""

from __future__ import annotations

import pytest

from tagship.domain.constraint import allows


@pytest.mark.parametrize(
    ("constraint", "allowed", "forbidden"),
    [
        ("1.9.8", ["1.9.8"], ["1.9.7", "1.9.9", "1.12.2"]),
        ("= 1.9", ["1.9.0"], ["1.9.8"]),
        ("~> 1.9.8", ["1.9.8", "1.9.20"], ["1.9.7", "1.10.0", "2.0.0"]),
        ("~> 1.9", ["1.9.0", "1.12.2"], ["1.8.9", "2.0.0"]),
        ("~> 1", ["1.0.0", "1.12.2"], ["0.15.0"]),
        (">= 1.10, < 2", ["1.10.0", "1.12.2"], ["1.9.8", "2.0.0"]),
        (">=1.5,<=1.9.8,!=1.7.1", ["1.7.0", "1.9.8"], ["1.7.1", "1.9.9"]),
        ("> 1.9", ["1.9.1"], ["1.9.0"]),
        ("1.13.0-beta1", ["1.12.2"], []),
    ],
)
def test_a_constraint_allows_these_versions_and_not_those(
    constraint: str, allowed: list[str], forbidden: list[str]
) -> None:
    assert [version for version in allowed + forbidden if allows(constraint, version)] == allowed
