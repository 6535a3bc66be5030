"""What a wheel has to say about the libraries inside it: their licences, and a bill of materials.

Both are made of lock.json and the archives that it pins, when the wheel is made.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import components
import fetch
import openssl
from toolchain import BuildError

# The texts that must go wherever the code goes, by component.
_TEXTS = {
    "zookeeper": ("LICENSE.txt", "NOTICE.txt"),
    "cyrus-sasl": ("COPYING",),
    "openssl": ("LICENSE.txt",),
}


def names() -> list[str]:
    """List the components that are inside an extension built with these settings."""
    return ["zookeeper", "cyrus-sasl", *(["openssl"] if openssl.is_static() else [])]


def licences() -> dict[str, bytes]:
    """Read the licence texts of what is inside.

    Returns:
        Their bytes by path, ``<component>/<file>``.

    Raises:
        BuildError: an archive is not to be had, or has no such text any more.
    """
    fetcher = fetch.Fetcher()
    found: dict[str, bytes] = {}
    for component in names():
        try:
            archive = fetcher.fetch(component)
        except fetch.FetchError as error:
            raise BuildError(str(error)) from error
        with tarfile.open(archive) as tar:
            for member in tar:
                parts = Path(member.name).parts
                if member.isfile() and len(parts) == 2 and parts[1] in _TEXTS[component]:
                    content = tar.extractfile(member)
                    assert content is not None  # a regular file has content
                    found[f"{component}/{parts[1]}"] = content.read()
    missing = [f"{name}/{text}" for name in names() for text in _TEXTS[name] if f"{name}/{text}" not in found]
    if missing:
        raise BuildError(f"the licence {missing[0]} is not in its archive: see vendor/bundled.py")
    return found


def expression() -> str:
    """Join the licences of zkc and of what is inside, in SPDX's way."""
    lock = fetch.read_lock()
    return " AND ".join(dict.fromkeys(["Apache-2.0", *(str(lock[name]["license"]) for name in names())]))


def bill_of_materials(version: str) -> str:
    """Make a CycloneDX bill of materials for a wheel.

    Args:
        version: the version of zkc.
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
    upstream = next((entry for entry in locked["files"] if entry.get("urls")), locked["files"][0])
    patches = [path.name for component in components.COMPONENTS if component.name == name for path in component.patches]
    described: dict[str, Any] = {
        "type": "library",
        "bom-ref": _reference(name, locked),
        "name": name,
        "version": locked["version"],
        "purl": _reference(name, locked),
        "licenses": [{"license": {"id": locked["license"]}}],
        "hashes": [{"alg": "SHA-256", "content": upstream["sha256"]}],
        "externalReferences": [{"type": "distribution", "url": url} for url in upstream.get("urls", ())],
    }
    if patches:
        described["pedigree"] = {
            "patches": [{"type": "unofficial", "diff": {"url": f"vendor/patches/{name}/{patch}"}} for patch in patches]
        }
    return described
