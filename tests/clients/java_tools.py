"""The command-line tools of Apache Kafka 2.8.2 against the gateway, and its broker on the same disks.

Everything that was run and what it printed goes to
the file that KAFKARIUM_REPORT names.
"""

import glob
import json
import os
import re
import subprocess
import tempfile
import threading

from cluster import Cluster, needs, run, until
from real_kafka import RealKafka, java

REPORT = os.environ.get("KAFKARIUM_REPORT", os.devnull)
PATIENCE_S = 120


def tool(name, *words, given=None, code=0, shows=True):
    """Runs a tool to its end, notes it in the report, and returns what it printed.

    It must end with `code`, or anyhow when that is None.
    """
    done = subprocess.run(
        java(name, *words), input=given, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    with open(REPORT, "a", encoding="utf-8") as report:
        said = (done.stdout[-3000 if shows else -500:] + done.stderr[-2000:]).rstrip()
        print(f"\n### {name} {' '.join(words)}\n\n```\n{said}\n```", file=report)
    assert code in (None, done.returncode), f"{name} {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def topics_are_created_listed_and_described(cluster):
    name = "kafka.admin.TopicCommand"
    server = ["--bootstrap-server", cluster.bootstrap]
    said = tool(name, *server, "--create", "--topic", "orders", "--partitions", "3", "--replication-factor", "3")
    assert "Created topic orders." in said, said
    assert "orders" in tool(name, *server, "--list").split()
    if cluster.offers(32):
        said = tool(name, *server, "--describe", "--topic", "orders")
        assert "PartitionCount: 3\tReplicationFactor: 3" in said and said.count("Isr: ") == 3, said
    again = ["--create", "--topic", "orders", "--partitions", "1", "--replication-factor", "1"]
    said = tool(name, *server, *again, code=1)
    assert "Topic 'orders' already exists." in said, said
    said = tool(name, *server, *again, "--if-not-exists")


def topics_are_described_through_zookeeper(cluster):
    said = tool(
        "kafka.admin.TopicCommand", "--zookeeper", cluster.ensemble, "--describe", "--topic", "orders"
    )
    assert said.count("\tIsr: ") == 3, said


@needs(CreatePartitions=37, DeleteTopics=20)
def topics_are_altered_and_deleted(cluster):
    name, server = "kafka.admin.TopicCommand", ["--bootstrap-server", cluster.bootstrap]
    tool(name, *server, "--create", "--topic", "short", "--partitions", "1", "--replication-factor", "1")
    tool(name, *server, "--alter", "--topic", "short", "--partitions", "2")
    tool(name, *server, "--delete", "--topic", "short")
    until("it to be gone", lambda: "short" not in tool(name, *server, "--list").split())


def the_console_producer_and_consumer_talk(cluster):
    server = ["--bootstrap-server", cluster.bootstrap, "--topic", "orders"]
    keyed = ["--property", "parse.key=true", "--property", "key.separator=:"]
    lines = [f"k{n % 5}:v{n}" for n in range(50)]
    tool("kafka.tools.ConsoleProducer", *server, *keyed, "--request-required-acks", "all", given="\n".join(lines) + "\n")
    keyed = ["--property", "print.key=true", "--property", "key.separator=:"]
    said = tool("kafka.tools.ConsoleConsumer", *server, *keyed, "--from-beginning", "--max-messages", "50", "--group", "console")
    assert sorted(said.split()) == sorted(lines), said


@needs(ListGroups=16, DescribeGroups=15)
def groups_are_listed_described_and_reset(cluster):
    name, server = "kafka.admin.ConsumerGroupCommand", ["--bootstrap-server", cluster.bootstrap]
    assert "console" in tool(name, *server, "--list").split()
    said = tool(name, *server, "--describe", "--group", "console")
    assert said.count("orders") == 3, said
    state = tool(name, *server, "--describe", "--group", "console", "--state")
    assert "Empty" in state, state
    said = tool(name, *server, "--reset-offsets", "--group", "console", "--topic", "orders", "--to-earliest", "--execute")
    assert said.count("orders") == 3, said


@needs(DeleteGroups=42)
def groups_are_deleted(cluster):
    name, server = "kafka.admin.ConsumerGroupCommand", ["--bootstrap-server", cluster.bootstrap]
    tool(name, *server, "--delete", "--group", "console")
    assert "console" not in tool(name, *server, "--list").split()


def offsets_are_told(cluster):
    said = tool("kafka.tools.GetOffsetShell", "--broker-list", cluster.bootstrap, "--topic", "orders")
    ends = [int(line.rsplit(":", 1)[1]) for line in said.split()]
    assert len(ends) == 3 and sum(ends) == 50, said


def versions_are_told(cluster):
    said = tool("kafka.admin.BrokerApiVersionsCommand", "--bootstrap-server", cluster.bootstrap)
    assert said.count("(id: ") == 3 and "Produce(0): " in said, said


@needs(DescribeConfigs=32, IncrementalAlterConfigs=44)
def configs_are_altered_and_described(cluster):
    name, server = "kafka.admin.ConfigCommand", ["--bootstrap-server", cluster.bootstrap]
    of_topic = ["--entity-type", "topics", "--entity-name", "orders"]
    said = tool(name, *server, *of_topic, "--alter", "--add-config", "retention.ms=86400000")
    assert "Completed updating config for topic orders." in said, said
    assert "retention.ms=86400000" in tool(name, *server, *of_topic, "--describe")
    tool(name, *server, *of_topic, "--alter", "--delete-config", "retention.ms")
    assert "retention.ms" not in tool(name, *server, *of_topic, "--describe")


@needs(AlterPartitionReassignments=45, ListPartitionReassignments=46)
def partitions_are_reassigned(cluster):
    name, server = "kafka.admin.ReassignPartitionsCommand", ["--bootstrap-server", cluster.bootstrap]

    def plan(**fields):
        file = tempfile.NamedTemporaryFile("w", suffix=".json")
        json.dump({"version": 1, **fields}, file)
        file.flush()
        return file

    with plan(topics=[{"topic": "orders"}]) as topics:
        said = tool(name, *server, "--generate", "--topics-to-move-json-file", topics.name, "--broker-list", "1,2,3")
    proposed = json.loads(said.strip().splitlines()[-1])
    assert [sorted(part["replicas"]) for part in proposed["partitions"]] == [[1, 2, 3]] * 3, said
    with plan(partitions=[{"topic": "orders", "partition": 0, "replicas": [3, 2]}]) as file:
        words = [*server, "--reassignment-json-file", file.name]
        tool(name, *words, "--execute")
        until("the reassignment", lambda: "is complete" in tool(name, *words, "--verify"))
    assert "No partition reassignments found" in tool(name, *server, "--list")
    told = partition_lines(cluster, "orders")
    assert told[0]["Replicas"] == "3,2", told
    # A move to a broker that is away stays until it is cancelled.
    cluster.act("kill broker-1")
    until("it to be missed", lambda: 1 not in cluster.registered())
    with plan(partitions=[{"topic": "orders", "partition": 0, "replicas": [1, 3]}]) as file:
        words = [*server, "--reassignment-json-file", file.name]
        said = tool(name, *words, "--execute", code=None)
        if "Successfully started" in said:
            assert "orders-0" in tool(name, *server, "--list")
            said = tool(name, *words, "--cancel")
            assert "Successfully cancelled partition reassignments for: orders-0" in said, said
    cluster.act("restart broker-1")
    cluster.alive(1)
    assert partition_lines(cluster, "orders")[0]["Replicas"] == "3,2"


def partition_lines(cluster, topic):
    """What kafka-topics tells of each partition: its fields by their names."""
    said = tool("kafka.admin.TopicCommand", "--bootstrap-server", cluster.bootstrap, "--describe", "--topic", topic)
    lines = [line.split("\t") for line in said.splitlines() if "Leader: " in line]
    return [dict(field.split(": ", 1) for field in line if ": " in field) for line in lines]


@needs(ElectLeaders=43)
def leaders_are_elected(cluster):
    topic = "elected"
    create = ["--create", "--topic", topic, "--replica-assignment", "1:2:3,2:3:1,3:1:2"]
    tool("kafka.admin.TopicCommand", "--bootstrap-server", cluster.bootstrap, *create)
    cluster.act("kill broker-2")
    until("it to be missed", lambda: 2 not in cluster.registered())
    until("another leader", lambda: partition_lines(cluster, topic)[1]["Leader"] == "3")
    cluster.act("restart broker-2")
    cluster.alive(2)
    until("all replicas", lambda: all(len(part["Isr"].split(",")) == 3 for part in partition_lines(cluster, topic)))
    words = ["--bootstrap-server", cluster.bootstrap, "--election-type", "preferred"]
    said = tool("kafka.admin.LeaderElectionCommand", *words, "--topic", topic, "--partition", "1")
    assert f"Successfully completed leader election (PREFERRED) for partitions {topic}-1" in said, said
    tool("kafka.admin.LeaderElectionCommand", *words, "--all-topic-partitions")
    leaders = [part["Leader"] for part in partition_lines(cluster, topic)]
    assert leaders == ["1", "2", "3"], leaders


@needs(DeleteRecords=21, DescribeLogDirs=35)
def records_are_deleted_and_log_directories_described(cluster):
    server = ["--bootstrap-server", cluster.bootstrap]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"version": 1, "partitions": [{"topic": "orders", "partition": 1, "offset": 1}]}, file)
        file.flush()
        said = tool("kafka.admin.DeleteRecordsCommand", *server, "--offset-json-file", file.name)
    assert "low_watermark: 1" in said, said
    said = tool("kafka.tools.GetOffsetShell", "--broker-list", cluster.bootstrap, "--topic", "orders", "--time", "-2")
    assert "orders:1:1" in said.split(), said
    said = tool("kafka.admin.LogDirsCommand", *server, "--describe", "--topic-list", "orders")
    told = json.loads(said.strip().splitlines()[-1])
    assert len(told["brokers"]) == 3, told


