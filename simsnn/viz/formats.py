"""What figures can be written as; known before anything that draws is imported."""

from __future__ import annotations

from simsnn.errors import ConfigError, nearest

FORMATS = ("png", "svg", "pdf")
"""svg and pdf are vectors."""


def check_format(format_: str) -> None:
    """Refuse a format that figures cannot be written in.

    Raises
    ------
    ConfigError
        With those that they can.
    """
    if format_ not in FORMATS:
        close = nearest(format_, FORMATS)
        raise ConfigError(f"unknown figure format {format_!r}", value=format_, allowed=FORMATS, nearest=close)
