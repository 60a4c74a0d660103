//! Four-letter words: what a person asks a server with `echo srvr | nc`. A connection whose first
//! frame is such a word is answered with plain text and closed; only words on the whitelist do
//! anything. Containers, observers and the JVM have no lines, since they are not here.
//!
//! In ZooKeeper: `server.command.FourLetterCommands` and its commands.

use super::connections::Connection;
use super::quorum::{Leader, Role};
use super::server::ZooKeeperServer;
use crate::base::trace::LogLevel;
use crate::base::{ConnId, SortedMap, SortedSet, Span};
use crate::node::Ctx;
use bytes::Bytes;
use std::fmt::Write as _;

/// The words that a server knows.
const WORDS: [&str; 14] = [
    "conf", "cons", "crst", "dump", "envi", "isro", "mntr", "ruok", "srst", "srvr", "stat", "wchc",
    "wchp", "wchs",
];
/// True when `bytes`, the first of a connection, are such a word instead of a frame's length.
pub fn is_four_letter_word(bytes: &[u8]) -> bool {
    bytes.get(..4).is_some_and(|first| WORDS.iter().any(|word| word.as_bytes() == first))
}

/// What `srvr` calls the version that is emulated.
const VERSION: &str =
    "3.5.9-83df9301aa5c2a5d284a9940177808c01bc35cef, built on 01/06/2021 19:49 GMT";
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";

/// What a server counts (`ServerStats`). Times are in ms.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Statistics {
    /// Frames from clients.
    pub received: u64,
    /// Frames to clients.
    pub sent: u64,
    requests: u64,
    total_ms: u64,
    min_ms: Option<u64>,
    max_ms: u64,
}

impl Statistics {
    /// A request was answered after `latency`.
    pub(super) fn answered(&mut self, latency: Span) {
        let ms = latency.as_millis();
        self.requests += 1;
        self.total_ms += ms;
        self.min_ms = Some(self.min_ms.map_or(ms, |min| min.min(ms)));
        self.max_ms = self.max_ms.max(ms);
    }

    fn latencies(&self) -> (u64, u64, u64) {
        let average = self.total_ms.checked_div(self.requests).unwrap_or(0);
        (self.min_ms.unwrap_or(0), average, self.max_ms)
    }
}

impl ZooKeeperServer {
    /// Answers a four-letter word; false when `frame` is none.
    pub(super) fn take_four_letter_word(
        &mut self,
        conn: ConnId,
        frame: &Bytes,
        ctx: &mut Ctx,
    ) -> bool {
        let Some(word) = WORDS.iter().find(|word| word.as_bytes() == frame) else { return false };
        let from = self.connections.get(&conn).map_or("", |connection| &connection.from);
        let text = format!("Processing {word} command from /{from}");
        ctx.log(LogLevel::Info, "org.apache.zookeeper.server.NIOServerCnxn", text);
        let answer = if self.config.is_whitelisted(word) {
            self.four_letter_answer(word)
        } else {
            format!("{word} is not executed because it is not in the whitelist.\n")
        };
        self.send(conn, Bytes::from(answer), ctx);
        self.hangup(conn, ctx);
        true
    }

    fn four_letter_answer(&mut self, word: &str) -> String {
        match word {
            "ruok" => return "imok".to_owned(),
            "conf" if self.is_serving() => return self.conf(),
            "envi" => return format!("Environment:\nzookeeper.version={VERSION}\n"),
            "isro" => return if self.is_serving() { "rw" } else { "null" }.to_owned(),
            _ if !self.is_serving() => return NOT_SERVING.to_owned(),
            _ => {}
        }
        match word {
            "srst" => {
                self.statistics = Statistics::default();
                "Server stats reset.\n".to_owned()
            }
            "crst" => {
                for connection in self.connections.values_mut() {
                    (connection.received, connection.sent) = (0, 0);
                }
                "Connection stats reset.\n".to_owned()
            }
            "srvr" => format!("Zookeeper version: {VERSION}\n{}", self.server_lines()),
            "stat" => {
                let mut text = format!("Zookeeper version: {VERSION}\nClients:\n");
                for connection in self.connections.values() {
                    let Connection { from, received, sent, .. } = connection;
                    let _ = writeln!(text, " /{from}[1](queued=0,recved={received},sent={sent})");
                }
                text.push('\n');
                text + &self.server_lines()
            }
            "cons" => self.cons(),
            "mntr" => self.mntr(),
            "dump" => self.dump(),
            "wchs" => {
                let (conns, paths, watches) = self.watches.totals();
                format!("{conns} connections watching {paths} paths\nTotal watches:{watches}\n")
            }
            "wchp" => self.watch_lists(true),
            _ => self.watch_lists(false),
        }
    }

