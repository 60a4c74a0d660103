"""confluent-kafka (librdkafka), as programs use it, against the brokers behind the gateway."""

import threading
import time

from confluent_kafka import OFFSET_BEGINNING, ConsumerGroupTopicPartitions, KafkaError, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from cluster import needs, run, until
from librdkafka import (
    admin,
    consumer,
    done,
    fails_with,
    has_controller,
    has_leaders,
    insist,
    is_whole,
    name,
    new_topic,
    producer,
    read_all,
    registered_elsewhere,
    send,
    take,
)


def topics_are_created_and_listed(cluster):
    topic = new_topic(cluster, partitions=4)
    told = admin(cluster).list_topics(topic, timeout=10).topics[topic]
    assert sorted(told.partitions) == [0, 1, 2, 3]
    assert all(sorted(part.replicas) == [1, 2, 3] for part in told.partitions.values())
    again = admin(cluster).create_topics([NewTopic(topic, 1, 1)])
    fails_with(KafkaError.TOPIC_ALREADY_EXISTS, again)
    fails_with(KafkaError.INVALID_REPLICATION_FACTOR, admin(cluster).create_topics([NewTopic(name(), 1, 9)]))
    fails_with(KafkaError.INVALID_PARTITIONS, admin(cluster).create_topics([NewTopic(name(), 0, 1)]))
    fails_with(KafkaError.TOPIC_EXCEPTION, admin(cluster).create_topics([NewTopic("a b", 1, 1)]))
    wrong = NewTopic(name(), 1, 1, config={"retention.ms": "soon"})
    fails_with(KafkaError.INVALID_CONFIG, admin(cluster).create_topics([wrong]))
    told = admin(cluster).describe_cluster().result(30) if cluster.offers(60) else None
    assert told is None or len(told.nodes) == 3


@needs(DeleteTopics=20)
def topics_are_deleted(cluster):
    topic = new_topic(cluster)
    send(cluster, topic, range(10))
    done(admin(cluster).delete_topics([topic]))
    until("it to be gone", lambda: topic not in admin(cluster).list_topics(timeout=10).topics)
    fails_with(KafkaError.UNKNOWN_TOPIC_OR_PART, admin(cluster).delete_topics([topic]))
    done(admin(cluster).create_topics([NewTopic(topic, 1, 3)]))
    until("its leader", lambda: has_leaders(cluster, topic, 1))
    assert read_all(cluster, topic) == {0: []}, "the new one is empty"


@needs(CreatePartitions=37)
def partitions_are_added(cluster):
    topic = new_topic(cluster, partitions=1)
    send(cluster, topic, range(3))
    done(admin(cluster).create_partitions([NewPartitions(topic, 3)]))
    until("their leaders", lambda: has_leaders(cluster, topic, 3))
    send(cluster, topic, ["new"], partition=2)
    found = read_all(cluster, topic)
    assert [len(found[part]) for part in range(3)] == [3, 0, 1], found
    fails_with(
        KafkaError.INVALID_PARTITIONS, admin(cluster).create_partitions([NewPartitions(topic, 2)])
    )


@needs(DescribeConfigs=32)
def configs_are_described(cluster):
    topic = new_topic(cluster, retention_ms=86_400_000)
    resource = ConfigResource(ResourceType.TOPIC, topic)
    (found,) = done(admin(cluster).describe_configs([resource])).values()
    assert found["retention.ms"].value == "86400000" and not found["retention.ms"].is_default
    assert found["cleanup.policy"].value == "delete" and found["cleanup.policy"].is_default
    broker = ConfigResource(ResourceType.BROKER, "1")
    (found,) = done(admin(cluster).describe_configs([broker])).values()
    assert found["zookeeper.session.timeout.ms"].value == "6000"


