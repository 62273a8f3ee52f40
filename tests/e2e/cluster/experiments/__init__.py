"""All experiments, by number."""

from tests.e2e.cluster.experiments.agents import AGENT_KILLED, AGENT_PAUSED
from tests.e2e.cluster.experiments.links import AGENTS_CUT_OFF, ETCD_CUT_OFF, LINKS_FLAP
from tests.e2e.cluster.experiments.members import DIRECTORY_LOST, MEMBERS_KILLED, QUORUM_LOST, RAFT_LEADER_KILLED
from tests.e2e.cluster.experiments.servers import ALL_KILLED, LEADER_KILLED, LEADER_PAUSED
from tests.e2e.cluster.trial import Experiment

EXPERIMENTS: dict[int, Experiment] = {
    one.number: one
    for one in (
        LEADER_KILLED,
        LEADER_PAUSED,
        ALL_KILLED,
        AGENT_KILLED,
        AGENT_PAUSED,
        MEMBERS_KILLED,
        RAFT_LEADER_KILLED,
        QUORUM_LOST,
        DIRECTORY_LOST,
        AGENTS_CUT_OFF,
        ETCD_CUT_OFF,
        LINKS_FLAP,
    )
}
