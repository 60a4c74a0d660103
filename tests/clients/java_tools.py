"""The command-line tools of Apache Kafka 2.8.2 against the gateway.

KAFKA_LIBRARIES names the folder with Kafka's jars. Everything that was run and what it printed goes to
the file that KAFKARIUM_REPORT names.
"""

import glob
import json
import os
import re
import subprocess
import tempfile
import threading

from cluster import needs, run, until

LIBRARIES = os.environ["KAFKA_LIBRARIES"]
REPORT = os.environ.get("KAFKARIUM_REPORT", os.devnull)
PATIENCE_S = 120
LOG4J = tempfile.NamedTemporaryFile("w", suffix=".properties")
LOG4J.write(
    "log4j.rootLogger=WARN,err\nlog4j.appender.err=org.apache.log4j.ConsoleAppender\n"
    "log4j.appender.err.target=System.err\nlog4j.appender.err.layout=org.apache.log4j.PatternLayout\n"
)
LOG4J.flush()


def java(tool, *words):
    """The command that runs a tool, by its class."""
    options = [f"-Dlog4j.configuration=file:{LOG4J.name}", "-Xmx256m", "-XX:+UseSerialGC"]
    return ["java", *options, "-cp", f"{LIBRARIES}/*", tool, *words]


def tool(name, *words, given=None, code=0):
    """Runs a tool to its end, notes it in the report, and returns what it printed."""
    done = subprocess.run(
        java(name, *words), input=given, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    with open(REPORT, "a", encoding="utf-8") as report:
        said = (done.stdout[-3000:] + done.stderr[-2000:]).rstrip()
        print(f"\n### {name} {' '.join(words)}\n\n```\n{said}\n```", file=report)
    assert done.returncode == code, f"{name} {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
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
    plan = {"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [3, 2]}]}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(plan, file)
        file.flush()
        words = ["--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", file.name]
        tool("kafka.admin.ReassignPartitionsCommand", *words, "--execute")
        until(
            "the reassignment",
            lambda: "is complete" in tool("kafka.admin.ReassignPartitionsCommand", *words, "--verify"),
        )


@needs(ElectLeaders=43)
def leaders_are_elected(cluster):
    words = ["--bootstrap-server", cluster.bootstrap, "--election-type", "preferred"]
    tool("kafka.admin.LeaderElectionCommand", *words, "--all-topic-partitions")


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
    found = 0
    files = glob.glob(f"{cluster.data}/broker-*/*-[0-9]*/*.log")
    files += glob.glob(f"{cluster.data}/broker-*/*-[0-9]*/*.index")
    files += glob.glob(f"{cluster.data}/broker-*/*-[0-9]*/*.timeindex")
    files += glob.glob(f"{cluster.data}/broker-*/*-[0-9]*/*.snapshot")
    files = [file for file in files if os.path.getsize(file)]
    logs = [file for file in files if file.endswith(".log")]
    assert logs, "there are segments"
    for file in sorted(files)[:: max(1, len(files) // 12)]:
        said = tool("kafka.tools.DumpLogSegments", "--files", file, "--deep-iteration")
        complaints = [
            line for line in said.splitlines()
            if re.search(r"isvalid: false|Found .*(mismatch|non.?consecutive|out.of.order)|error", line, re.I)
        ]
        assert not complaints, complaints[:5]
        found += said.count("baseOffset: ")
    assert found, "there are batches"
    return f"{found} batches in {len(files)} files"


def main():
    with open(REPORT, "w", encoding="utf-8") as fresh:
        print("# Apache Kafka 2.8.2's tools against the gateway", file=fresh)
    run("Apache Kafka's tools", CHECKS)


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
    perf_tools_produce_and_consume,
    what_the_verifiable_producer_was_told_is_read_while_brokers_die,
    segments_are_read_by_the_dump_tool_without_complaint,
]

if __name__ == "__main__":
    main()
