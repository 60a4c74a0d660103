"""The gateway under Apache Kafka's perf tools, beside Apache Kafka itself: one JSON object a line.

One broker, one partition, records of 100 bytes, acks=1; logs are kept small by retention.
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

RECORDS = int(os.environ.get("KAFKARIUM_RECORDS", "1000000"))
PATIENCE_S = 600
SETTINGS = {
    "log.segment.bytes": 8 << 20,
    "log.retention.bytes": 16 << 20,
    "log.retention.check.interval.ms": 1000,
    "log.segment.delete.delay.ms": 1000,
}


def memory_mib(process):
    """Memory that a process holds now, and the most it ever held."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status.read(), re.M))
    return int(found["VmRSS"]) // 1024, int(found["VmHWM"]) // 1024


def measure(system, bootstrap, process):
    """Prints what the perf tools find."""
    before, _ = memory_mib(process)
    out = tool(
        "org.apache.kafka.tools.ProducerPerformance", "--topic", "perf", "--num-records", str(RECORDS),
        "--record-size", "100", "--throughput", "-1", "--producer-props",
        f"bootstrap.servers={bootstrap}", "acks=1",
    )
    rate, p50, p99 = latencies(out)
    now, most = memory_mib(process)
    say(system, "produce", records_per_s=rate, p50_ms=p50, p99_ms=p99, idle_mib=before, resident_mib=now, most_mib=most)
    out = tool(
        "org.apache.kafka.tools.ProducerPerformance", "--topic", "perf", "--num-records", "5000",
        "--record-size", "100", "--throughput", "500", "--producer-props",
        f"bootstrap.servers={bootstrap}", "acks=1",
    )
    rate, p50, p99 = latencies(out)
    say(system, "produce at 500/s", records_per_s=rate, p50_ms=p50, p99_ms=p99)
    out = tool(
        "kafka.tools.ConsumerPerformance", "--bootstrap-server", bootstrap, "--topic", "perf",
        "--messages", "50000", "--timeout", "30000",
    )
    fields = [field.strip() for field in out.strip().splitlines()[-1].split(",")]
    say(system, "consume", records_per_s=float(fields[9]), resident_mib=memory_mib(process)[0])


def tool(*words):
    return subprocess.run(java(*words), capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout


def latencies(out):
    """Rate, median and 99th percentile of a run."""
    last = out.strip().splitlines()[-1]
    rate = float(re.search(r"([\d.]+) records/sec", last).group(1))
    p50, p99 = (int(re.search(rf"(\d+) ms {n}th", last).group(1)) for n in (50, 99))
    return rate, p50, p99


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


def create(bootstrap):
    """Creates the topic once the broker is there."""
    words = ["--create", "--if-not-exists", "--topic", "perf", "--partitions", "1", "--replication-factor", "1"]
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
        time.sleep(2)
        measure("Apache Kafka 2.8.2", kafka.bootstrap, kafka.broker)


main()
