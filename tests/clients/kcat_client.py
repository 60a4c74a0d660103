"""kcat (librdkafka), as people use it in a shell, against the brokers behind the gateway."""

import json
import subprocess
import threading
import time
import uuid

from cluster import PATIENCE_S, run, until


def kcat(cluster, *words, given=None, may_fail=False):
    """What kcat prints."""
    command = ["kcat", "-b", cluster.bootstrap, *words]
    done = subprocess.run(
        command, input=given, capture_output=True, timeout=PATIENCE_S, check=False
    )
    if done.returncode and not may_fail:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.decode()}")
    return done.stdout.decode()


def topic():
    """A name of this check's own."""
    return f"t-{uuid.uuid4().hex[:8]}"


def lines(text):
    """Its lines, in order of the alphabet."""
    return sorted(text.splitlines())


def metadata_is_json_that_tells_where_the_brokers_are(cluster):
    name = topic()
    kcat(cluster, "-P", "-t", name, given=b"x\n")
    told = json.loads(kcat(cluster, "-L", "-J", "-t", name))
    ports = {broker["name"] for broker in told["brokers"]}
    assert ports == set(cluster.bootstrap.split(",")), told
    (described,) = told["topics"]
    assert [p["partition"] for p in described["partitions"]] == [0, 1, 2], told
    for partition in described["partitions"]:
        replicas = {replica["id"] for replica in partition["replicas"]}
        assert replicas == {1, 2, 3} and partition["leader"] in replicas, partition
    assert told["controllerid"] in (1, 2, 3)


def what_is_produced_is_consumed_with_keys_headers_and_nulls(cluster):
    name = topic()
    kcat(cluster, "-P", "-t", name, "-p", "1", "-K:", "-H", "colour=red", given=b"k1:v1\nk2:v2\n")
    kcat(cluster, "-P", "-t", name, "-p", "1", "-K:", "-Z", given=b"k1:\n")
    told = kcat(cluster, "-C", "-t", name, "-e", "-q", "-Z", "-f", "%p %o %k %s %h\n")
    assert told.splitlines() == [
        "1 0 k1 v1 colour=red",
        "1 1 k2 v2 colour=red",
        "1 2 k1 NULL ",
    ], told


def keys_decide_the_partition(cluster):
    name = topic()
    pairs = "".join(f"k{n % 7}:v{n}\n" for n in range(70))
    kcat(cluster, "-P", "-t", name, "-K:", given=pairs.encode())
    told = kcat(cluster, "-C", "-t", name, "-e", "-q", "-f", "%k %p\n").splitlines()
    assert len(told) == 70 and len(set(told)) == 7, set(told)


def codecs_are_taken_and_given_back(cluster):
    name = topic()
    text = "".join(f"{'abc' * 50} {n}\n" for n in range(300))
    codecs = ("gzip", "snappy", "lz4")
    for codec in codecs:
        kcat(cluster, "-P", "-t", name, "-z", codec, "-X", "linger.ms=50", given=text.encode())
    told = kcat(cluster, "-C", "-t", name, "-e", "-q")
    assert lines(told) == sorted(text.splitlines() * len(codecs))


def records_of_every_size_pass(cluster):
    name = topic()
    sizes = [1, 1_000, 100_000, 900_000]
    for size in sizes:
        kcat(cluster, "-P", "-t", name, "-p", "0", given=b"x" * size)
    told = kcat(cluster, "-C", "-t", name, "-e", "-q", "-f", "%S\n")
    assert told.split() == [str(size) for size in sizes], told
    failed = kcat(
        cluster, "-P", "-t", name, "-X", "message.max.bytes=3000000", "-X", "message.timeout.ms=5000",
        given=b"x" * 2_000_000, may_fail=True,
    )
    assert failed == ""
    assert len(kcat(cluster, "-C", "-t", name, "-e", "-q", "-f", "%o\n").split()) == len(sizes)