    fn server_lines(&self) -> String {
        let (min, average, max) = self.statistics.latencies();
        let Statistics { received, sent, .. } = &self.statistics;
        format!(
            "Latency min/avg/max: {min}/{average}/{max}\nReceived: {received}\nSent: {sent}\n\
             Connections: {}\nOutstanding: {}\nZxid: 0x{:x}\nMode: {}\n{}Node count: {}\n",
            self.connections.len(),
            self.outstanding_requests(),
            self.database.tree.last_processed_zxid,
            self.mode(),
            self.leading().map(Leader::server_line).unwrap_or_default(),
            self.database.tree.nodes.len(),
        )
    }

    fn cons(&self) -> String {
        let mut text = String::new();
        for connection in self.connections.values() {
            let Connection { from, session, timeout_ms, received, sent, .. } = connection;
            let _ = write!(text, " /{from}[1](queued=0,recved={received},sent={sent}");
            if *session != 0 {
                let _ = write!(text, ",sid=0x{session:x},to={timeout_ms}");
            }
            text.push_str(")\n");
        }
        text.push('\n');
        text
    }

    fn mntr(&self) -> String {
        let (min, average, max) = self.statistics.latencies();
        let (_, _, watches) = self.watches.totals();
        let tree = &self.database.tree;
        let data: usize = tree
            .nodes
            .iter()
            .map(|(path, node)| path.len() + node.data.as_ref().map_or(0, Bytes::len))
            .sum();
        let ephemerals: usize = tree.ephemerals.values().map(SortedSet::len).sum();
        let lines = [
            ("version", VERSION.to_owned()),
            ("avg_latency", average.to_string()),
            ("max_latency", max.to_string()),
            ("min_latency", min.to_string()),
            ("packets_received", self.statistics.received.to_string()),
            ("packets_sent", self.statistics.sent.to_string()),
            ("num_alive_connections", self.connections.len().to_string()),
            ("outstanding_requests", self.outstanding_requests().to_string()),
            ("server_state", self.mode().to_owned()),
            ("znode_count", tree.nodes.len().to_string()),
            ("watch_count", watches.to_string()),
            ("ephemerals_count", ephemerals.to_string()),
            ("approximate_data_size", data.to_string()),
        ];
        let text = lines.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "zk_{name}\t{value}");
            text
        });
        text + &self.leading().map(Leader::monitor_lines).unwrap_or_default()
    }

    fn leading(&self) -> Option<&Leader> {
        match self.peer.as_ref().map(|peer| &peer.role) {
            Some(Role::Leading(leader)) => Some(leader),
            _ => None,
        }
    }

    fn dump(&self) -> String {
        let mut buckets: SortedMap<_, Vec<i64>> = SortedMap::new();
        for (id, _) in self.sessions.iter() {
            if let Some(at) = self.sessions.expires(id) {
                buckets.entry(at).or_default().push(id);
            }
        }
        let mut text = format!("SessionTracker dump:\nSession Sets ({}):\n", buckets.len());
        for (at, sessions) in &buckets {
            let _ = writeln!(text, "{} expire at {}:", sessions.len(), at.as_millis());
            for session in sessions {
                let _ = writeln!(text, "\t0x{session:x}");
            }
        }
        let ephemerals = &self.database.tree.ephemerals;
        let _ = write!(
            text,
            "ephemeral nodes dump:\nSessions with Ephemerals ({}):\n",
            ephemerals.len()
        );
        for (session, paths) in ephemerals {
            let _ = writeln!(text, "0x{session:x}:");
            for path in paths {
                let _ = writeln!(text, "\t{path}");
            }
        }
        text
    }

    /// The watches, with the sessions below each path or the paths below each session.
    fn watch_lists(&self, by_path: bool) -> String {
        let mut lists: SortedMap<String, Vec<String>> = SortedMap::new();
        for (conn, path) in self.watches.iter() {
            let session = self.connections.get(&conn).map_or(0, |connection| connection.session);
            let session = format!("0x{session:x}");
            let (head, entry) =
                if by_path { (path.to_owned(), session) } else { (session, path.to_owned()) };
            lists.entry(head).or_default().push(entry);
        }
        lists.into_iter().fold(String::new(), |mut text, (head, mut entries)| {
            entries.sort();
            entries.dedup();
            let _ = writeln!(text, "{head}");
            for entry in entries {
                let _ = writeln!(text, "\t{entry}");
            }
            text
        })
    }

    fn conf(&self) -> String {
        let config = &self.config;
        let directory = config.directory.trim_end_matches('/');
        format!(
            "clientPort={}\ndataDir={directory}\ndataLogDir={directory}\ntickTime={}\n\
             minSessionTimeout={}\nmaxSessionTimeout={}\nserverId={}\n",
            config.client_port,
            config.tick_time.as_millis(),
            config.min_session_timeout_ms,
            config.max_session_timeout_ms,
            self.server_id(),
        )
    }
}
