"""The class tells an operator's request from a workload's, whatever the names of functions."""

import pytest

from systems_under_test.node import Message
from systems_under_test.requests import (
    OPERATOR_FUNCTIONS,
    ErrorCode,
    OperatorRequest,
    Refusal,
    Request,
)
from systems_under_test.wire import Codec
from tests.systems_under_test.held_cluster import HeldCluster
from tests.systems_under_test.paxos_cluster import PaxosCluster
from tests.systems_under_test.raft_cluster import RaftCluster
from tests.systems_under_test.ring_cluster import RingCluster


@pytest.fixture(params=["raft", "paxos", "ring"])
def cluster(request: pytest.FixtureRequest) -> HeldCluster:
    if request.param == "ring":
        return RingCluster(3)
    made = RaftCluster(3) if request.param == "raft" else PaxosCluster(3)
    made.elect("n1")
    return made


def refused(cluster: HeldCluster, request: Request) -> bool:
    """Hand it to a node that could serve it; whether it is refused for what it asks."""
    before = cluster.live["n1"].facts()["members"]
    cluster.hand_over(Message("client", "n1", request))
    cluster.stabilize()
    assert cluster.live["n1"].facts()["members"] == before
    answer = cluster.answers[-1][1]
    return isinstance(answer, Refusal) and answer.error == ErrorCode.BAD_REQUEST.word


@pytest.mark.parametrize("function", [*OPERATOR_FUNCTIONS, "transfer-leadership"])
def test_a_client_is_no_operator(cluster: HeldCluster, function: str) -> None:
    assert refused(cluster, Request(0, 1, function, "k", "n3"))


@pytest.mark.parametrize("function", ["read", "write", "add", "remove"])
def test_an_operator_is_no_client(cluster: HeldCluster, function: str) -> None:
    assert refused(cluster, OperatorRequest(0, 1, function, "k", "n3"))


def test_the_class_survives_the_wire() -> None:
    codec = Codec()
    for request in (Request(0, 1, "members"), OperatorRequest(0, 1, "members")):
        assert type(codec.decode(codec.encode(request))) is type(request)