def perf_tools_produce_and_consume(cluster):
    create = ["--create", "--topic", "perf", "--partitions", "1", "--replication-factor", "3"]
    tool("kafka.admin.TopicCommand", "--bootstrap-server", cluster.bootstrap, *create)
    said = tool(
        "org.apache.kafka.tools.ProducerPerformance", "--topic", "perf", "--num-records", "100000",
        "--record-size", "100", "--throughput", "-1", "--producer-props",
        f"bootstrap.servers={cluster.bootstrap}", "acks=all",
    )
    assert "100000 records sent" in said, said
    tool("kafka.tools.ConsumerPerformance", "--bootstrap-server", cluster.bootstrap, "--topic", "perf", "--messages", "100000")
    return said.strip().splitlines()[-1]


def what_the_verifiable_producer_was_told_is_read_while_brokers_die(cluster):
    create = ["--create", "--topic", "verified", "--partitions", "3", "--replication-factor", "3"]
    create += ["--config", "min.insync.replicas=2"]
    tool("kafka.admin.TopicCommand", "--bootstrap-server", cluster.bootstrap, *create)
    servers = ["--bootstrap-server", cluster.bootstrap, "--topic", "verified"]
    producer = subprocess.Popen(
        java("org.apache.kafka.tools.VerifiableProducer", *servers, "--max-messages", "9000", "--throughput", "300", "--acks", "-1"),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    consumer = subprocess.Popen(
        java("org.apache.kafka.tools.VerifiableConsumer", *servers, "--group-id", "verifiers", "--verbose"),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    seen, followed = set(), threading.Thread(target=lambda: follow(consumer.stdout, seen))
    followed.start()
    until("the consumer to read", lambda: seen, PATIENCE_S)
    cluster.act("kill broker-1")
    until("it to be missed", lambda: 1 not in cluster.registered())
    cluster.act("restart broker-1")
    cluster.alive(1)
    told = [json.loads(line) for line in producer.communicate(timeout=PATIENCE_S)[0].splitlines()]
    acknowledged = {(e["partition"], e["offset"]) for e in told if e["name"] == "producer_send_success"}
    failed = [event for event in told if event["name"] == "producer_send_error"]
    until("all that was acknowledged to be read", lambda: acknowledged <= set(seen), PATIENCE_S)
    consumer.terminate()
    consumer.wait(PATIENCE_S)
    followed.join(PATIENCE_S)
    return f"{len(acknowledged)} acknowledged, {len(failed)} refused, {len(seen)} read"


def follow(lines, seen):
    """Notes what a verifiable consumer reads."""
    for line in lines:
        event = json.loads(line)
        if event["name"] == "record_data":
            seen.add((event["partition"], event["offset"]))


def segments_are_read_by_the_dump_tool_without_complaint(cluster):
    # Segments that were rolled, compacted and compressed are among them.
    server = ["--bootstrap-server", cluster.bootstrap]
    create = ["--create", "--topic", "compacted", "--partitions", "1", "--replication-factor", "3"]
    for config in ("cleanup.policy=compact", "segment.bytes=20000", "min.cleanable.dirty.ratio=0.01"):
        create += ["--config", config]
    tool("kafka.admin.TopicCommand", *server, *create)
    keyed = ["--property", "parse.key=true", "--property", "key.separator=:"]
    lines = "".join(f"k{n % 7}:{'v' * 90}{n}\n" for n in range(1000))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        words = [*server, "--topic", "compacted", *keyed, "--compression-codec", codec, "--batch-size", "4"]
        tool("kafka.tools.ConsoleProducer", *words, given=lines)
    return dump(cluster.data)


def dump(data):
    """Lets Kafka's own tool read every file of every log under `data`."""
    files = [
        file
        for kind in ("log", "index", "timeindex", "snapshot")
        for file in glob.glob(f"{data}/broker-*/*-[0-9]*/*.{kind}")
        if os.path.getsize(file)
    ]
    logs = [file for file in files if file.endswith(".log")]
    assert logs, "there are segments"
    offsets = [file for file in logs if "__consumer_offsets" in file]
    said = tool("kafka.tools.DumpLogSegments", "--files", ",".join(sorted(files)), "--deep-iteration", shows=False)
    said += tool("kafka.tools.DumpLogSegments", "--files", ",".join(offsets), "--offsets-decoder", shows=False)
    indexes = [file for file in files if file.endswith("index")]
    said += tool("kafka.tools.DumpLogSegments", "--files", ",".join(indexes), "--index-sanity-check", shows=False)
    wrong = re.compile(r"isvalid: false|mismatch|non.?consecutive|out.of.order|error|exception|invalid", re.I)
    complaints = [line for line in said.splitlines() if wrong.search(line.split(" payload: ")[0])]
    assert not complaints, complaints[:5]
    found = said.count("baseOffset: ")
    assert found and "isvalid: true" in said, "there are batches"
    assert said.count("passed sanity check") == len(indexes), said[-3000:]
    return f"{found} batches in {len(files)} files"


def directories_pass_from_a_real_broker_to_the_gateway_and_back(_):
    """The same disks under Apache Kafka and ZooKeeper, under the gateway, and under both again."""
    cluster = Cluster(brokers=1, zookeepers=1, starts=False)
    real = RealKafka(cluster.data, cluster.kafka_port, cluster.zookeeper_port)
    try:
        return pass_on(cluster, real)
    finally:
        real.kill()
        cluster.remove()


def pass_on(cluster, real):
    """Each of the two reads all that both wrote so far, and adds to it."""
    server, sent = ["--bootstrap-server", real.bootstrap], {}
    command = "kafka.admin.TopicCommand"
    real.start()
    create = ["--create", "--partitions", "2", "--replication-factor", "1", "--config", "segment.bytes=16384"]
    tool(command, *server, *create, "--topic", "kept")
    compact = ["--config", "cleanup.policy=compact", "--config", "min.cleanable.dirty.ratio=0.01"]
    tool(command, *server, *create, *compact, "--topic", "compacted")

    def write(who):
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            keyed = ["--property", "parse.key=true", "--property", "key.separator=:", "--compression-codec", codec]
            idempotent = ["--producer-property", "enable.idempotence=true", "--request-required-acks", "all"]
            lines = [f"k{n % 9}:{who}-{codec}-{n}" for n in range(200)]
            for topic in ("kept", "compacted"):
                words = [*server, "--topic", topic, *keyed, *idempotent]
                tool("kafka.tools.ConsoleProducer", *words, given="\n".join(lines) + "\n")
            sent.setdefault("kept", []).extend(lines)
            sent.setdefault("compacted", {}).update(line.split(":") for line in lines)

    def read(group, count):
        words = [*server, "--topic", "kept", "--property", "print.key=true", "--property", "key.separator=:"]
        words += ["--group", group, "--from-beginning", "--max-messages", str(count)]
        return sorted(tool("kafka.tools.ConsoleConsumer", *words, shows=False).split())

    def check(who):
        assert read(f"all-{who}", len(sent["kept"])) == sorted(sent["kept"]), who
        words = [*server, "--topic", "compacted", "--property", "print.key=true", "--property", "key.separator=:"]
        words += ["--from-beginning", "--timeout-ms", "8000"]
        last = dict(line.split(":") for line in tool("kafka.tools.ConsoleConsumer", *words, shows=False).split())
        assert last == sent["compacted"], (who, last)
        # Groups know where they were, whoever kept their offsets.
        new = sent["kept"][committed[0]:]
        if new:
            assert read("reader", len(new)) == sorted(new), who
        committed[0] = len(sent["kept"])

    committed = [0]
    write("kafka")
    check("kafka")
    real.stop()
    files = os.listdir(f"{cluster.data}/broker-1")
    assert ".kafka_cleanshutdown" in files, files
    for turn, ends in enumerate(("stop", "kill")):
        cluster.start()
        check(f"gateway-{turn}")
        write(f"gateway-{turn}")
        check(f"gateway-{turn}-again")
        if ends == "stop":
            cluster.stop()
            assert ".kafka_cleanshutdown" in os.listdir(f"{cluster.data}/broker-1")
        else:
            # As if this machine had died under it: Kafka recovers what it finds.
            cluster.process.kill()
            cluster.process.wait()
        cluster.log.close()
        real.start()
        check(f"kafka-{turn}")
        write(f"kafka-{turn}")
        real.stop()
    wrong = re.compile(r"corrupt|invalid|mismatch|Found .* log|Exception.*(log|index|snapshot|checkpoint)", re.I)
    complaints = [line for line in real.complaints() if wrong.search(line)]
    assert not complaints, complaints[:5]
    dumped = dump(cluster.data)
    return f"{len(sent['kept'])} records through six lives; {dumped}"


def main():
    with open(REPORT, "w", encoding="utf-8") as fresh:
        print("# Apache Kafka 2.8.2's tools against the gateway", file=fresh)
    # A leader that comes back by itself would be there before it is asked for.
    run("Apache Kafka's tools", CHECKS, Cluster(overrides=["auto.leader.rebalance.enable=false"]))


CHECKS = [
    topics_are_created_listed_and_described,
    topics_are_described_through_zookeeper,
    topics_are_altered_and_deleted,
    the_console_producer_and_consumer_talk,
    groups_are_listed_described_and_reset,
    groups_are_deleted,
    offsets_are_told,
    versions_are_told,
    configs_are_altered_and_described,
    partitions_are_reassigned,
    leaders_are_elected,
    records_are_deleted_and_log_directories_described,
    perf_tools_produce_and_consume,
    what_the_verifiable_producer_was_told_is_read_while_brokers_die,
    segments_are_read_by_the_dump_tool_without_complaint,
    directories_pass_from_a_real_broker_to_the_gateway_and_back,
]

if __name__ == "__main__":
    main()
