//! The configuration of a server (`zookeeper.properties`).
//!
//! In ZooKeeper: `server.quorum.QuorumPeerConfig`.

use crate::base::{SortedMap, Span, limits};
use crate::node::{ConfigError, Properties};
use std::fmt;

/// What a server is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Config {
    /// `clientPort`.
    pub client_port: u16,
    /// `tickTime`: the unit of session timeouts and expiry.
    pub tick_time: Span,
    /// `minSessionTimeout` (ms), two ticks unless set.
    pub min_session_timeout_ms: u32,
    /// `maxSessionTimeout` (ms), twenty ticks unless set.
    pub max_session_timeout_ms: u32,
    /// `dataDir` on the volume and `version-2`, with a slash at its end.
    pub directory: String,
    /// `snapCount`: log records between two snapshots, about.
    pub snap_count: u64,
    /// `jute.maxbuffer` (bytes).
    pub jute_maxbuffer: usize,
    /// `4lw.commands.whitelist`: the four-letter words that do anything, `*` for all.
    pub whitelist: Vec<String>,
    /// The ensemble, when there is more than one server.
    pub ensemble: Option<EnsembleConfig>,
}

/// A member of an ensemble (`server.N=host:quorumPort:electionPort`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct QuorumServer {
    /// Its host.
    pub host: String,
    /// Where followers connect while it leads.
    pub quorum_port: u16,
    /// Where votes come in.
    pub election_port: u16,
}

impl fmt::Display for QuorumServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, quorum_port, election_port } = self;
        write!(f, "{host}:{quorum_port}:{election_port}:participant")
    }
}

/// The ensemble that a server belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct EnsembleConfig {
    /// Its own number: `myid`, a property here instead of a file.
    pub id: u8,
    /// All members.
    pub servers: SortedMap<u8, QuorumServer>,
    /// How long finding an epoch and synchronising may take: `initLimit` ticks.
    pub init_limit: Span,
    /// How long leader and follower may be silent: `syncLimit` ticks.
    pub sync_limit: Span,
}

impl fmt::Display for EnsembleConfig {
    /// As `/zookeeper/config` tells it (`QuorumMaj.toString`). It never changes: its version is 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, server) in &self.servers {
            writeln!(f, "server.{id}={server}")?;
        }
        f.write_str("version=0")
    }
}

/// More servers than this have no place in an ensemble here.
const SERVERS_MAX: usize = 7;

impl EnsembleConfig {
    /// Reads the ensemble; none for a server on its own.
    fn new(properties: &Properties, tick_ms: u32) -> Result<Option<Self>, ConfigError> {
        let refuse = |key: &str, value: &str, reason: &str| ConfigError {
            key: key.to_owned(),
            value: value.to_owned(),
            reason: reason.to_owned(),
        };
        let mut servers = SortedMap::new();
        for (key, value) in &properties.0 {
            let Some(number) = key.strip_prefix("server.") else { continue };
            let bad = || refuse(key, value, "not host:port:port for a server from 1 to 255");
            let id: u8 = number.parse().map_err(|_| bad())?;
            let words: Vec<&str> = value.split([':', ';']).collect();
            let [host, quorum, election, ..] = words[..] else { return Err(bad()) };
            let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
            let (Some(quorum_port), Some(election_port)) = (port(quorum), port(election)) else {
                return Err(bad());
            };
            if id == 0 || host.is_empty() {
                return Err(bad());
            }
            servers.insert(id, QuorumServer { host: host.to_owned(), quorum_port, election_port });
        }
        if servers.len() < 2 {
            return Ok(None);
        }
        if servers.len() > SERVERS_MAX {
            return Err(refuse("server", &servers.len().to_string(), "at most seven servers"));
        }
        let id = properties.parse("myid", 0)?;
        if !servers.contains_key(&id) {
            return Err(refuse("myid", &id.to_string(), "My id is not in the peer list"));
        }
        let ticks = |ticks: u32| Span::from_millis(u64::from(ticks) * u64::from(tick_ms));
        let init_limit = ticks(properties.parse("initLimit", 10)?);
        let sync_limit = ticks(properties.parse("syncLimit", 5)?);
        Ok(Some(Self { id, servers, init_limit, sync_limit }))
    }
}

