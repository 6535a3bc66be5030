"""Generate zookeeper.jute.c and zookeeper.jute.h from zookeeper.jute, without Java.

Jute is ZooKeeper's interface language: modules of classes of typed fields. Upstream's generator is a Java program. This
generator supports the subset that zookeeper.jute uses, so that a build needs no Java. Its output has the same bytes; a
test compares the two.

``generate(..., hardened=True)``, which our build uses, reads records more carefully. It zeroes a record first, because
the library frees every field whatever ``deserialize_X`` returned. Otherwise, after a reply that ends early, it would
free random values of the stack. And a vector reports an element that did not parse, or a lack of memory.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Union

# Jute's type -> (C type, suffix of recordio.h's functions, needs deallocate_<suffix>).
_PRIMITIVES = {
    "int": ("int32_t", "Int", False),
    "long": ("int64_t", "Long", False),
    "boolean": ("int32_t", "Bool", False),
    "ustring": ("char *", "String", True),
    "buffer": ("struct buffer", "Buffer", True),
}

_TOKEN = re.compile(r"\s+|//[^\n]*|/\*.*?\*/|(?P<word>[A-Za-z_][\w.]*)|(?P<mark>[{};<>])", re.DOTALL)

_LICENSE = """\
/**
* Licensed to the Apache Software Foundation (ASF) under one
* or more contributor license agreements.  See the NOTICE file
* distributed with this work for additional information
* regarding copyright ownership.  The ASF licenses this file
* to you under the Apache License, Version 2.0 (the
* "License"); you may not use this file except in compliance
* with the License.  You may obtain a copy of the License at
*
*     http://www.apache.org/licenses/LICENSE-2.0
*
* Unless required by applicable law or agreed to in writing, software
* distributed under the License is distributed on an "AS IS" BASIS,
* WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
* See the License for the specific language governing permissions and
* limitations under the License.
*/

"""


class JuteError(Exception):
    """Raised when the interface file has something that this generator does not support."""


@dataclass(frozen=True)
class Type:
    """A field's type: a primitive, a record, or a vector of either."""

    name: str
    is_vector: bool = False

    @property
    def element(self) -> Type:
        """The type of a vector's elements."""
        return Type(self.name)

    @property
    def suffix(self) -> str:
        """The type's part in function names, such as ``Int``, ``Stat`` or ``ACL_vector``."""
        base = _PRIMITIVES[self.name][1] if self.name in _PRIMITIVES else self.name
        return base + "_vector" if self.is_vector else base

    @property
    def c_type(self) -> str:
        """The type's spelling in C."""
        if not self.is_vector and self.name in _PRIMITIVES:
            return _PRIMITIVES[self.name][0]
        return "struct " + self.suffix

    @property
    def owns_memory(self) -> bool:
        """Whether a field of this type has to be deallocated."""
        return self.is_vector or self.name not in _PRIMITIVES or _PRIMITIVES[self.name][2]

    def call(self, verb: str, archive: str, tag: str, target: str) -> str:
        """Return the C expression that moves a value between *target* and *archive*."""
        is_method = not self.is_vector and self.name in _PRIMITIVES
        function = f"{archive}->{verb}_{self.suffix}" if is_method else f"{verb}_{self.suffix}"
        return f'{function}({archive}, "{tag}", &{target})'


@dataclass(frozen=True)
class Record:
    """One class of the interface file: its name and its (type, field name) pairs in order."""

    name: str
    fields: tuple[tuple[Type, str], ...]


