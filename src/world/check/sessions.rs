//! What clients of ZooKeeper may rely on, judged from what they say: writes are linearizable, a
//! session never goes back in time, also on another server, a watch fires once and before the newer
//! data is seen, a multi is seen whole or not at all, nobody sees an ephemeral znode after its session,
//! and what was acknowledged is there in the end.

use super::Violation;
use crate::base::{ProcessId, SortedMap, SortedSet, Time, TraceEvent, TraceRecord};
use crate::zk_client::CLIENT_CNXN;

/// The logger of clients whose histories are judged.
pub const WORKLOAD_LOGGER: &str = "workload";

/// A client's session.
#[derive(Default)]
struct Session {
    id: i64,
    last_zxid: i64,
    /// Watched registers with the zxid of the data that was seen.
    armed: SortedMap<String, i64>,
    /// Its own last write of each register.
    own: SortedMap<String, i64>,
}

/// A read: which register, which write it saw, and up to where the server was.
struct Seen {
    register: String,
    mzxid: i64,
    zxid: i64,
}

/// Judges the histories of all clients.
#[derive(Default)]
pub struct SessionHistories {
    sessions: SortedMap<ProcessId, Session>,
    /// The newest acknowledged write when a write was asked for, by its value.
    invoked: SortedMap<String, i64>,
    newest_acked: i64,
    /// Writes by register and zxid.
    writes: SortedMap<(String, i64), String>,
    acked: SortedSet<(String, i64)>,
    /// The zxid of each version of each register.
    versions: SortedMap<(String, i32), i64>,
    reads: Vec<Seen>,
    made: SortedMap<String, ProcessId>,
    /// The sessions that own ephemeral znodes.
    owners: SortedMap<String, i64>,
    /// Sessions that ended, with the zxid of their end; and that whose end a server is applying.
    ended: SortedMap<i64, i64>,
    ending: SortedMap<ProcessId, i64>,
    /// What each client found below `/p` last, with when and up to which zxid.
    found: SortedMap<ProcessId, (Time, i64, SortedSet<String>)>,
    at: Time,
    violations: Vec<Violation>,
    /// Requests that were answered.
    pub answered: u64,
}

impl SessionHistories {
    pub(super) fn see(&mut self, record: &TraceRecord, found: &mut Vec<Violation>) {
        let Some(source) = record.source else {
            if let TraceEvent::ProcessStarted { process, .. } = &record.event {
                self.sessions.remove(process);
            }
            return;
        };
        match &record.event {
            TraceEvent::Logged { text, logger, .. } if logger == WORKLOAD_LOGGER => {
                self.at = record.at;
                let words: Vec<&str> = text.split(' ').collect();
                self.judge(source, &words);
                found.append(&mut self.violations);
            }
            TraceEvent::Logged { text, logger, .. }
                if logger == CLIENT_CNXN && text.starts_with("Xid out of order") =>
            {
                let text = format!("{source}: {text}");
                found.push(Violation { at: record.at, rule: "ReplyOrder", text });
            }
            // The leader tells of the end just before it applies it.
            TraceEvent::SessionExpired { session } | TraceEvent::SessionClosed { session } => {
                self.ending.insert(source, *session);
            }
            TraceEvent::TransactionApplied { zxid, .. } => {
                if let Some(session) = self.ending.remove(&source) {
                    self.ended.insert(session, *zxid);
                }
            }
            _ => {}
        }
    }

    fn violate(&mut self, rule: &'static str, text: String) {
        self.violations.push(Violation { at: self.at, rule, text });
    }