@needs(DescribeConfigs=32, IncrementalAlterConfigs=44)
def configs_are_altered(cluster):
    topic = new_topic(cluster)

    def alter(kind, key, value):
        entry = ConfigEntry(key, value, incremental_operation=kind)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        return admin(cluster).incremental_alter_configs([resource])

    def value(key):
        resource = ConfigResource(ResourceType.TOPIC, topic)
        (found,) = done(admin(cluster).describe_configs([resource])).values()
        return found[key].value

    done(alter(AlterConfigOpType.SET, "max.message.bytes", "2000"))
    until("the new value", lambda: value("max.message.bytes") == "2000")
    failed = []
    out = producer(cluster)
    out.produce(topic, b"x" * 5000, on_delivery=lambda error, _: failed.append(error.code()))
    out.flush(30)
    assert failed == [KafkaError.MSG_SIZE_TOO_LARGE], failed
    done(alter(AlterConfigOpType.DELETE, "max.message.bytes", None))
    until("the default", lambda: value("max.message.bytes") == "1048588")
    send(cluster, topic, ["x" * 5000])
    # A value that is no number is a wrong request to 2.8 (ZkAdminManager.incrementalAlterConfigs).
    fails_with(KafkaError.INVALID_REQUEST, alter(AlterConfigOpType.SET, "retention.ms", "soon"))


@needs(DeleteRecords=21)
def records_are_deleted_up_to_an_offset(cluster):
    topic = new_topic(cluster, partitions=1)
    send(cluster, topic, range(10))
    (told,) = done(admin(cluster).delete_records([TopicPartition(topic, 0, 4)])).values()
    assert told.low_watermark == 4
    assert [offset for offset, _ in read_all(cluster, topic)[0]] == list(range(4, 10))


def consumers_seek_and_find_offsets_by_time(cluster):
    topic = new_topic(cluster, partitions=1)
    out = producer(cluster)
    for number in range(10):
        out.produce(topic, str(number).encode(), timestamp=1_700_000_000_000 + 1000 * number)
    assert out.flush(30) == 0
    reader = consumer(cluster, name("g"), enable_auto_commit="false")
    reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert take(reader, 3) == [b"0", b"1", b"2"]
    reader.seek(TopicPartition(topic, 0, 7))
    assert take(reader, 3) == [b"7", b"8", b"9"]
    for millis, offset in ((1_700_000_004_500, 5), (1_700_000_004_000, 4), (0, 0), (1_700_000_099_000, -1)):
        (found,) = reader.offsets_for_times([TopicPartition(topic, 0, millis)], timeout=10)
        assert found.offset == offset, (millis, found)
    assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 10)
    reader.close()


class Member:
    """A member of a group that reads on a thread of its own."""

    def __init__(self, cluster, group, topic, **more):
        self.values, self.owned, self.lock = [], set(), threading.Lock()
        self.running = True
        self.reader = consumer(cluster, group, auto_commit_interval_ms=200, **more)
        self.reader.subscribe([topic], on_assign=self.gain, on_revoke=self.lose, on_lost=self.lose)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def gain(self, _, parts):
        with self.lock:
            self.owned |= {part.partition for part in parts}

    def lose(self, _, parts):
        with self.lock:
            self.owned -= {part.partition for part in parts}

    def read(self):
        while self.running:
            record = self.reader.poll(0.1)
            if record and not record.error():
                self.values.append((record.partition(), record.offset(), int(record.value())))

    def leave(self):
        self.running = False
        self.thread.join(30)
        self.reader.close()


def owned_by(members, partitions):
    """True when each partition has one owner, and each member has some."""
    owned = [set(member.owned) for member in members]
    return all(owned) and sorted(part for one in owned for part in one) == list(range(partitions))


