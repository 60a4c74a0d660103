"""Apache Kafka 2.8.2 itself: its tools as commands, and a broker with its ZooKeeper.

KAFKA_LIBRARIES names the folder with Kafka's jars.
"""

import os
import signal
import subprocess
import tempfile

from cluster import until

LIBRARIES = os.environ["KAFKA_LIBRARIES"]
LOG4J = tempfile.NamedTemporaryFile("w", suffix=".properties")
LOG4J.write(
    "log4j.rootLogger=WARN,err\nlog4j.appender.err=org.apache.log4j.ConsoleAppender\n"
    "log4j.appender.err.target=System.err\nlog4j.appender.err.layout=org.apache.log4j.PatternLayout\n"
    "log4j.appender.err.layout.ConversionPattern=%p %c %m%n\n"
)
LOG4J.flush()
# The collector of kafka-server-start.sh; its heap is a gigabyte.
COLLECTOR = ["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]


def java(tool, *words, options=("-Xmx256m", "-XX:+UseSerialGC")):
    """The command that runs a class of Kafka's or ZooKeeper's."""
    log = f"-Dlog4j.configuration=file:{LOG4J.name}"
    return ["java", log, *options, "-cp", f"{LIBRARIES}/*", tool, *words]


class RealKafka:
    """One broker and one ZooKeeper server, with their data where a gateway keeps its own."""

    def __init__(self, folder, kafka_port, zookeeper_port, settings=(), heap="512M"):
        self.folder, self.kafka_port, self.zookeeper_port = folder, kafka_port, zookeeper_port
        self.heap = [f"-Xms{heap}", f"-Xmx{heap}", *COLLECTOR]
        self.settings = {
            "broker.id": 1,
            "listeners": f"PLAINTEXT://localhost:{kafka_port}",
            "zookeeper.connect": f"localhost:{zookeeper_port}",
            "zookeeper.session.timeout.ms": 6000,
            "log.dirs": f"{folder}/broker-1",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0,
            **dict(settings),
        }
        self.broker = self.zookeeper = None
        os.makedirs(folder, exist_ok=True)
        # What both servers complain of; everything below WARN is left out.
        self.log = open(f"{folder}/real.log", "ab+")

    @property
    def bootstrap(self):
        """Where the broker is."""
        return f"localhost:{self.kafka_port}"

    def start(self):
        """Starts both, and waits until the broker answers."""
        properties = f"{self.folder}/zookeeper.properties"
        with open(properties, "w", encoding="utf-8") as file:
            file.write(f"dataDir={self.folder}/zookeeper-1/zookeeper\nclientPort={self.zookeeper_port}\n")
            file.write("admin.enableServer=false\n")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": self.log}
        server = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        self.zookeeper = subprocess.Popen(java(server, properties), **quiet)
        properties = f"{self.folder}/server.properties"
        with open(properties, "w", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in self.settings.items())

        def is_up():
            # A broker exits when the session of its last life is still there.
            if self.broker is None or self.broker.poll() is not None:
                command = java("kafka.Kafka", properties, options=self.heap)
                self.broker = subprocess.Popen(command, **quiet)
            command = java("kafka.admin.BrokerApiVersionsCommand", "--bootstrap-server", self.bootstrap)
            done = subprocess.run(command, capture_output=True, timeout=120, check=False)
            return b"(id: 1 " in done.stdout

        until("Apache Kafka to serve", is_up, 180)

    def stop(self):
        """Stops both cleanly, the broker first."""
        for process in (self.broker, self.zookeeper):
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        self.broker = self.zookeeper = None

    def kill(self):
        """Ends whatever still runs."""
        for process in (self.broker, self.zookeeper):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.log.close()

    def complaints(self):
        """What the servers wrote down."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace").splitlines()