    fn judge(&mut self, client: ProcessId, words: &[&str]) {
        let number =
            |at: usize| words.get(at).and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
        match words {
            ["connected", id, "new"] => {
                let id = i64::from_str_radix(id.trim_start_matches("0x"), 16).unwrap_or_default();
                self.sessions.insert(client, Session { id, ..Session::default() });
            }
            ["invoke", "set", _, value] => {
                self.invoked.insert((*value).to_owned(), self.newest_acked);
            }
            ["set", register, value, ..] => {
                let (mzxid, zxid) = (number(3), number(4));
                let (version, expected) = (number(5), number(6));
                self.write(register, value, mzxid);
                self.version(register, version as i32, mzxid);
                if expected >= 0 && version != expected + 1 {
                    let text = format!("{value} is version {version}, asked for after {expected}");
                    self.violate("CompareAndSet", text);
                }
                if let Some(before) = self.invoked.get(*value).copied()
                    && mzxid <= before
                {
                    let text = format!("{value} at 0x{mzxid:x}, asked for after 0x{before:x}");
                    self.violate("LinearizableWrites", text);
                }
                self.newest_acked = self.newest_acked.max(mzxid);
                self.acked.insert(((*register).to_owned(), mzxid));
                self.watched(client, register, mzxid);
                self.answer(client, zxid);
                let session = self.sessions.entry(client).or_default();
                session.own.insert((*register).to_owned(), mzxid);
            }
            ["read", register, value, ..] => {
                let (mzxid, zxid) = (number(3), number(4));
                self.write(register, value, mzxid);
                self.version(register, number(5) as i32, mzxid);
                self.watched(client, register, mzxid);
                let session = self.sessions.get(&client);
                let own = session.and_then(|session| session.own.get(*register)).copied();
                if let Some(own) = own.filter(|own| *own > mzxid) {
                    let text = format!("{client} wrote {register} at 0x{own:x}, reads 0x{mzxid:x}");
                    self.violate("ReadYourWrites", text);
                }
                self.answer(client, zxid);
                self.reads.push(Seen { register: (*register).to_owned(), mzxid, zxid });
                if words.last() == Some(&"true") {
                    let session = self.sessions.entry(client).or_default();
                    session.armed.entry((*register).to_owned()).or_insert(mzxid);
                }
            }
            ["watch", register] => {
                let session = self.sessions.entry(client).or_default();
                if session.armed.remove(*register).is_none() {
                    self.violate("WatchOnce", format!("{client} heard of {register} unasked"));
                }
            }
            ["made", path, ..] => {
                if let Some(other) = self.made.insert((*path).to_owned(), client) {
                    self.violate("UniqueName", format!("{other} and {client} made {path}"));
                }
                if path.starts_with("/e/") {
                    let session = self.sessions.entry(client).or_default().id;
                    self.owners.insert((*path).to_owned(), session);
                }
                self.answer(client, number(2));
            }
            ["children", path, _, names @ ..] => {
                self.answer(client, number(2));
                let names = names.iter().filter(|name| !name.is_empty());
                let names = names.map(|name| format!("{path}/{name}")).collect();
                self.listed(client, path, number(2), names);
            }
            _ => {}
        }
    }

    /// A client lists the children of a znode as they were at `zxid`.
    fn listed(&mut self, client: ProcessId, path: &str, zxid: i64, paths: SortedSet<String>) {
        if path == "/p" {
            let other_half = |path: &String| {
                let first = path.strip_suffix(".a").map(|stem| format!("{stem}.b"));
                first.or_else(|| path.strip_suffix(".b").map(|stem| format!("{stem}.a")))
            };
            let is_alone = |path: &&String| other_half(path).is_some_and(|it| !paths.contains(&it));
            if let Some(half) = paths.iter().find(is_alone).cloned() {
                self.violate("AtomicMulti", format!("{client} sees {half} alone at 0x{zxid:x}"));
            }
            self.found.insert(client, (self.at, zxid, paths));
            return;
        }
        let end = |path: &String| self.ended.get(self.owners.get(path)?).copied();
        let dead = paths.iter().find(|path| end(path).is_some_and(|end| end <= zxid)).cloned();
        if let Some(path) = dead {
            let text = format!("{client} sees {path} at 0x{zxid:x}");
            self.violate("EphemeralDiesWithSession", text);
        }
    }

