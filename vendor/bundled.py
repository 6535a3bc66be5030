"""Licences and bill of materials of the libraries inside a wheel.

Both come from lock.json and the archives that it pins, when the wheel is built.
"""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import components
import fetch
import openssl
from toolchain import BuildError

_HASHTABLE = "zookeeper-client/zookeeper-client-c/src/hashtable/LICENSE.txt"
# The texts that must accompany the code. For each component: the name in the wheel, and the file in its archive.
_TEXTS = {
    "zookeeper": {"LICENSE.txt": "LICENSE.txt", "NOTICE.txt": "NOTICE.txt", "hashtable/LICENSE.txt": _HASHTABLE},
    # The licence of RSA's MD5 is only in the comment at the head of the source file.
    "cyrus-sasl": {"COPYING": "COPYING", "md5/LICENSE.txt": "lib/md5.c"},
    "openssl": {"LICENSE.txt": "LICENSE.txt"},
}


def names() -> list[str]:
    """List the components that are inside an extension built with these settings."""
    return ["zookeeper", "cyrus-sasl", *(["openssl"] if openssl.is_static() else [])]


def texts() -> list[str]:
    """List the licence texts of the components inside: ``<component>/<file>``."""
    return [f"{component}/{name}" for component in names() for name in _TEXTS[component]]


def licences() -> dict[str, bytes]:
    """Read the licence texts of the components inside.

    Returns:
        Their bytes by path, as :func:`texts` lists them.

    Raises:
        BuildError: an archive cannot be fetched, or does not contain the text.
    """
    found: dict[str, bytes] = {}
    for component in names():
        wanted = {path: f"{component}/{name}" for name, path in _TEXTS[component].items()}
        with tarfile.open(_archive(component)) as tar:
            for member in tar:
                path = member.name.partition("/")[2]
                if member.isfile() and path in wanted:
                    content = tar.extractfile(member)
                    assert content is not None  # a regular file has content
                    text = content.read()
                    found[wanted[path]] = _head_comment(text) if path.endswith(".c") else text
    missing = [name for name in texts() if not found.get(name)]
    if missing:
        raise BuildError(f"the licence {missing[0]} is not in its archive: correct its path in vendor/bundled.py")
    return {name: found[name] for name in texts()}


def _archive(component: str) -> Path:
    try:
        return fetch.Fetcher().fetch(component)
    except fetch.FetchError as error:
        raise BuildError(str(error)) from error


def _head_comment(source: bytes) -> bytes:
    """Return the comments before the first line of code."""
    code = re.search(rb"^#", source, re.MULTILINE)
    return source[: code.start()].strip() + b"\n" if code else b""


def expression() -> str:
    """Return the SPDX expression of the licences of zkc and of the components inside."""
    lock = fetch.read_lock()
    each = [part for name in names() for part in str(lock[name]["license"]).split(" AND ")]
    return " AND ".join(dict.fromkeys(["Apache-2.0", *each]))


def bill_of_materials(version: str) -> str:
    """Make a CycloneDX bill of materials for a wheel.

    Args:
        version: the version of zkc.

    Raises:
        BuildError: an archive cannot be fetched.
    """
    lock = fetch.read_lock()
    own = {"type": "library", "bom-ref": "zkc", "name": "zkc", "version": version, "purl": f"pkg:pypi/zkc@{version}"}
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**own, "licenses": [{"license": {"id": "Apache-2.0"}}]}},
        "components": [_component(name, lock[name]) for name in names()],
        "dependencies": [
            {"ref": "zkc", "dependsOn": [_reference(name, lock[name]) for name in names()]},
            *({"ref": _reference(name, lock[name]), "dependsOn": []} for name in names()),
        ],
    }
    return json.dumps(bill, indent=2) + "\n"


def _reference(name: str, locked: dict[str, Any]) -> str:
    return f"pkg:generic/{name}@{locked['version']}"


def _component(name: str, locked: dict[str, Any]) -> dict[str, Any]:
    # The archive that was used: a component may have two, upstream's and one that a distribution packed again.
    sha256 = fetch.digest(_archive(name))
    used = next(entry for entry in locked["files"] if entry["sha256"] == sha256)
    patches = [path.name for component in components.COMPONENTS if component.name == name for path in component.patches]
    described: dict[str, Any] = {
        "type": "library",
        "bom-ref": _reference(name, locked),
        "name": name,
        "version": locked["version"],
        "purl": _reference(name, locked),
        "licenses": [{"expression": locked["license"]}],
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "externalReferences": [{"type": "distribution", "url": url} for url in used.get("urls", ())],
    }
    if patches:
        described["pedigree"] = {
            "patches": [{"type": "unofficial", "diff": {"url": f"vendor/patches/{name}/{patch}"}} for patch in patches]
        }
    return described
