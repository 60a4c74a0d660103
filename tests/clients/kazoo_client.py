"""kazoo, ZooKeeper's Python client, against the ensemble behind the gateway."""

import json
import logging
import threading
import time
import uuid

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NoAuthError, NodeExistsError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState
from kazoo.recipe.watchers import ChildrenWatch, DataWatch
from kazoo.security import make_digest_acl

from cluster import Cluster, run, until

# Servers are killed on purpose; that kazoo finds them gone is no news.
logging.getLogger("kazoo").setLevel(logging.CRITICAL)


def connect(cluster, timeout=6.0, server=None):
    """A started client; of one server when that is named."""
    hosts = f"localhost:{cluster.zookeeper_port + server - 1}" if server else cluster.ensemble
    client = KazooClient(hosts=hosts, timeout=timeout)
    client.start(timeout=30)
    return client


def root(client):
    """A znode of this check's own."""
    return client.create(f"/check-{uuid.uuid4().hex}", b"")


def znodes_are_created_read_changed_and_deleted(cluster):
    client = connect(cluster)
    base = root(client)
    path, stat = client.create(f"{base}/a", b"one", include_data=True)
    assert (path, stat.version, stat.dataLength) == (f"{base}/a", 0, 3)
    assert client.get(path)[0] == b"one"
    assert client.set(path, b"two", version=0).version == 1
    for call in (lambda: client.set(path, b"x", version=0), lambda: client.delete(path, version=7)):
        try:
            call()
            raise AssertionError("a stale version was taken")
        except BadVersionError:
            pass
    try:
        client.create(path, b"")
        raise AssertionError("it exists")
    except NodeExistsError:
        pass
    client.ensure_path(f"{base}/b/c/d")
    assert sorted(client.get_children(base)) == ["a", "b"]
    children, stat = client.get_children(base, include_data=True)
    assert stat.numChildren == 2 and stat.cversion == 2, stat
    client.delete(f"{base}/b", recursive=True)
    client.delete(path, version=1)
    assert client.exists(path) is None
    try:
        client.get(path)
        raise AssertionError("it is gone")
    except NoNodeError:
        pass
    client.stop()


def sequences_count_up(cluster):
    client = connect(cluster)
    base = root(client)
    names = [client.create(f"{base}/n-", b"", sequence=True) for _ in range(5)]
    assert names == [f"{base}/n-{n:010}" for n in range(5)], names
    client.stop()


def transactions_happen_whole_or_not_at_all(cluster):
    client = connect(cluster)
    base = root(client)
    good = client.transaction()
    good.create(f"{base}/a", b"1")
    good.check(base, 0)
    good.set_data(f"{base}/a", b"2")
    results = good.commit()
    assert results[0] == f"{base}/a" and results[2].version == 1, results
    bad = client.transaction()
    bad.create(f"{base}/b", b"")
    bad.delete(f"{base}/nothing")
    assert any(isinstance(result, NoNodeError) for result in bad.commit())
    assert client.exists(f"{base}/b") is None
    client.stop()


def access_lists_are_kept(cluster):
    owner, stranger = connect(cluster), connect(cluster)
    owner.add_auth("digest", "ann:secret")
    base = root(owner)
    acl = [make_digest_acl("ann", "secret", all=True)]
    path = owner.create(f"{base}/mine", b"x", acl=acl)
    assert owner.get(path)[0] == b"x"
    try:
        stranger.get(path)
        raise AssertionError("a stranger read it")
    except NoAuthError:
        pass
    assert owner.get_acls(path)[0] == acl
    owner.stop()
    stranger.stop()


def watches_fire_for_data_and_children(cluster):
    writer, reader = connect(cluster, server=1), connect(cluster, server=2)
    base = root(writer)
    reader.sync(base)
    data, children = [], []
    DataWatch(reader, f"{base}/a", lambda value, stat: data.append(value))
    ChildrenWatch(reader, base, lambda names: children.append(sorted(names)))
    writer.create(f"{base}/a", b"1")
    until("the first value", lambda: data[-1:] == [b"1"])
    writer.set(f"{base}/a", b"2")
    until("the second value", lambda: data[-1:] == [b"2"])
    writer.delete(f"{base}/a")
    until("its end", lambda: data[-1:] == [None])
    until("children gone", lambda: children[-1:] == [[]] and ["a"] in children)
    writer.stop()
    reader.stop()


def ephemerals_go_with_their_session(cluster):
    owner, other = connect(cluster), connect(cluster)
    base = root(owner)
    path = owner.create(f"{base}/e", b"", ephemeral=True)
    assert other.exists(path).ephemeralOwner == owner.client_id[0]
    owner.stop()
    other.sync(path)
    assert other.exists(path) is None
    other.stop()