def groups_rebalance_as_members_come_and_go(cluster):
    topic, group = new_topic(cluster, partitions=6), name("g")
    members = [Member(cluster, group, topic)]
    until("the first member to own all", lambda: owned_by(members, 6))
    send(cluster, topic, range(0, 100))
    for count in (2, 3):
        members.append(Member(cluster, group, topic))
        until(f"{count} members", lambda: owned_by(members, 6))
        assert sorted(len(member.owned) for member in members)[0] == 6 // count
    send(cluster, topic, range(100, 200))
    until("all to be read", lambda: {v for m in members for _, _, v in m.values} >= set(range(200)))
    time.sleep(0.5)
    gone = members.pop(0)
    gone.leave()
    until("the others to take over", lambda: owned_by(members, 6))
    send(cluster, topic, range(200, 300))
    until(
        "all to be read",
        lambda: {v for m in [*members, gone] for _, _, v in m.values} >= set(range(300)),
    )
    for member in members:
        member.leave()
    read = [value for member in [*members, gone] for value in member.values]
    assert len(read) == len(set(read)) == 300, "clean rebalances read nothing twice"
    committed = consumer(cluster, group)
    offsets = committed.committed([TopicPartition(topic, part) for part in range(6)], timeout=10)
    committed.close()
    assert sum(max(part.offset, 0) for part in offsets) == 300, offsets


def groups_survive_their_coordinator(cluster):
    topic, group = new_topic(cluster, partitions=6), name("g")
    members = [Member(cluster, group, topic) for _ in range(2)]
    until("two members", lambda: owned_by(members, 6))
    out = producer(cluster, acks="all")
    acknowledged, stop = [], threading.Event()

    def pour():
        number = 0
        while not stop.is_set():
            out.produce(
                topic,
                str(number).encode(),
                on_delivery=lambda error, _, n=number: error or acknowledged.append(n),
            )
            number += 1
            out.poll(0.01)
        assert out.flush(60) == 0

    pouring = threading.Thread(target=pour)
    pouring.start()
    for broker in (1, 2, 3):
        cluster.act(f"kill broker-{broker}")
        until("it to be missed", lambda: broker not in cluster.registered())
        time.sleep(1)
        cluster.act(f"restart broker-{broker}")
        cluster.alive(broker)
        until("full replication", lambda: is_whole(cluster, topic))
        until("the offsets' replication", lambda: is_whole(cluster, "__consumer_offsets"))
    stop.set()
    pouring.join(90)
    until("all to be read", lambda: {v for m in members for _, _, v in m.values} >= set(acknowledged))
    until("two members", lambda: owned_by(members, 6))
    for member in members:
        member.leave()
    read = [value for member in members for value in member.values]
    places = {}
    for part, offset, value in read:
        assert places.setdefault((part, offset), value) == value, "a place holds one record for ever"
    twice = [value for value in set(acknowledged) if list(places.values()).count(value) > 2]
    assert not twice, f"more often than a retry can have it: {twice[:5]}"
    return f"{len(acknowledged)} acknowledged, {len(read)} read, {len(set(read))} of them once"


@needs(InitProducerId=22)
def an_idempotent_producer_writes_once_and_in_order_whatever_dies(cluster):
    topic = new_topic(cluster)
    out = producer(cluster, enable_idempotence="true", linger_ms=5)
    acknowledged, failed = {}, []

    def delivered(error, record):
        if error:
            failed.append(error)
        else:
            acknowledged[int(record.value())] = (record.partition(), record.offset())

    sent = 0
    faults = [(1, "kill", "restart"), (2, "power-off", "power-on"), (3, "pause", "resume"), (1, "isolate", "heal")]
    for broker, fault, cure in faults:
        for step in range(3):
            for _ in range(300):
                out.produce(topic, str(sent).encode(), key=str(sent % 10).encode(), on_delivery=delivered)
                sent += 1
                out.poll(0.002)
            if step == 0:
                cluster.act(f"{fault} broker-{broker}")
            if step == 1:
                until("it to be missed", lambda: broker not in registered_elsewhere(cluster, broker))
                cluster.act(f"{cure} broker-{broker}")
        cluster.alive(broker)
        until("full replication", lambda: is_whole(cluster, topic))
    assert out.flush(90) == 0 and not failed, failed[:3]
    found = read_all(cluster, topic)
    values = [int(value) for records in found.values() for _, value in records]
    assert sorted(values) == list(range(sent)), f"{sent} sent, {len(values)} read, {len(set(values))} different"
    for part, records in found.items():
        places = {int(value): (part, offset) for offset, value in records}
        assert all(acknowledged[value] == place for value, place in places.items())
        for key in range(10):
            mine = [int(value) for _, value in records if int(value) % 10 == key]
            assert mine == sorted(mine), (part, key)
    return f"{sent} sent and acknowledged, {len(values)} read"


