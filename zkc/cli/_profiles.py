"""The profiles: a TOML file with a table for each ensemble."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path  # Every command looks for the file, and pathlib takes some milliseconds.

__all__ = ["config_file", "config_folder", "default_profile", "profile_names", "read_profile", "read_profiles"]


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of zkc's settings: that of XDG_CONFIG_HOME, else ``~/.config/zkc``."""
    from pathlib import Path

    return Path(_folder(environment))


def config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file of the profiles: that of ZKC_CONFIG, else ``config.toml`` in the folder of zkc's settings."""
    from pathlib import Path

    return Path(_file(environment))


def _folder(environment: Mapping[str, str]) -> str:
    return os.path.join(environment.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "zkc")


def _file(environment: Mapping[str, str]) -> str:
    named = environment.get("ZKC_CONFIG")
    return os.path.expanduser(named) if named else os.path.join(_folder(environment), "config.toml")


def _read(file: str) -> dict[str, Any]:
    """Return the content of the file. A missing file has none."""
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read: {error}", ExitCode.USAGE, name="bad_config") from None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise CommandError(f"{file} cannot be read: {error}", ExitCode.USAGE, name="bad_config") from None


def default_profile(environment: Mapping[str, str] = os.environ) -> Optional[str]:
    """Return the name of the profile that commands use without another choice; None if there is none."""
    file = _file(environment)
    name = _read(file).get("default")
    if name is not None and not isinstance(name, str):
        raise CommandError(f"{file}: default must be the name of a profile", ExitCode.USAGE, name="bad_config")
    return name


def read_profiles(environment: Mapping[str, str] = os.environ) -> dict[str, dict[str, Any]]:
    """Return all profiles by name. A missing file has none.

    Raises:
        CommandError: The file is malformed.
    """
    file = _file(environment)
    profiles = _read(file).get("profile", {})
    if not isinstance(profiles, dict) or not all(isinstance(each, dict) for each in profiles.values()):
        raise CommandError(f"{file}: a profile is a table [profile.NAME]", ExitCode.USAGE, name="bad_config")
    return profiles


def profile_names(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the profiles."""
    return sorted(read_profiles(environment))


def read_profile(name: str, environment: Mapping[str, str], known: Collection[str]) -> dict[str, Any]:
    """Return the members of a profile.

    Raises:
        CommandError: There is no such profile, or it has a member that is not known.
    """
    profiles = read_profiles(environment)
    if name not in profiles:
        named = ", ".join(sorted(profiles)) or "none"
        raise CommandError(
            f"there is no profile {name!r} in {config_file(environment)}, which has: {named}",
            ExitCode.USAGE,
            name="no_profile",
        )
    unknown = sorted(set(profiles[name]) - set(known))
    if unknown:
        raise CommandError(
            f"{config_file(environment)}: the profile {name!r} has {unknown[0]!r}; the members are {', '.join(known)}",
            ExitCode.USAGE,
            name="bad_config",
        )
    return profiles[name]