    /// Versions of a register follow each other as its writes do.
    fn version(&mut self, register: &str, version: i32, mzxid: i64) {
        let key = |version| (register.to_owned(), version);
        let known = *self.versions.entry(key(version)).or_insert(mzxid);
        let before = self.versions.range(key(0)..key(version)).next_back();
        let after = self.versions.range(key(version + 1)..=key(i32::MAX)).next();
        let is_in_order = before.is_none_or(|(_, before)| *before < mzxid)
            && after.is_none_or(|(_, after)| *after > mzxid);
        if known != mzxid || !is_in_order {
            let text = format!("version {version} of {register} at 0x{mzxid:x} and 0x{known:x}");
            self.violate("LinearizableWrites", text);
        }
    }

    /// A write was seen, by who made it or by a reader.
    fn write(&mut self, register: &str, value: &str, mzxid: i64) {
        let key = (register.to_owned(), mzxid);
        let known = self.writes.entry(key).or_insert_with(|| value.to_owned()).clone();
        if known != value {
            let text = format!("{register} at 0x{mzxid:x} is {known} and {value}");
            self.violate("OneHistory", text);
        }
    }

    /// A client sees the data of `mzxid`: an older watch must have fired.
    fn watched(&mut self, client: ProcessId, register: &str, mzxid: i64) {
        let armed = self.sessions.get(&client).and_then(|session| session.armed.get(register));
        if let Some(armed) = armed.copied()
            && mzxid > armed
        {
            let text =
                format!("{client} sees {register} at 0x{mzxid:x} but watches since 0x{armed:x}");
            self.violate("WatchBeforeData", text);
        }
    }

    /// An answer of a server that had applied everything up to `zxid`.
    fn answer(&mut self, client: ProcessId, zxid: i64) {
        self.answered += 1;
        let session = self.sessions.entry(client).or_default();
        let before = session.last_zxid;
        session.last_zxid = before.max(zxid);
        if zxid < before {
            let text = format!("{client} was at 0x{before:x} and is at 0x{zxid:x}");
            self.violate("SessionOrder", text);
        }
    }

    /// Whether a client has found what survived, later than `since` and up to `zxid`.
    pub(super) fn has_audited(&self, client: ProcessId, since: Time, zxid: i64) -> bool {
        self.found.get(&client).is_some_and(|(at, seen, _)| *at > since && *seen >= zxid)
    }

    /// After the end: was a write missed by a reader that was beyond it, was anything lost?
    pub(super) fn conclude(&mut self, at: Time, found: &mut Vec<Violation>) {
        self.at = at;
        let mut missed = Vec::new();
        for read in &self.reads {
            let between =
                (read.register.clone(), read.mzxid + 1)..=(read.register.clone(), read.zxid);
            if read.mzxid < read.zxid
                && let Some(((register, missing), _)) = self.writes.range(between).next()
            {
                missed.push(format!(
                    "{register} at 0x{:x} read as of 0x{:x}, but 0x{missing:x} wrote it",
                    read.zxid, read.mzxid
                ));
            }
        }
        for text in missed {
            self.violate("NoLostWrite", text);
        }
        let end = self.found.values().map(|(_, zxid, _)| *zxid).max().unwrap_or_default();
        let beyond: Vec<_> = self.acked.iter().filter(|(_, zxid)| *zxid > end).cloned().collect();
        for (register, zxid) in beyond {
            self.violate("NoLostWrite", format!("{register} 0x{zxid:x} beyond the end 0x{end:x}"));
        }
        let Some((_, _, names)) = self.found.values().max_by_key(|(_, zxid, _)| *zxid) else {
            found.append(&mut self.violations);
            return;
        };
        let made = self.made.keys().filter(|path| path.starts_with("/p/"));
        let lost: Vec<String> = made.filter(|path| !names.contains(*path)).cloned().collect();
        for path in lost {
            self.violate("NoLostWrite", format!("{path} was made and is not there"));
        }
        found.append(&mut self.violations);
    }
}

#[cfg(test)]
mod tests;
