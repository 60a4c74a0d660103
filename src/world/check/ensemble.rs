//! One leader an epoch with a quorum behind it, one order of transactions for all, trees that agree;
//! and what is left to do until an ensemble has healed.

use super::Violation;
use crate::base::{ProcessId, SortedMap, SortedSet, Time, TraceEvent, TraceRecord};
use crate::node::ProcessView;
use crate::node::view::{ZnodeView, ZooKeeperView};

/// The rules of the broadcast, from the trace and the views of the servers.
#[derive(Default)]
pub struct AgreedTransactions {
    /// Every server that was ever heard of.
    servers: SortedSet<ProcessId>,
    /// Who has the history of each epoch's leader.
    entered: SortedMap<u64, SortedSet<ProcessId>>,
    leaders: SortedMap<u64, ProcessId>,
    agreed: SortedMap<i64, (String, String)>,
    applied: SortedMap<ProcessId, i64>,
}

impl AgreedTransactions {
    pub(super) fn see(&mut self, record: &TraceRecord, found: &mut Vec<Violation>) {
        let mut violation = |rule, text| found.push(Violation { at: record.at, rule, text });
        let Some(source) = record.source else {
            if let TraceEvent::ProcessStarted { process, .. } = &record.event {
                self.applied.remove(process);
            }
            return;
        };
        match &record.event {
            TraceEvent::ZooKeeperRoleChanged { role, epoch } => {
                self.servers.insert(source);
                if role == "leader" {
                    let supporters = self.entered.get(epoch).map_or(0, SortedSet::len);
                    if supporters * 2 <= self.servers.len() {
                        let text = format!(
                            "{source} leads in {epoch} with {supporters} of {}",
                            self.servers.len()
                        );
                        violation("LeaderHasQuorum", text);
                    }
                    let leader = self.leaders.entry(*epoch).or_insert(source);
                    if *leader != source {
                        let text = format!("{leader} and {source} lead in epoch {epoch}");
                        violation("OneLeaderPerEpoch", text);
                    }
                    // A leader's history is agreed on: its epoch must be newer than any that spoke.
                    let newest = self.leaders.last_key_value().map_or(0, |(newest, _)| *newest);
                    if *epoch < newest {
                        violation(
                            "EpochsGrow",
                            format!("{source} leads in {epoch} after {newest}"),
                        );
                    }
                }
                self.applied.remove(&source);
            }
            TraceEvent::ZooKeeperEpochEntered { epoch } => {
                self.entered.entry(*epoch).or_default().insert(source);
            }
            TraceEvent::TransactionApplied { zxid, op, path } => {
                if let Some(before) = self.applied.insert(source, *zxid) {
                    if *zxid <= before {
                        let text = format!("{source} applied 0x{zxid:x} after 0x{before:x}");
                        violation("CommitOrder", text);
                    } else if let Some((left_out, _)) = self.agreed.range(before + 1..*zxid).next()
                    {
                        let text = format!("{source} applied 0x{zxid:x} but not 0x{left_out:x}");
                        violation("PrefixAgreement", text);
                    }
                }
                let this = (op.clone(), path.clone());
                let agreed = self.agreed.entry(*zxid).or_insert_with(|| this.clone());
                if *agreed != this {
                    let text = format!("0x{zxid:x} is {agreed:?} and, on {source}, {this:?}");
                    violation("OneHistory", text);
                }
            }
            _ => {}
        }
    }

    /// Servers that serve and have applied the same have the same trees, and in none of them does a
    /// znode outlive the session that owns it.
    pub(super) fn look(at: Time, views: &[&ProcessView], found: &mut Vec<Violation>) {
        let mut trees: SortedMap<i64, &ZooKeeperView> = SortedMap::new();
        for view in servers(views).filter(|view| view.is_serving) {
            let first = *trees.entry(view.last_zxid).or_insert(view);
            if !is_same_tree(&first.znodes, &view.znodes) {
                let text = format!("two trees at 0x{:x}", view.last_zxid);
                found.push(Violation { at, rule: "OneTree", text });
            }
            for path in outlived(view) {
                let text = format!("{path} at 0x{:x}", view.last_zxid);
                found.push(Violation { at, rule: "EphemeralDiesWithSession", text });
            }
        }
    }

    /// The last transaction that a server has applied.
    pub(super) fn last_applied(&self) -> i64 {
        self.agreed.last_key_value().map_or(0, |(zxid, _)| *zxid)
    }
}

/// Whether two trees hold the same; watches are each server's own.
fn is_same_tree(a: &[ZnodeView], b: &[ZnodeView]) -> bool {
    a.iter().map(essence).eq(b.iter().map(essence))
}

fn essence(znode: &ZnodeView) -> (&str, &str, i32, i64) {
    (&znode.path, &znode.data, znode.version, znode.ephemeral_owner)
}

fn servers<'a>(views: &[&'a ProcessView]) -> impl Iterator<Item = &'a ZooKeeperView> {
    views.iter().filter_map(|view| match view {
        ProcessView::ZooKeeper(view) => Some(view),
        _ => None,
    })
}

/// What keeps an ensemble of `count` servers from having healed.
pub(super) fn disagreements(count: usize, views: &[&ProcessView]) -> Vec<String> {
    let servers: Vec<_> = servers(views).collect();
    let mut left = Vec::new();
    let serving = servers.iter().filter(|view| view.is_serving).count();
    if serving != count {
        left.push(format!("{serving} of {count} ZooKeeper servers serve"));
    }
    let leaders = servers.iter().filter(|view| view.role == "leader").count();
    if count > 1 && leaders != 1 {
        left.push(format!("{leaders} leaders"));
    }
    let ends = |pick: fn(&ZooKeeperView) -> i64| {
        let all = servers.iter().map(|view| pick(view));
        (all.clone().min(), all.max())
    };
    let (first, last) = ends(|view| view.last_zxid);
    if first != last {
        left.push(format!("last zxids from {first:x?} to {last:x?}"));
    }
    let (first, last) = ends(|view| i64::from(view.epoch));
    if first != last {
        left.push(format!("epochs from {first:?} to {last:?}"));
    }
    left
}

/// Ephemeral znodes whose session this server does not know.
fn outlived(view: &ZooKeeperView) -> impl Iterator<Item = &str> {
    let is_known = |owner: i64| view.sessions.iter().any(|session| session.id == owner);
    let ephemeral = view.znodes.iter().filter(|znode| znode.ephemeral_owner != 0);
    ephemeral.filter(move |znode| !is_known(znode.ephemeral_owner)).map(|znode| znode.path.as_str())
}

#[cfg(test)]
mod tests;
