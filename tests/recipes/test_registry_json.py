"""The JSON of instances: as Curator writes and reads it."""

import dataclasses
import json

import pytest

from zkc.recipes import Instance, ServiceType
from zkc.recipes._instance import InstanceFormatError, decode_instance, encode_instance

CURATOR = (
    b'{"name":"web","id":"a","address":"10.0.0.7","port":8080,"sslPort":null,'
    b'"payload":{"@class":"com.example.Details","weight":3},"registrationTimeUTC":1700000000123,'
    b'"serviceType":"DYNAMIC","uriSpec":{"parts":[{"value":"scheme","variable":true},{"value":"://","variable":false},'
    b'{"value":"address","variable":true},{"value":":","variable":false},{"value":"port","variable":true}]}}'
)
WEB = Instance(
    "web",
    "10.0.0.7",
    8080,
    id="a",
    payload={"weight": 3},
    payload_class="com.example.Details",
    registered_at=1700000000.123,
    uri_spec="{scheme}://{address}:{port}",
)


def decoded(data, codec=None):
    return decode_instance(data if isinstance(data, bytes) else json.dumps(data).encode(), "web", "node", codec)


def test_an_instance_is_written_and_read_byte_by_byte_as_by_curator():
    assert encode_instance(WEB, None) == CURATOR
    assert decoded(CURATOR) == WEB


def test_what_old_versions_do_not_know_is_written_only_if_it_says_something():
    assert b"enabled" not in encode_instance(WEB, None)
    assert b"tags" not in encode_instance(WEB, None)
    more = dataclasses.replace(WEB, enabled=False, tags={"b", "a"})
    assert encode_instance(more, None).endswith(b',"enabled":false,"tags":["a","b"]}')
    assert decoded(encode_instance(more, None)) == more


@pytest.mark.parametrize(
    ("payload", "java_class", "written"),
    [
        (None, None, None),
        ("text ü", None, "text ü"),
        (True, None, True),
        (7, None, 7),
        (1.5, None, 1.5),
        (2**31, None, ["java.lang.Long", 2**31]),
        (2**63, None, ["java.math.BigInteger", 2**63]),
        (["x", ["java.lang.Long", 5]], None, ["java.util.ArrayList", ["x", ["java.lang.Long", 5]]]),
        ({"k": [1]}, None, {"k": [1]}),
        ({"k": 1}, "java.util.HashMap", {"@class": "java.util.HashMap", "k": 1}),
        ("RED", "com.example.Color", ["com.example.Color", "RED"]),
        ([1], "java.util.LinkedList", ["java.util.LinkedList", [1]]),
        (5, "java.lang.Long", ["java.lang.Long", 5]),
    ],
)
def test_payloads_name_their_class_as_jackson_does(payload, java_class, written):
    one = Instance("web", payload=payload, payload_class=java_class)
    data = encode_instance(one, None)
    assert json.loads(data)["payload"] == written
    assert decoded(data) == one


def test_missing_fields_have_the_defaults_of_curator():
    assert decoded({}) == Instance("web", id="node", registered_at=0.0)
    assert decoded({"name": "w", "id": "i", "port": "80", "sslPort": 443.0, "more": 1}) == Instance(
        "w", None, 80, 443, id="i", registered_at=0.0
    )
    assert decoded({"serviceType": "PERMANENT"}).type is ServiceType.PERMANENT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"port":true}',
        b'{"port":"x"}',
        b'{"address":7}',
        b'{"serviceType":"OTHER"}',
        b'{"uriSpec":{"parts":7}}',
        b'{"name":"a/b"}',
        b"[" * 100000,
    ],
)
def test_what_is_no_instance_is_refused(data):
    with pytest.raises(InstanceFormatError):
        decoded(data)


def test_payloads_that_json_cannot_hold_are_refused():
    with pytest.raises(TypeError):
        encode_instance(Instance("web", payload=b"x"), None)
    with pytest.raises(ValueError, match="@class"):
        encode_instance(Instance("web", payload={"@class": "x"}), None)
    with pytest.raises(ValueError, match="JSON"):
        encode_instance(Instance("web", payload=float("nan")), None)


def test_uris_are_made_of_templates():
    assert WEB.uri() == "http://10.0.0.7:8080"
    assert WEB.uri(scheme="ftp") == "ftp://10.0.0.7:8080"
    secure = Instance("web", ssl_port=443, id="a", uri_spec="{ scheme }://{[}{name}{]}:{ssl-port}/{x}{service-type}")
    assert secure.uri() == "https://{web}:443/dynamic"
    assert secure.uri(x="y/") == "https://{web}:443/y/dynamic"
    assert decoded(encode_instance(secure, None)).uri() == secure.uri()
    braces = decoded({"uriSpec": {"parts": [{"value": "{x}", "variable": False}]}})
    assert braces.uri() == "{x}"
    with pytest.raises(ValueError, match="no uri_spec"):
        Instance("web").uri()
    for malformed in ("{a", "a}", "{a{b}}"):
        with pytest.raises(ValueError, match="brace"):
            Instance("web", uri_spec=malformed)


def test_instances_are_checked_and_hashed():
    assert hash(WEB) == hash(dataclasses.replace(WEB))
    assert dataclasses.replace(WEB, payload=None) != WEB
    assert Instance("web").id != Instance("web").id
    for options, error in [
        ({"port": "80"}, TypeError),
        ({"port": True}, TypeError),
        ({"ssl_port": 2**31}, ValueError),
        ({"address": 7}, TypeError),
        ({"id": ""}, ValueError),
        ({"type": "DYNAMIC"}, TypeError),
        ({"tags": "word"}, TypeError),
    ]:
        with pytest.raises(error):
            Instance("web", **options)
