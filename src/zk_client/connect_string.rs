//! The connection string: servers and chroot, as in `zookeeper.connect`.
//!
//! In ZooKeeper: `client.ConnectStringParser`.

use crate::base::Endpoint;
use crate::node::ConfigError;

/// The port of a server that names none.
const DEFAULT_PORT: u16 = 2181;

/// Where the servers are, and below which znode all paths lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ConnectString {
    /// The servers, in the order given.
    pub servers: Vec<Endpoint>,
    /// `/kafka` for `…/kafka`, empty without one.
    pub chroot: String,
}

impl ConnectString {
    /// Reads `host:port,host:port/chroot`.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |reason: &str| ConfigError {
            key: "zookeeper.connect".to_owned(),
            value: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (hosts, chroot) = match text.find('/') {
            Some(slash) => text.split_at(slash),
            None => (text, ""),
        };
        let chroot = if chroot == "/" { "" } else { chroot };
        let is_valid_chroot = chroot.is_empty()
            || (!chroot.ends_with('/') && !chroot.contains("//") && !chroot.contains('\0'));
        if !is_valid_chroot {
            return Err(refuse("Invalid chroot"));
        }
        let mut servers = Vec::new();
        for host in hosts.split(',').map(str::trim).filter(|host| !host.is_empty()) {
            let server = if host.contains(':') {
                host.parse().map_err(|_| refuse("Not host:port"))?
            } else {
                Endpoint::new(host, DEFAULT_PORT)
            };
            servers.push(server);
        }
        if servers.is_empty() {
            return Err(refuse("A HostProvider may not be empty!"));
        }
        Ok(Self { servers, chroot: chroot.to_owned() })
    }

    /// The path on the server of what the client calls `path`.
    pub(super) fn on_server(&self, path: &str) -> String {
        match (self.chroot.as_str(), path) {
            ("", path) => path.to_owned(),
            (chroot, "/") => chroot.to_owned(),
            (chroot, path) => format!("{chroot}{path}"),
        }
    }

    /// The chroot and the znodes above it, from the top.
    pub(super) fn chroot_levels(&self) -> Vec<String> {
        let ends = self.chroot.match_indices('/').map(|(at, _)| at).skip(1);
        let ends = ends.chain((!self.chroot.is_empty()).then_some(self.chroot.len()));
        ends.map(|end| self.chroot[..end].to_owned()).collect()
    }

    /// What the client calls the path `path` of the server.
    pub(super) fn for_client(&self, path: &str) -> String {
        match path.strip_prefix(self.chroot.as_str()) {
            Some("") => "/".to_owned(),
            Some(below) => below.to_owned(),
            None => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_chroot() {
        let parsed = ConnectString::parse("zookeeper-1:2181, zookeeper-2/kafka/a").unwrap();
        let expected = [Endpoint::new("zookeeper-1", 2181), Endpoint::new("zookeeper-2", 2181)];
        assert_eq!(parsed.servers, expected);
        assert_eq!(parsed.chroot, "/kafka/a");
        assert_eq!(parsed.on_server("/"), "/kafka/a");
        assert_eq!(parsed.on_server("/b"), "/kafka/a/b");
        assert_eq!(parsed.for_client("/kafka/a/b"), "/b");
        assert_eq!(parsed.for_client("/kafka/a"), "/");
        assert_eq!(parsed.chroot_levels(), ["/kafka", "/kafka/a"]);
        assert_eq!(ConnectString::parse("a:1/kafka").unwrap().chroot_levels(), ["/kafka"]);
        let plain = ConnectString::parse("a:1/").unwrap();
        assert_eq!((plain.on_server("/b"), plain.chroot_levels().len()), ("/b".to_owned(), 0));
        for bad in ["", "/a", ",", "a:x", "a:1/b/", "a:1//b"] {
            assert!(ConnectString::parse(bad).is_err(), "{bad}");
        }
    }
}
