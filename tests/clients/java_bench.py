"""The gateway under Apache Kafka's perf tools, beside Apache Kafka itself: one JSON object a line.

One broker, one partition, records of 100 bytes, acks=1. What is measured is the steady state: after a
run to warm up, and once both brokers look after retention, which they begin to do after half a minute.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from cluster import Cluster, free_ports, until
from real_kafka import RealKafka, java

RECORDS = int(os.environ.get("KAFKARIUM_RECORDS", "3000000"))
PATIENCE_S = 600
# A broker's first look at retention (LogManager.InitialTaskDelayMs), and some air.
FIRST_LOOK_S = 35
# Logs stay small, for the gateway holds them in memory.
SETTINGS = {
    "log.segment.bytes": 1 << 20,
    "log.retention.bytes": 2 << 20,
    "log.retention.check.interval.ms": 100,
    "log.segment.delete.delay.ms": 0,
}


def memory_mib(process):
    """Memory that a process holds now, and the most it ever held."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status.read(), re.M))
    return int(found["VmRSS"]) // 1024, int(found["VmHWM"]) // 1024


def measure(system, bootstrap, process):
    """Prints what the perf tools find."""
    idle, _ = memory_mib(process)
    began = time.monotonic()
    produce(bootstrap, RECORDS // 15)
    time.sleep(max(0, FIRST_LOOK_S - (time.monotonic() - began)))
    rate, p50, p99 = produce(bootstrap, RECORDS)
    now, most = memory_mib(process)
    say(system, "produce", records_per_s=rate, p50_ms=p50, p99_ms=p99, idle_mib=idle, resident_mib=now, most_mib=most)
    for pace in (500, 50_000):
        rate, p50, p99 = produce(bootstrap, pace * 20, pace)
        say(system, f"produce at {pace}/s", records_per_s=rate, p50_ms=p50, p99_ms=p99)
    # Something to read, which must not be taken away meanwhile.
    create(bootstrap, "read", "--config", "retention.bytes=-1")
    produce(bootstrap, RECORDS // 10, topic="read")
    out = tool(
        "kafka.tools.ConsumerPerformance", "--bootstrap-server", bootstrap, "--topic", "read",
        "--messages", str(RECORDS // 10), "--timeout", "30000",
    )
    fields = [field.strip() for field in out.strip().splitlines()[-1].split(",")]
    now, most = memory_mib(process)
    say(system, "consume", records_per_s=float(fields[9]), resident_mib=now, most_mib=most)


def produce(bootstrap, count, pace=-1, topic="perf"):
    """Sends records; their rate, the median and the 99th percentile of their latencies."""
    out = tool(
        "org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", str(count),
        "--record-size", "100", "--throughput", str(pace), "--producer-props",
        f"bootstrap.servers={bootstrap}", "acks=1",
    )
    last = out.strip().splitlines()[-1]
    rate = float(re.search(r"([\d.]+) records/sec", last).group(1))
    p50, p99 = (int(re.search(rf"(\d+) ms {n}th", last).group(1)) for n in (50, 99))
    return rate, p50, p99


def tool(*words):
    return subprocess.run(java(*words), capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout


def say(system, what, **found):
    print(json.dumps({"bench": "gateway", "system": system, "what": what, **found}), flush=True)


@contextlib.contextmanager
def real_kafka():
    """Apache Kafka with its ZooKeeper, in a folder of its own."""
    folder = tempfile.mkdtemp(prefix="kafkarium-bench-")
    kafka = RealKafka(folder, free_ports(1), free_ports(1), SETTINGS, heap="1G")
    try:
        kafka.start()
        create(kafka.bootstrap)
        yield kafka
    finally:
        kafka.kill()
        shutil.rmtree(folder)


def create(bootstrap, topic="perf", *more):
    """Creates a topic once the broker is there."""
    words = ["--create", "--if-not-exists", "--topic", topic, "--partitions", "1", "--replication-factor", "1", *more]
    command = java("kafka.admin.TopicCommand", "--bootstrap-server", bootstrap, *words)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    until("the broker", lambda: subprocess.run(command, timeout=120, **quiet).returncode == 0, 180)


def main():
    overrides = [f"{key}={value}" for key, value in SETTINGS.items()]
    cluster = Cluster(brokers=1, zookeepers=1, overrides=overrides)
    create(cluster.bootstrap)
    measure("Kafkarium", cluster.bootstrap, cluster.process)
    cluster.stop()
    cluster.remove()
    with real_kafka() as kafka:
        measure("Apache Kafka 2.8.2", kafka.bootstrap, kafka.broker)


main()
