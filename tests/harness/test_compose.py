"""A docker-compose file becomes the programs it says, or is refused by name."""

from pathlib import Path

import pytest

from harness.environments.compose import read_services
from harness.errors import EnvironmentFailed

NODES = ("n1", "n2", "n3")

STORE = """
version: "3.8"
x-common: &common
  image: "quay.test/etcd:v3.5"
  restart: always
services:
  etcd1: &etcd
    <<: *common
    command: etcd --name etcd1 --listen "http://0.0.0.0:2379"
    environment: [ALLOW=yes, "PRICE=$$5"]
    ports: ["2379:2379"]
    volumes: ["data1:/var/etcd", /var/spare]
    networks: {inner: {aliases: [first]}}
  etcd2:
    <<: *etcd
    command: [etcd, --name, etcd2]
    environment: {ALLOW: true, COUNT: 3}
    entrypoint: /bin/run --now
    volumes: [{type: volume, source: data2, target: /var/etcd}]
    depends_on: [etcd1]
    hostname: second
    user: 1000
    networks: [inner]
  etcd3:
    image: other
volumes: {data1: , data2: {driver: local}}
networks: {inner: {driver: bridge}}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "docker-compose.yml").write_text(text)
    return folder / "docker-compose.yml"


def test_each_service_is_a_node(tmp_path: Path) -> None:
    first, second, third = read_services(written(tmp_path, STORE), (), NODES)
    assert first.image == second.image == "quay.test/etcd:v3.5"
    assert first.command == ["etcd", "--name", "etcd1", "--listen", "http://0.0.0.0:2379"]
    assert first.environment == {"ALLOW": "yes", "PRICE": "$5"}
    assert first.volumes == {"data1": "/var/etcd", "unnamed1": "/var/spare"}
    assert first.aliases == ["etcd1", "first"]
    assert first.entrypoint is None
    assert second.command == ["etcd", "--name", "etcd2"]
    assert second.entrypoint == ["/bin/run", "--now"]
    assert second.environment == {"ALLOW": "true", "COUNT": "3"}
    assert second.volumes == {"data2": "/var/etcd"}
    assert (second.aliases, second.user) == (["etcd2", "second"], "1000")
    assert (first.hostname, second.hostname) == (None, "second")
    assert (third.image, third.command) == ("other", [])


def test_one_service_may_be_all_nodes(tmp_path: Path) -> None:
    programs = read_services(written(tmp_path, STORE), ("etcd3",), NODES)
    assert [program.image for program in programs] == ["other"] * 3
    assert [list(program.aliases) for program in programs] == [[]] * 3


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("build: .", "'build' of the service one"),
        ("privileged: true", "'privileged' of the service one"),
        ("network_mode: host", "'network_mode' of the service one"),
        ("env_file: .env", "'env_file' of the service one"),
        ("image: 'store:${VERSION}'", r"the variable in 'store:\$\{VERSION\}'"),
        ("volumes: ['./conf:/etc/conf']", "'./conf', which is no volume, in the service one"),
        ("volumes: ['data:/var:ro']", "the mode 'ro' of a volume of the service one"),
        ("environment: {SECRET: }", "the variable SECRET of the service one, without value"),
        ("depends_on: [proxy]", "that one depends on proxy, which is not a node"),
        ("networks: {inner: {ipv4_address: 10.0.0.1}}", "an address of its own"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(tmp_path: Path, line: str, refused: str) -> None:
    image = "" if line.startswith("image") else "    image: store\n"
    path = written(tmp_path, f"services:\n  one:\n{image}    {line}\n")
    with pytest.raises(EnvironmentFailed, match=refused) as failed:
        read_services(path, (), NODES[:1])
    assert str(failed.value).startswith(f"{path} asks for ")
    assert str(failed.value).endswith("not supported; leave it out")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: [", "is not YAML"),
        ("- a\n- b\n", "has no services"),
        ("services: {one: {command: x}}", "gives the service one no image"),
        ("services: {one: {image: a}, two: {image: b}}", "2 are named|there are 3 nodes"),
        ("services: {one: {image: a}}\nsecrets: {a: b}", "'secrets' at its top"),
        ("services: {one: {image: a}}\nvolumes: {d: {external: true}}", "'external' of the volume"),
        ("services: {one: {image: a}}\nnetworks: {d: {driver: overlay}}", "the driver 'overlay'"),
    ],
)
def test_a_file_that_is_not_whole_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(EnvironmentFailed, match=words):
        read_services(written(tmp_path, text), (), NODES)


def test_a_file_or_a_service_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match=r"cannot read .*: No such file"):
        read_services(tmp_path / "none.yml", (), NODES)
    with pytest.raises(EnvironmentFailed, match="has no service four; it has etcd1, etcd2, etcd3"):
        read_services(written(tmp_path, STORE), ("four",), NODES)
