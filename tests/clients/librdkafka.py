"""librdkafka by its Python module: clients of a cluster, and what every check does with them."""

import collections
import time
import uuid

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from cluster import until


def quiet(*_):
    """Brokers are killed on purpose; that librdkafka finds them gone is no news."""


def admin(cluster):
    """A client that learns anew who the controller is; the last few live on with what they asked."""
    if not hasattr(cluster, "admins"):
        cluster.admins = collections.deque(maxlen=8)
    words = {"bootstrap.servers": cluster.bootstrap, "error_cb": quiet, "log_level": 0}
    cluster.admins.append(AdminClient(words))
    return cluster.admins[-1]


def producer(cluster, **more):
    words = {key.replace("_", "."): value for key, value in more.items()}
    return Producer(
        {"bootstrap.servers": cluster.bootstrap, "error_cb": quiet, "log_level": 0, **words}
    )


def consumer(cluster, group, **more):
    words = {key.replace("_", "."): value for key, value in more.items()}
    return Consumer(
        {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            "error_cb": quiet,
            "log_level": 0,
            **words,
        }
    )


def name(kind="t"):
    return f"{kind}-{uuid.uuid4().hex[:8]}"


def done(futures, patience_s=30):
    """What became of each part of an admin request."""
    return {key: future.result(patience_s) for key, future in futures.items()}


def fails_with(code, futures):
    """Each part of an admin request must fail so."""
    for future in futures.values():
        try:
            future.result(30)
        except KafkaException as error:
            assert error.args[0].code() == code, error
        else:
            raise AssertionError(f"{code} was expected")


def new_topic(cluster, partitions=3, **config):
    words = {key.replace("_", "."): str(value) for key, value in config.items()}
    topic = name()
    done(admin(cluster).create_topics([NewTopic(topic, partitions, 3, config=words)]))
    until("its leaders", lambda: has_leaders(cluster, topic, partitions))
    return topic


def has_leaders(cluster, topic, partitions):
    parts = admin(cluster).list_topics(topic, timeout=10).topics[topic].partitions
    return len(parts) == partitions and all(part.leader > 0 for part in parts.values())


def send(cluster, topic, values, partition=None, key=None):
    """Produces and waits until all is acknowledged."""
    out = producer(cluster)
    where = {} if partition is None else {"partition": partition}
    for value in values:
        out.produce(topic, str(value).encode(), key=key, **where)
    assert out.flush(30) == 0


def read_all(cluster, topic):
    """Every record of a topic, by partition, in order."""
    reader = consumer(cluster, name("g"), enable_auto_commit="false", isolation_level="read_committed")
    parts = list(reader.list_topics(topic, timeout=10).topics[topic].partitions)
    ends = {}
    for part in parts:
        where = TopicPartition(topic, part)
        ends[part] = until("the end", lambda w=where: reader.get_watermark_offsets(w, timeout=10))[1]
    reader.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in parts])
    found = {part: [] for part in parts}
    open_parts = {part for part in parts if ends[part] > 0}
    deadline = time.monotonic() + 60
    while open_parts:
        assert time.monotonic() < deadline, (open_parts, ends)
        for record in reader.consume(500, 1.0):
            if record.error():
                continue
            found[record.partition()].append((record.offset(), record.value()))
        for where in reader.position([TopicPartition(topic, part) for part in open_parts]):
            if where.offset >= ends[where.partition]:
                open_parts.discard(where.partition)
    reader.close()
    for records in found.values():
        offsets = [offset for offset, _ in records]
        assert offsets == sorted(set(offsets)), "offsets grow"
    return found


def take(reader, count):
    """The next records of a consumer."""
    values = []
    deadline = time.monotonic() + 30
    while len(values) < count:
        assert time.monotonic() < deadline, values
        values += [record.value() for record in reader.consume(count - len(values), 1.0) if not record.error()]
    return values


def is_whole(cluster, topic):
    parts = admin(cluster).list_topics(topic, timeout=10).topics[topic].partitions
    return all(len(part.isrs) == len(part.replicas) and part.leader > 0 for part in parts.values())


def has_controller(cluster, gone):
    """Whether somebody who lives is the controller."""
    return admin(cluster).list_topics(timeout=10).controller_id not in (-1, gone)


# What a client is told that asks while the controller moves.
PASSING = (KafkaError.NOT_CONTROLLER, KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT)
# What it is told when the request before was carried out, and its answer lost.
CARRIED_OUT = (KafkaError.TOPIC_ALREADY_EXISTS, KafkaError.INVALID_PARTITIONS, KafkaError.UNKNOWN_TOPIC_OR_PART)


def insist(futures):
    """Whether an admin request was carried out; one that met a controller's end may be made again."""
    for future in futures.values():
        try:
            future.result(30)
        except KafkaException as error:
            code = error.args[0].code()
            assert code in (*PASSING, *CARRIED_OUT), error
            return code in CARRIED_OUT
    return True


def registered_elsewhere(cluster, broker):
    """Who lives, as one of the others knows it."""
    others = [cluster.kafka_port + n for n in range(cluster.brokers) if n + 1 != broker]
    return cluster.registered(others)