class _Parser:
    """A recursive-descent parser: one method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = list(self._split(text))
        self._at = 0

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, int]]:
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise JuteError(f"line {text.count(chr(10), 0, at) + 1}: unexpected {text[at]!r}")
            if match.lastgroup is not None:
                yield match.group(), text.count("\n", 0, at) + 1
            at = match.end()

    def _next(self) -> tuple[str, int]:
        if self._at >= len(self._tokens):
            raise JuteError("the file ends in the middle of a declaration")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, wanted: str) -> None:
        token, line = self._next()
        if token != wanted:
            raise JuteError(f"line {line}: expected {wanted!r}, found {token!r}")

    def _accept(self, wanted: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == wanted:
            self._at += 1
            return True
        return False

    def file(self) -> list[Record]:
        records = []
        while self._at < len(self._tokens):
            self._expect("module")
            self._next()
            self._expect("{")
            while not self._accept("}"):
                records.append(self._record())
        return records

    def _record(self) -> Record:
        self._expect("class")
        name, _ = self._next()
        self._expect("{")
        fields = []
        while not self._accept("}"):
            kind = self._type()
            fields.append((kind, self._next()[0]))
            self._expect(";")
        return Record(name, tuple(fields))

    def _type(self) -> Type:
        token, line = self._next()
        if token == "vector":
            self._expect("<")
            element = self._type()
            self._expect(">")
            if element.is_vector:
                raise JuteError(f"line {line}: a vector of vectors is not supported")
            return Type(element.name, is_vector=True)
        if token in ("byte", "float", "double", "map"):
            raise JuteError(f"line {line}: the C library has no type for {token!r}")
        # In C a record has only its last name: modules exist in Java only.
        return Type(token.rpartition(".")[2])


def parse(text: str) -> list[Record]:
    """Parse an interface file into its records, in order; raise JuteError where it is not supported."""
    records = _Parser(text).file()
    known = {record.name for record in records} | set(_PRIMITIVES)
    for record in records:
        for kind, field in record.fields:
            if kind.name not in known:
                raise JuteError(f"{record.name}.{field} has the unknown type {kind.name!r}")
    return records


def _vectors_before_use(records: list[Record]) -> Iterator[Union[Type, Record]]:
    """Yield each record after the vectors that it is the first to use."""
    seen = set()
    for record in records:
        for kind, _ in record.fields:
            if kind.is_vector and kind not in seen:
                seen.add(kind)
                yield kind
        yield record


def _prototypes(name: str, in_space: str) -> list[str]:
    return [
        f"int serialize_{name}(struct oarchive *out, const char *tag, struct {name} *v)",
        f"int deserialize_{name}(struct iarchive *in, const char *tag, struct {name}{in_space}*v)",
    ]


def _header(records: list[Record], guard: str) -> str:
    lines = [
        f"#ifndef {guard}",
        f"#define {guard}",
        '#include "recordio.h"',
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
    ]
    for item in _vectors_before_use(records):
        if isinstance(item, Type):
            name = item.suffix
            lines += [f"struct {name} {{", "    int32_t count;", f"    {item.element.c_type} *data;", "", "};"]
            lines += [prototype + ";" for prototype in _prototypes(name, " ")]
            lines += [
                f"int allocate_{name}(struct {name} *v, int32_t len);",
                f"int deallocate_{name}(struct {name} *v);",
            ]
        else:
            lines += [f"struct {item.name} {{"]
            lines += [f"    {kind.c_type} {field};" for kind, field in item.fields]
            lines += ["};"]
            lines += [prototype + ";" for prototype in _prototypes(item.name, "")]
            lines += [f"void deallocate_{item.name}(struct {item.name}*);"]
    lines += ["", "#ifdef __cplusplus", "}", "#endif", "", f"#endif //{guard.strip('_')}__", ""]
    return _LICENSE + "\n".join(lines)


def _record_source(record: Record, hardened: bool) -> list[str]:
    lines = []
    for verb, archive, prototype in zip(("serialize", "deserialize"), ("out", "in"), _prototypes(record.name, "")):
        lines += [prototype + "{", "    int rc;"]
        if hardened and verb == "deserialize":
            lines += ["    memset(v, 0, sizeof(*v));"]
        lines += [f"    rc = {archive}->start_record({archive}, tag);"]
        lines += [
            f"    rc = rc ? rc : {kind.call(verb, archive, field, 'v->' + field)};" for kind, field in record.fields
        ]
        lines += [f"    rc = rc ? rc : {archive}->end_record({archive}, tag);", "    return rc;", "}"]
    lines += [f"void deallocate_{record.name}(struct {record.name}*v){{"]
    lines += [f"    deallocate_{kind.suffix}(&v->{field});" for kind, field in record.fields if kind.owns_memory]
    return [*lines, "}"]


def _vector_source(vector: Type, hardened: bool) -> list[str]:
    name, element = vector.suffix, vector.element
    serialize, deserialize = _prototypes(name, " ")
    lines = [f"int allocate_{name}(struct {name} *v, int32_t len) {{"]
    lines += [
        "    if (!len) {",
        "        v->count = 0;",
        "        v->data = 0;",
        "    } else {",
        "        v->count = len;",
    ]
    lines += ["        v->data = calloc(sizeof(*v->data), len);", "    }", "    return 0;", "}"]
    lines += [f"int deallocate_{name}(struct {name} *v) {{", "    if (v->data) {", "        int32_t i;"]
    lines += ["        for(i=0;i<v->count; i++) {"]
    lines += [f"            deallocate_{element.suffix}(&v->data[i]);"] if element.owns_memory else []
    lines += ["        }", "        free(v->data);", "        v->data = 0;", "    }", "    return 0;", "}"]
    lines += [serialize, "{", "    int32_t count = v->count;", "    int rc = 0;", "    int32_t i;"]
    lines += ["    rc = out->start_vector(out, tag, &count);", "    for(i=0;i<v->count;i++) {"]
    lines += [f"    rc = rc ? rc : {element.call('serialize', 'out', 'data', 'v->data[i]')};", "    }"]
    lines += ["    rc = rc ? rc : out->end_vector(out, tag);", "    return rc;", "}"]
    lines += [deserialize, "{", "    int rc = 0;", "    int32_t i;", "    rc = in->start_vector(in, tag, &v->count);"]
    if hardened:
        # A negative count is Java's null. Allocating may fail, and end_vector() must not overwrite an error.
        lines += [
            "    v->data = 0;",
            "    if (rc || v->count <= 0) {",
            "        v->count = 0;",
            "        return rc;",
            "    }",
        ]
    lines += ["    v->data = calloc(v->count, sizeof(*v->data));"]
    if hardened:
        lines += ["    if (!v->data) {", "        v->count = 0;", "        return -1;", "    }"]
    lines += ["    for(i=0;i<v->count;i++) {"]
    lines += [f"    rc = rc ? rc : {element.call('deserialize', 'in', 'value', 'v->data[i]')};", "    }"]
    return [*lines, f"    rc = {'rc ? rc : ' if hardened else ''}in->end_vector(in, tag);", "    return rc;", "}"]


def _source(records: list[Record], header_name: str, hardened: bool) -> str:
    lines = ["#include <stdlib.h>", *(["#include <string.h>"] if hardened else []), f'#include "{header_name}"', ""]
    for item in _vectors_before_use(records):
        lines += _vector_source(item, hardened) if isinstance(item, Type) else _record_source(item, hardened)
    return _LICENSE + "\n".join(lines) + "\n"


def generate(text: str, name: str = "zookeeper.jute", *, hardened: bool = False) -> dict[str, str]:
    """Translate an interface file into C.

    Args:
        text: the interface file's text.
        name: the interface file's name, from which the C files get theirs.
        hardened: whether to read records more carefully (see the module's docstring).

    Returns:
        The C header and the C source, by file name.

    Raises:
        JuteError: the text is not supported.
    """
    records = parse(text)
    guard = "__" + re.sub(r"\W", "_", name).upper() + "__"
    return {f"{name}.h": _header(records, guard), f"{name}.c": _source(records, f"{name}.h", hardened)}


def main() -> None:
    """Write the C files for the interface file (first argument) into a folder (second argument, default ``.``)."""
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python vendor/jute.py FILE.jute [FOLDER]")
    source = Path(sys.argv[1])
    folder = Path(sys.argv[2] if len(sys.argv) == 3 else ".")
    for file_name, text in generate(source.read_text(encoding="utf-8"), source.name).items():
        (folder / file_name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