def seeking_goes_by_offset_from_either_end_and_by_time(cluster):
    name = topic()
    kcat(cluster, "-P", "-t", name, "-p", "0", given=b"a\nb\nc\n")
    time.sleep(0.2)
    between = int(time.time() * 1000)
    time.sleep(0.2)
    kcat(cluster, "-P", "-t", name, "-p", "0", given=b"d\ne\n")

    def from_(offset, *more):
        return "".join(
            kcat(cluster, "-C", "-t", name, "-p", "0", "-o", offset, "-e", "-q", *more).split()
        )

    assert from_("2") == "cde"
    assert from_("-2") == "de"
    assert from_("beginning", "-c", "2") == "ab"
    assert from_("end") == ""
    assert from_(f"s@{between}") == "de"
    told = kcat(cluster, "-Q", "-t", f"{name}:0:{between}")
    assert told.strip() == f"{name} [0] offset 3", told


def groups_share_partitions_and_go_on_where_they_were(cluster):
    name, group = topic(), f"g-{uuid.uuid4().hex[:8]}"
    words = [f"v{n}" for n in range(300)]
    kcat(cluster, "-P", "-t", name, given="".join(f"{w}\n" for w in words[:200]).encode())
    common = ["-G", group, "-u", "-q", "-X", "auto.offset.reset=earliest"]
    common += ["-X", "auto.commit.interval.ms=200", "-X", "session.timeout.ms=6000"]
    common += ["-f", "%p %s\n", name]
    members = [Member(cluster, common) for _ in range(2)]
    until("the first half", lambda: sum(len(m.read) for m in members) >= 200)
    # Records that come now are read by both, each its own partitions.
    until("both to have partitions", lambda: spread(cluster, name, members))
    seen = [word for member in members for _, word in member.read]
    first = members.pop()
    first.end()
    sent = [word for word in seen if word.startswith("w")]
    kcat(cluster, "-P", "-t", name, given="".join(f"{w}\n" for w in words[200:]).encode())
    last = members[0]
    until("the one that is left to read all", lambda: set(words[200:]) <= {w for _, w in last.read})
    last.end()
    everything = [word for member in (first, last) for _, word in member.read]
    assert set(words) <= set(everything) and len(sent) <= len(everything)
    again = kcat(cluster, *common[:-1], "-e", name)
    assert not again.split(), f"read again after a clean end: {again}"