impl Config {
    /// Reads and checks the properties.
    pub(super) fn new(properties: &Properties) -> Result<Self, ConfigError> {
        let tick_ms: u32 = properties.parse("tickTime", 3_000)?;
        let min = properties.parse("minSessionTimeout", -1)?;
        let max = properties.parse("maxSessionTimeout", -1)?;
        let or_ticks = |timeout: i32, ticks: u32| match u32::try_from(timeout) {
            Ok(timeout) => timeout,
            Err(_) => tick_ms.saturating_mul(ticks),
        };
        let config = Self {
            client_port: properties.parse("clientPort", 2181)?,
            tick_time: Span::from_millis(u64::from(tick_ms)),
            min_session_timeout_ms: or_ticks(min, 2),
            max_session_timeout_ms: or_ticks(max, 20),
            directory: directory(properties.get("dataDir").unwrap_or_default()),
            snap_count: properties.parse("snapCount", 100_000)?,
            jute_maxbuffer: properties.parse("jute.maxbuffer", limits::JUTE_BYTES_MAX)?,
            whitelist: match properties.get("4lw.commands.whitelist") {
                None => vec!["srvr".to_owned()],
                Some(_) => properties.list("4lw.commands.whitelist"),
            },
            ensemble: EnsembleConfig::new(properties, tick_ms)?,
        };
        let refuse = |key: &str, reason: &str| {
            let value = properties.get(key).unwrap_or_default().to_owned();
            Err(ConfigError { key: key.to_owned(), value, reason: reason.to_owned() })
        };
        if tick_ms == 0 {
            return refuse("tickTime", "tickTime is not set");
        }
        if config.client_port == 0 {
            return refuse("clientPort", "clientPort is not set");
        }
        if config.min_session_timeout_ms > config.max_session_timeout_ms {
            return refuse(
                "minSessionTimeout",
                "minSessionTimeout must not be larger than maxSessionTimeout",
            );
        }
        if config.snap_count < 2 {
            return refuse("snapCount", "SnapCount should be 2 or more");
        }
        Ok(config)
    }

    /// Whether a four-letter word does anything.
    pub(super) fn is_whitelisted(&self, word: &str) -> bool {
        self.whitelist.iter().any(|listed| listed == word || listed == "*")
    }

    /// The timeout (ms) that a client gets which asks for `wanted_ms`.
    pub(super) fn negotiate(&self, wanted_ms: i32) -> u32 {
        let wanted = u32::try_from(wanted_ms).unwrap_or(0);
        wanted.clamp(self.min_session_timeout_ms, self.max_session_timeout_ms)
    }
}

fn directory(data_dir: &str) -> String {
    match data_dir.trim().trim_matches('/') {
        "" => "version-2/".to_owned(),
        data_dir => format!("{data_dir}/version-2/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_between_two_and_twenty_ticks() {
        let config = Config::new(&Properties::of([("tickTime", "3000")])).unwrap();
        assert_eq!(config.negotiate(1), 6_000);
        assert_eq!(config.negotiate(-1), 6_000);
        assert_eq!(config.negotiate(18_000), 18_000);
        assert_eq!(config.negotiate(i32::MAX), 60_000);
        let config = Config::new(&Properties::of([("maxSessionTimeout", "7000")])).unwrap();
        assert_eq!(config.negotiate(18_000), 7_000);
    }

    #[test]
    fn bad_values_are_named() {
        let key = |pairs: &[(&str, &str)]| {
            Config::new(&Properties::of(pairs.iter().copied())).unwrap_err().key
        };
        assert_eq!(key(&[("tickTime", "0")]), "tickTime");
        assert_eq!(key(&[("clientPort", "x")]), "clientPort");
        assert_eq!(key(&[("minSessionTimeout", "99999")]), "minSessionTimeout");
        assert_eq!(key(&[("snapCount", "1")]), "snapCount");
    }

    #[test]
    fn an_ensemble_needs_more_than_one_server_and_its_own_number() {
        let config = |pairs: &[(&str, &str)]| Config::new(&Properties::of(pairs.iter().copied()));
        let (a, b) = (("server.1", "a:2888:3888"), ("server.2", "b:2889:3889:participant;2182"));
        assert_eq!(config(&[a]).unwrap().ensemble, None);
        let ensemble = config(&[a, b, ("myid", "2")]).unwrap().ensemble.unwrap();
        assert_eq!((ensemble.id, ensemble.servers.len()), (2, 2));
        assert_eq!(ensemble.servers[&2].to_string(), "b:2889:3889:participant");
        assert_eq!(ensemble.sync_limit, Span::from_secs(15));
        assert_eq!(config(&[a, b]).unwrap_err().key, "myid");
        assert_eq!(config(&[a, ("server.2", "b:1")]).unwrap_err().key, "server.2");
        assert_eq!(config(&[a, ("server.0", "b:1:2")]).unwrap_err().key, "server.0");
    }

    #[test]
    fn files_lie_in_the_data_directory() {
        assert_eq!(directory(""), "version-2/");
        assert_eq!(directory("/tmp/zookeeper/"), "tmp/zookeeper/version-2/");
    }
}
