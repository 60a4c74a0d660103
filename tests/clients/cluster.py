"""A gateway on free ports, and the few lines that every check needs.

The program is named in KAFKARIUM_GATEWAY. Nothing here knows more of it than its command line: the
checks meet it as any client would.
"""

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import traceback

PATIENCE_S = 60
# How much of the gateway's log is shown when a check failed.
LOG_LINES = int(os.environ.get("KAFKARIUM_LOG_LINES", "40"))
# A broker that dies is missed after its session: Kafka's 18 s would be most of what a check takes.
LOG_LEVEL = os.environ.get("KAFKARIUM_LOG", "warn")
OVERRIDES = ["zookeeper.session.timeout.ms=6000"]


def free_ports(count):
    """The first of `count` neighbouring ports on which nobody listens."""
    while True:
        first = random.randrange(20_000, 32_000)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    listener = stack.enter_context(socket.socket())
                    listener.bind(("127.0.0.1", port))
                return first
            except OSError:
                continue


def until(what, check, patience_s=PATIENCE_S):
    """Asks `check` again and again until it gives something true, which is returned."""
    deadline = time.monotonic() + patience_s
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s} s for {what}")
        time.sleep(0.1)


class Cluster:
    """A running gateway."""

    def __init__(self, brokers=3, zookeepers=3, data=None, overrides=(), starts=True):
        self.directory = tempfile.mkdtemp(prefix="kafkarium-clients-")
        self.data = data or os.path.join(self.directory, "data")
        self.brokers, self.zookeepers = brokers, zookeepers
        self.overrides = [*OVERRIDES, *overrides]
        self.kafka_port = free_ports(brokers)
        self.zookeeper_port = free_ports(zookeepers)
        if starts:
            self.start()

    def start(self):
        """Starts the program and waits until every broker is registered."""
        words = [os.environ["KAFKARIUM_GATEWAY"], "--data", self.data, "--log", LOG_LEVEL]
        words += ["--brokers", str(self.brokers), "--kafka-port", str(self.kafka_port)]
        words += ["--zookeepers", str(self.zookeepers)]
        words += ["--zookeeper-port", str(self.zookeeper_port)]
        for override in self.overrides:
            words += ["--override", override]
        self.log = open(os.path.join(self.directory, "log"), "ab+")
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log
        )
        # Whatever becomes of a check, its gateway ends with it.
        atexit.register(self.process.kill)
        until("all brokers to serve", lambda: len(self.registered()) == self.brokers)

    @property
    def bootstrap(self):
        """Where the brokers are."""
        return ",".join(f"localhost:{self.kafka_port + n}" for n in range(self.brokers))

    @property
    def ensemble(self):
        """Where the ZooKeeper servers are."""
        return ",".join(f"localhost:{self.zookeeper_port + n}" for n in range(self.zookeepers))

    def act(self, line):
        """Takes a world action."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, port, api, version, body=b""):
        """The answer of a broker to one request; nothing when there is no broker."""
        try:
            with socket.create_connection(("localhost", port), timeout=5) as client:
                frame = struct.pack(">hhih", api, version, 1, -1) + body
                client.sendall(struct.pack(">i", len(frame)) + frame)
                stream = client.makefile("rb")
                (length,) = struct.unpack(">i", stream.read(4))
                return stream.read(length)[4:]
        except (OSError, struct.error):
            return None

    def registered(self, ports=None):
        """The numbers of the brokers that live, as the first one of `ports` to answer knows them."""
        for port in ports or range(self.kafka_port, self.kafka_port + self.brokers):
            # Metadata 1 for no topic: an array of (id, host, port, rack).
            answer = self.ask(port, 3, 1, struct.pack(">i", 0))
            if not answer:
                continue
            (count,), place, ids = struct.unpack_from(">i", answer), 4, set()
            for _ in range(count):
                (broker, length) = struct.unpack_from(">ih", answer, place)
                place += 6 + length + 4
                (rack,) = struct.unpack_from(">h", answer, place)
                place += 2 + max(rack, 0)
                ids.add(broker)
            return ids
        return set()

    def offers(self, api):
        """Whether the brokers answer that API."""
        ports = range(self.kafka_port, self.kafka_port + self.brokers)
        answer = until("a broker to answer", lambda: next(filter(None, (self.ask(p, 18, 0) for p in ports)), None))
        (count,) = struct.unpack_from(">i", answer, 2)
        return any(struct.unpack_from(">h", answer, 6 + 6 * n) == (api,) for n in range(count))

    def alive(self, broker):
        """Waits until a broker that was gone serves again, and knows itself."""
        own = [self.kafka_port + broker - 1]
        until(f"broker {broker} to come back", lambda: broker in self.registered(own))

    def stop(self):
        """Ends the program as Ctrl-C does; it must do so cleanly, and nothing may have crashed."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.log.seek(0)
        said = self.log.read().decode(errors="replace")
        crashes = [line for line in said.splitlines() if "crashed, which is a bug" in line]
        assert not crashes, crashes
        assert code == 0 and said.rstrip().endswith("stopped"), (code, said[-2000:])

    def remove(self):
        """Takes away what it left behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory)


def run(name, checks, cluster=None):
    """Runs checks against one cluster, prints a line for each, and the sum as cargo's tests do."""
    cluster = cluster or Cluster()
    passed, failed, left_out = 0, 0, 0
    for check in checks:
        needed = getattr(check, "needs", {})
        missing = [api for key, api in needed.items() if not cluster.offers(key)]
        title = f"{name}: {check.__name__.replace('_', ' ')}"
        if missing:
            left_out += 1
            print(f"left out {title} (the brokers do not offer {', '.join(missing)})", flush=True)
            continue
        began = time.monotonic()
        try:
            found = check(cluster)
            passed += 1
            print(f"ok {title} ({time.monotonic() - began:.1f} s) {found or ''}".rstrip(), flush=True)
        except Exception:  # A check may fail in any way; the others still say what holds.
            failed += 1
            traceback.print_exc()
            print(f"FAILED {title}", flush=True)
            # What is broken may be broken for all that follow.
            for broker in range(1, cluster.brokers + 1):
                with contextlib.suppress(BrokenPipeError):
                    cluster.act(f"heal broker-{broker}")
    try:
        cluster.stop()
        passed += 1
        print(f"ok {name}: the gateway stops cleanly and nothing in it crashed")
    except Exception:
        failed += 1
        traceback.print_exc()
        print(f"FAILED {name}: the end")
    if failed:
        cluster.log.seek(0)
        print("\n".join(cluster.log.read().decode(errors="replace").splitlines()[-LOG_LINES:]))
    cluster.remove()
    verdict = "FAILED" if failed else "ok"
    print(
        f"test result: {verdict}. {passed} passed; {failed} failed; {left_out} ignored; "
        "0 measured; 0 filtered out",
        flush=True,
    )
    raise SystemExit(1 if failed else 0)


def needs(**apis):
    """Marks a check with the APIs that it needs, by name and number."""

    def mark(check):
        check.needs = {number: api for api, number in apis.items()}
        return check

    return mark
