//! The ensemble: who leads, what the others lack, what a quorum has agreed on.
//!
//! A server looks for a leader ([`election`]), then leads or follows. A leader finds an epoch that a
//! quorum accepts (discovery), brings each follower to its own history (synchronisation, [`sync`]),
//! and from then on proposes transactions, which are committed in order once a quorum has them on
//! disk (broadcast). Whatever fails leads back to the election.
//!
//! In ZooKeeper: `server.quorum`. Observers, reconfiguration and local sessions are not here.

mod election;
mod follower;
mod leader;
mod learners;
mod mail;
mod peer;
mod sync;
mod waiting;

pub(super) use follower::Follower;
pub(super) use leader::Leader;
pub(super) use peer::{Peer, Role};