class Member:
    """A member of a group, which reads until it is ended."""

    def __init__(self, cluster, words):
        self.process = subprocess.Popen(
            ["kcat", "-b", cluster.bootstrap, *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.read = []
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()

    def follow(self):
        for line in self.process.stdout:
            partition, _, word = line.rstrip("\n").partition(" ")
            self.read.append((int(partition), word))

    def end(self):
        """Ends it as Ctrl-C does: it commits and leaves."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.thread.join(PATIENCE_S)


def spread(cluster, name, members):
    """Sends a record to each partition; true when both members had some of them."""
    marks = [len(member.read) for member in members]
    for partition in range(3):
        kcat(cluster, "-P", "-t", name, "-p", str(partition), given=b"w\n")
    until("these", lambda: sum(len(m.read) for m in members) >= sum(marks) + 3)
    fresh = [{p for p, _ in m.read[mark:]} for m, mark in zip(members, marks)]
    return all(fresh) and not fresh[0] & fresh[1]


def what_was_acknowledged_is_read_whatever_dies(cluster):
    """Producers go on while a broker is killed, or loses its power, and comes back."""
    results = []
    for idempotent in (False, True):
        name, sent = topic(), 0
        kcat(cluster, "-P", "-t", name, given=b"begin\n")
        words = ["-P", "-t", name, "-K:", "-X", "acks=all"]
        words += ["-X", f"enable.idempotence={str(idempotent).lower()}"]
        for trouble in FAULTS if idempotent else FAULTS[:1]:
            sent = produce_through(trouble, cluster, name, words, sent, 200)
        told = kcat(cluster, "-C", "-t", name, "-e", "-q", "-f", "%p %o %k %s\n").splitlines()
        records = [line.split(" ") for line in told if not line.endswith("begin")]
        check_offsets(records)
        values = [int(value) for _, _, _, value in records]
        assert set(values) == set(range(sent)), f"lost: {sorted(set(range(sent)) - set(values))}"
        if idempotent:
            assert len(values) == sent, f"{len(values) - sent} twice"
            for key in range(10):
                mine = [int(value) for _, _, k, value in records if k == f"k{key}"]
                assert mine == sorted(mine), f"out of order: {key}"
        results.append(f"{sent} sent, {len(values)} read")
    return "; ".join(results)


def a_group_reads_all_that_was_acknowledged_while_brokers_die(cluster):
    """Two members of a group read on while each broker in turn is killed and comes back."""
    name, group = topic(), topic()
    kcat(cluster, "-P", "-t", name, "-K:", given=b"k:begin\n")
    common = ["-G", group, "-u", "-q", "-X", "auto.offset.reset=earliest"]
    common += ["-X", "auto.commit.interval.ms=200", "-X", "session.timeout.ms=6000"]
    common += ["-f", "%p %s\n", name]
    members = [Member(cluster, common) for _ in range(2)]
    sent = 0
    words = ["-P", "-t", name, "-K:", "-X", "acks=all"]
    for trouble in FAULTS:
        sent = produce_through(trouble, cluster, name, words, sent, 100)
        whole(cluster, "__consumer_offsets")
    wanted = {str(number) for number in range(sent)}
    until("all to be read", lambda: wanted <= {word for m in members for _, word in m.read}, 2 * PATIENCE_S)
    for member in members:
        member.end()
    read = [word for member in members for _, word in member.read]
    again = kcat(cluster, *common[:-1], "-e", name)
    assert not again.split(), f"read again after a clean end: {again}"
    return f"{sent} acknowledged, {len(read)} read, {len(set(read))} of them once"


FAULTS = [(1, "kill", "restart"), (2, "power-off", "power-on"), (3, "kill", "restart")]


def produce_through(trouble, cluster, name, words, sent, count):
    """Has kcat produce before, in and after a fault of a broker; says how many were sent by then."""
    broker, fault, cure = trouble
    # One producer for each fault: kcat itself gives up once it has lost every broker at some
    # time and had no need to come back to it.
    producer = subprocess.Popen(
        ["kcat", "-b", cluster.bootstrap, *words],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )
    sent = pour(producer, sent, count)
    cluster.act(f"{fault} broker-{broker}")
    sent = pour(producer, sent, count)
    until("it to be missed", lambda: broker not in cluster.registered())
    sent = pour(producer, sent, count)
    cluster.act(f"{cure} broker-{broker}")
    cluster.alive(broker)
    sent = pour(producer, sent, count)
    _, said = producer.communicate(timeout=PATIENCE_S)
    assert producer.returncode == 0 and b"Delivery failed" not in said, said
    whole(cluster, name)
    return sent


def pour(producer, sent, count):
    """Gives a producer some lines, slowly enough that a fault falls between them."""
    try:
        for number in range(sent, sent + count):
            producer.stdin.write(f"k{number % 10}:{number}\n".encode())
            if number % 20 == 0:
                producer.stdin.flush()
                time.sleep(0.05)
        producer.stdin.flush()
    except BrokenPipeError as error:
        raise AssertionError(f"the producer ended: {producer.stderr.read().decode()}") from error
    return sent + count


def whole(cluster, name):
    """Waits until every replica is in sync again: one more fault must not be one too many."""

    def in_sync():
        told = json.loads(kcat(cluster, "-L", "-J", "-t", name, may_fail=True) or "{}")
        parts = [p for t in told.get("topics", []) for p in t["partitions"]]
        return parts and all(len(p["isrs"]) == 3 for p in parts)

    until(f"all replicas of {name} to be in sync", in_sync)


def check_offsets(records):
    """Offsets grow within each partition."""
    last = {}
    for partition, offset, *_ in records:
        assert int(offset) > last.get(partition, -1), (partition, offset)
        last[partition] = int(offset)


run(
    "kcat",
    [
        metadata_is_json_that_tells_where_the_brokers_are,
        what_is_produced_is_consumed_with_keys_headers_and_nulls,
        keys_decide_the_partition,
        codecs_are_taken_and_given_back,
        records_of_every_size_pass,
        seeking_goes_by_offset_from_either_end_and_by_time,
        groups_share_partitions_and_go_on_where_they_were,
        what_was_acknowledged_is_read_whatever_dies,
        a_group_reads_all_that_was_acknowledged_while_brokers_die,
    ],
)