@needs(CreatePartitions=37, DeleteTopics=20, DescribeConfigs=32, IncrementalAlterConfigs=44)
def administration_and_seeking_go_on_while_brokers_die(cluster):
    """With each broker away in turn: create, describe, alter, grow and delete topics, seek, find by time."""
    kept = {}
    for broker, fault, cure in ((1, "kill", "restart"), (2, "power-off", "power-on"), (3, "kill", "restart")):
        doomed = new_topic(cluster)
        cluster.act(f"{fault} broker-{broker}")
        until("it to be missed", lambda: broker not in registered_elsewhere(cluster, broker))
        until("a controller", lambda: has_controller(cluster, broker))
        topic = name()
        until("it to be made", lambda: insist(admin(cluster).create_topics([NewTopic(topic, 1, 2)])))
        until("its leader", lambda: has_leaders(cluster, topic, 1))
        replicas = admin(cluster).list_topics(topic, timeout=10).topics[topic].partitions[0].replicas
        assert len(replicas) == 2 and broker not in replicas, replicas
        entry = ConfigEntry("retention.ms", "86400000", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        until("the config", lambda: insist(admin(cluster).incremental_alter_configs([resource])))
        resource = ConfigResource(ResourceType.TOPIC, topic)
        (found,) = done(admin(cluster).describe_configs([resource])).values()
        assert found["retention.ms"].value == "86400000", found["retention.ms"]
        until("more partitions", lambda: insist(admin(cluster).create_partitions([NewPartitions(topic, 2)])))
        until("their leaders", lambda: has_leaders(cluster, topic, 2))
        out, began = producer(cluster, acks="all"), int(time.time() * 1000)
        for number in range(20):
            out.produce(topic, str(number).encode(), partition=0, timestamp=began + number)
        assert out.flush(60) == 0
        reader = consumer(cluster, name("g"), enable_auto_commit="false")
        reader.assign([TopicPartition(topic, 0, 15)])
        assert take(reader, 5) == [str(number).encode() for number in range(15, 20)]
        reader.seek(TopicPartition(topic, 0, 3))
        assert take(reader, 2) == [b"3", b"4"]
        (found,) = reader.offsets_for_times([TopicPartition(topic, 0, began + 7)], timeout=30)
        assert found.offset == 7, found
        reader.close()
        # One of its replicas is away: it goes for good when that broker is back.
        until("the deletion", lambda: insist(admin(cluster).delete_topics([doomed])))
        cluster.act(f"{cure} broker-{broker}")
        cluster.alive(broker)
        until("it to be gone", lambda: doomed not in admin(cluster).list_topics(timeout=10).topics)
        until("full replication", lambda: is_whole(cluster, "__consumer_offsets"))
        kept[topic] = 20
    for topic, count in kept.items():
        assert sum(len(records) for records in read_all(cluster, topic).values()) == count
    return f"{len(kept)} topics made, changed and read"


def records_survive_the_end_of_the_gateway(cluster):
    topic, group = new_topic(cluster), name("g")
    send(cluster, topic, range(100))
    reader = consumer(cluster, group, enable_auto_commit="false")
    reader.subscribe([topic])
    take(reader, 60)
    reader.commit(asynchronous=False)
    before = reader.committed([TopicPartition(topic, part) for part in range(3)], timeout=10)
    reader.close()
    cluster.stop()
    cluster.start()
    found = read_all(cluster, topic)
    assert sorted(int(value) for records in found.values() for _, value in records) == list(range(100))
    reader = consumer(cluster, group)
    after = reader.committed([TopicPartition(topic, part) for part in range(3)], timeout=30)
    assert [p.offset for p in before] == [p.offset for p in after], (before, after)
    reader.subscribe([topic])
    assert len(take(reader, 40)) == 40
    reader.close()
    cluster.process.kill()
    cluster.process.wait()
    cluster.start()
    again = read_all(cluster, topic)
    assert again == found, "nothing is lost when the gateway is killed"


@needs(DescribeGroups=15, ListGroups=16)
def groups_are_listed_and_described(cluster):
    topic, group = new_topic(cluster), name("g")
    member = Member(cluster, group, topic, client_id="the-client")
    until("the member", lambda: owned_by([member], 3))
    listed = admin(cluster).list_consumer_groups().result(30)
    assert not listed.errors and group in [g.group_id for g in listed.valid]
    (told,) = done(admin(cluster).describe_consumer_groups([group])).values()
    (only,) = told.members
    assert only.client_id == "the-client" and told.state.name == "STABLE", told.state
    assert {part.partition for part in only.assignment.topic_partitions} == {0, 1, 2}
    send(cluster, topic, range(30))
    until("all to be read", lambda: len(member.values) == 30)
    member.leave()
    request = [ConsumerGroupTopicPartitions(group)]
    (told,) = done(admin(cluster).list_consumer_group_offsets(request)).values()
    assert sum(max(part.offset, 0) for part in told.topic_partitions) == 30, told.topic_partitions
    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 1)])
    done(admin(cluster).alter_consumer_group_offsets([moved]))
    (told,) = done(admin(cluster).list_consumer_group_offsets(request)).values()
    assert {p.partition: p.offset for p in told.topic_partitions}[0] == 1
    (told,) = done(admin(cluster).describe_consumer_groups([group])).values()
    assert told.state.name == "EMPTY" and not told.members