def a_session_that_falls_silent_expires(cluster):
    silent, other = connect(cluster, timeout=4.0, server=3), connect(cluster, server=1)
    base = root(silent)
    path = silent.create(f"{base}/e", b"", ephemeral=True)
    lost = threading.Event()
    silent.add_listener(lambda state: lost.set() if state == KazooState.LOST else None)
    cluster.act("isolate zookeeper-3")
    began = time.monotonic()
    until("the ephemeral to go", lambda: other.exists(path) is None)
    took = time.monotonic() - began
    cluster.act("heal zookeeper-3")
    assert lost.wait(30), "the client must hear that its session is over"
    assert took > 2.0, took
    silent.stop()
    other.stop()
    return f"after {took:.1f} s"


def a_lock_has_one_holder(cluster):
    clients = [connect(cluster) for _ in range(3)]
    base = root(clients[0])
    inside, most, turns = [0], [0], [0]
    guard = threading.Lock()

    def work(client, name):
        for _ in range(5):
            with client.Lock(f"{base}/lock", name):
                with guard:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.01)
                with guard:
                    inside[0] -= 1
                    turns[0] += 1

    threads = [threading.Thread(target=work, args=(c, str(n))) for n, c in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert turns == [15] and most == [1], (turns, most)
    for client in clients:
        client.stop()


def an_election_has_one_leader_and_then_another(cluster):
    clients = [connect(cluster) for _ in range(2)]
    base = root(clients[0])
    led = []
    release = threading.Event()

    def lead(number):
        led.append(number)
        release.wait(30)

    def run_for(number):
        # A candidate whose client stops leaves its election with an error.
        try:
            clients[number].Election(f"{base}/election", str(number)).run(lead, number)
        except Exception:
            pass

    threads = [threading.Thread(target=run_for, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    until("a leader", lambda: led)
    time.sleep(0.5)
    assert len(led) == 1, led
    clients[led[0]].stop()
    until("the next leader", lambda: len(led) == 2)
    assert sorted(led) == [0, 1], led
    release.set()
    for thread in threads:
        thread.join(30)
    clients[led[1]].stop()


def a_barrier_holds_until_it_is_removed(cluster):
    keeper, waiter = connect(cluster), connect(cluster)
    base = root(keeper)
    barrier = keeper.Barrier(f"{base}/barrier")
    barrier.create()
    assert not waiter.Barrier(f"{base}/barrier").wait(0.3)
    passed = []
    thread = threading.Thread(
        target=lambda: passed.append(waiter.Barrier(f"{base}/barrier").wait(30))
    )
    thread.start()
    time.sleep(0.3)
    assert not passed
    barrier.remove()
    thread.join(30)
    assert passed == [True]
    both = [keeper.DoubleBarrier(f"{base}/double", 2), waiter.DoubleBarrier(f"{base}/double", 2)]
    threads = [threading.Thread(target=one.enter) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(one.participating for one in both)
    threads = [threading.Thread(target=one.leave) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    keeper.stop()
    waiter.stop()


def queues_give_each_entry_once(cluster):
    giver, taker = connect(cluster), connect(cluster)
    base = root(giver)
    queue, other = giver.Queue(f"{base}/queue"), taker.Queue(f"{base}/queue")
    for number in range(10):
        queue.put(str(number).encode())
    taken = [(queue if number % 2 else other).get() for number in range(10)]
    assert taken == [str(number).encode() for number in range(10)], taken
    locking = giver.LockingQueue(f"{base}/locking")
    locking.put(b"entry")
    held = taker.LockingQueue(f"{base}/locking")
    assert held.get(10) == b"entry" and held.holds_lock()
    assert locking.get(0.3) is None
    held.consume()
    assert len(locking) == 0
    counter = giver.Counter(f"{base}/counter")
    counter += 2
    assert taker.Counter(f"{base}/counter").value == 2
    giver.stop()
    taker.stop()


def server_of(client, cluster):
    """The number of the server that a client is connected to; 0 while it is to none."""
    try:
        return client._connection._socket.getpeername()[1] - cluster.zookeeper_port + 1
    except (OSError, AttributeError):
        return 0


def back(cluster, server):
    """Waits until a server serves clients again."""

    def answers():
        try:
            connect_once = KazooClient(hosts=f"localhost:{cluster.zookeeper_port + server - 1}")
            connect_once.start(timeout=2)
            connect_once.stop()
            return True
        except KazooTimeoutError:
            return False
        finally:
            connect_once.close()

    until(f"server {server} to come back", answers)


def a_client_moves_to_another_server_when_its_own_is_killed(cluster):
    client = connect(cluster, timeout=10.0)
    base = root(client)
    path = client.create(f"{base}/e", b"0", ephemeral=True)
    states, watched = [], []
    client.add_listener(states.append)
    DataWatch(client, path, lambda value, stat: watched.append(value))
    session, ways = client.client_id[0], []
    for turn in range(1, 4):
        dead = server_of(client, cluster)
        cluster.act(f"kill zookeeper-{dead}")
        until("another server", lambda: client.connected and server_of(client, cluster) not in (0, dead))
        ways.append(f"{dead} to {server_of(client, cluster)}")
        client.retry(client.set, path, str(turn).encode())
        until("the watch that moved along", lambda: watched[-1:] == [str(turn).encode()])
        assert client.exists(path).ephemeralOwner == session == client.client_id[0]
        cluster.act(f"restart zookeeper-{dead}")
        back(cluster, dead)
    assert KazooState.LOST not in states and KazooState.SUSPENDED in states, states
    client.stop()
    return ", ".join(ways)


def nothing_is_written_without_a_quorum_and_nothing_is_lost(cluster):
    client = connect(cluster, timeout=20.0)
    base = root(client)
    acknowledged = []
    for number in range(20):
        acknowledged.append(client.create(f"{base}/before-{number}", b""))
    for server in (1, 2):
        cluster.act(f"kill zookeeper-{server}")
    until("the client to be cut off", lambda: not client.connected)
    time.sleep(2.0)
    assert not client.connected, "one server of three must not serve"
    for server in (1, 2):
        cluster.act(f"restart zookeeper-{server}")
    until("the ensemble", lambda: client.connected)
    acknowledged.append(client.retry(client.create, f"{base}/after", b""))
    names = client.retry(client.get_children, base)
    assert sorted(f"{base}/{name}" for name in names) == sorted(acknowledged)
    client.stop()


def what_was_acknowledged_stays_whatever_dies(cluster):
    """Clients write on while each server in turn is killed, loses its power, is paused or cut off."""
    clients = [connect(cluster, timeout=20.0) for _ in range(3)]
    base = root(clients[0])
    counters = [client.create(f"{base}/counter-{n}", b"0") for n, client in enumerate(clients)]
    stop, acknowledged, last = threading.Event(), [], [0, 0, 0]

    def write(number):
        client = clients[number]
        while not stop.is_set():
            # A sequence may be counted twice when an answer was lost; a value is not.
            path = client.retry(client.create, f"{base}/w{number}-", b"", sequence=True)
            acknowledged.append(path)
            client.retry(client.set, counters[number], str(last[number] + 1).encode())
            last[number] += 1
            time.sleep(0.01)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    faults = [("kill", "restart"), ("power-off", "power-on"), ("pause", "resume"), ("isolate", "heal")]
    for turn, (fault, cure) in enumerate(faults):
        before = len(acknowledged)
        until("some writes", lambda: len(acknowledged) > before + 20)
        server = turn % 3 + 1
        cluster.act(f"{fault} zookeeper-{server}")
        time.sleep(3.0)
        cluster.act(f"{cure} zookeeper-{server}")
        back(cluster, server)
    stop.set()
    for thread in threads:
        thread.join(60)
    for server in (1, 2, 3):
        reader = connect(cluster, server=server)
        reader.sync(base)
        names = {f"{base}/{name}" for name in reader.get_children(base)}
        assert set(acknowledged) <= names, sorted(set(acknowledged) - names)[:5]
        values = [int(reader.get(counter)[0]) for counter in counters]
        assert values == last, (server, values, last)
        reader.stop()
    assert len(set(acknowledged)) == len(acknowledged), "no number was given twice"
    for client in clients:
        client.stop()
    return f"{len(acknowledged)} writes, each on all three servers"


def a_broker_is_seen_to_go_and_to_come_back(cluster):
    client = connect(cluster)
    seen = []
    ChildrenWatch(client, "/brokers/ids", lambda ids: seen.append(sorted(ids)))
    until("the broker", lambda: seen[-1:] == [["1"]])
    epoch = int(client.get("/controller_epoch")[0])
    registered = client.get("/brokers/ids/1")[1]
    assert registered.ephemeralOwner != 0
    told = json.loads(client.get("/brokers/ids/1")[0])
    assert told["endpoints"] == [f"PLAINTEXT://localhost:{cluster.kafka_port}"], told
    cluster.act("kill broker-1")
    until("it to go", lambda: seen[-1:] == [[]])
    assert client.exists("/controller") is None
    cluster.act("restart broker-1")
    until("it to come back", lambda: seen[-1:] == [["1"]])
    assert client.get("/brokers/ids/1")[1].czxid > registered.czxid
    until("the next controller", lambda: int(client.get("/controller_epoch")[0]) == epoch + 1)
    client.stop()


run(
    "kazoo",
    [
        znodes_are_created_read_changed_and_deleted,
        sequences_count_up,
        transactions_happen_whole_or_not_at_all,
        access_lists_are_kept,
        watches_fire_for_data_and_children,
        ephemerals_go_with_their_session,
        a_session_that_falls_silent_expires,
        a_lock_has_one_holder,
        an_election_has_one_leader_and_then_another,
        a_barrier_holds_until_it_is_removed,
        queues_give_each_entry_once,
        a_client_moves_to_another_server_when_its_own_is_killed,
        nothing_is_written_without_a_quorum_and_nothing_is_lost,
        what_was_acknowledged_stays_whatever_dies,
        a_broker_is_seen_to_go_and_to_come_back,
    ],
    Cluster(brokers=1),
)
