"""The places where systems keep the certificate authorities that they trust.

The system's own OpenSSL knows that place. The OpenSSL inside a wheel looks where its build has set it to look, and
distributions differ.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional

__all__ = ["missing", "system_authorities"]

# One file with all authorities, in the order of the search.
_BUNDLES = (
    "etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo; Alpine with ca-certificates
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL and their kin
    "etc/pki/tls/certs/ca-bundle.crt",  # the same, older releases
    "etc/ssl/ca-bundle.pem",  # SUSE
    "var/lib/ca-certificates/ca-bundle.pem",  # the same, newer releases
    "etc/ssl/cert.pem",  # Alpine by itself, macOS, the BSDs
    "etc/pki/tls/cert.pem",
    "usr/local/share/certs/ca-root-nss.crt",
)
# Or a folder with a file for each, named by the hash of its subject: <hash>.<number>.
_FOLDERS = ("etc/ssl/certs", "etc/pki/tls/certs", "var/lib/ca-certificates/openssl", "etc/openssl/certs")


def system_authorities(root: str = "/", environment: Optional[Mapping[str, str]] = None) -> Optional[str]:
    """Find the authorities that a system trusts.

    Args:
        root: The folder that the system is in.
        environment: Environment variables; None: those of this process.

    Returns:
        A file with them, or a folder; None when there is none, or when ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` name
        them, which OpenSSL reads by itself.

    .. versionadded:: 0.1
    """
    environment = os.environ if environment is None else environment
    if environment.get("SSL_CERT_FILE") or environment.get("SSL_CERT_DIR"):
        return None
    for name in _BUNDLES:
        path = os.path.join(root, name)
        if _has_content(path):
            return path
    for name in _FOLDERS:
        path = os.path.join(root, name)
        if _has_hashed(path):
            return path
    return None


def missing(environment: Optional[Mapping[str, str]] = None) -> Optional[str]:
    """Find a variable of OpenSSL that names missing authorities, which OpenSSL does not report.

    Args:
        environment: Environment variables; None: those of this process.

    Returns:
        The variable and its value, such as ``SSL_CERT_FILE=/a``; None when the authorities are there.

    .. versionadded:: 0.1
    """
    environment = os.environ if environment is None else environment
    file, folders = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if file and not _has_content(file):
        return f"SSL_CERT_FILE={file}"
    if folders and not any(map(_has_hashed, folders.split(os.pathsep))):
        return f"SSL_CERT_DIR={folders}"
    return None


def _has_content(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def _has_hashed(folder: str) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:  # The folder is missing, or this process may not read it.
        return False
    return any(_is_hashed(name) and os.path.isfile(os.path.join(folder, name)) for name in names)


def _is_hashed(name: str) -> bool:
    stem, _, number = name.partition(".")
    return len(stem) == 8 and number.isdigit() and all(digit in "0123456789abcdef" for digit in stem)