@needs(DeleteGroups=42)
def groups_are_deleted(cluster):
    topic, group = new_topic(cluster), name("g")
    member = Member(cluster, group, topic)
    until("the member", lambda: owned_by([member], 3))
    fails_with(KafkaError.NON_EMPTY_GROUP, admin(cluster).delete_consumer_groups([group]))
    member.leave()
    done(admin(cluster).delete_consumer_groups([group]))
    listed = admin(cluster).list_consumer_groups().result(30)
    assert group not in [g.group_id for g in listed.valid]


@needs(AddPartitionsToTxn=24, EndTxn=26)
def transactions_are_seen_whole_or_not_at_all(cluster):
    topic = new_topic(cluster)
    out = producer(cluster, transactional_id=name("x"))
    out.init_transactions(60)
    kept = []
    for turn in range(10):
        out.begin_transaction()
        values = list(range(turn * 10, turn * 10 + 10))
        for value in values:
            out.produce(topic, str(value).encode(), key=str(value).encode())
        if turn % 3 == 2:
            out.abort_transaction(30)
        else:
            out.commit_transaction(30)
            kept += values
    found = read_all(cluster, topic)
    assert sorted(int(value) for records in found.values() for _, value in records) == kept


run(
    "confluent-kafka",
    [
        topics_are_created_and_listed,
        topics_are_deleted,
        partitions_are_added,
        configs_are_described,
        configs_are_altered,
        records_are_deleted_up_to_an_offset,
        consumers_seek_and_find_offsets_by_time,
        groups_rebalance_as_members_come_and_go,
        groups_are_listed_and_described,
        groups_are_deleted,
        transactions_are_seen_whole_or_not_at_all,
        records_survive_the_end_of_the_gateway,
        groups_survive_their_coordinator,
        administration_and_seeking_go_on_while_brokers_die,
        an_idempotent_producer_writes_once_and_in_order_whatever_dies,
    ],
)
