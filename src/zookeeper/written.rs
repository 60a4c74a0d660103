//! What a client is told about its write, from the transaction that it became and what came of it.
//!
//! In ZooKeeper: the write half of `server.FinalRequestProcessor`.

use super::tree::Applied;
use super::txn::Txn;
use crate::wire::zookeeper::{
    Create2Response, CreateResponse, KeeperCode, MultiResult, Reply, StatResponse,
};

/// The error for the header of the reply, and its body, if it has one.
pub(super) fn reply_to(txn: &Txn, applied: Applied) -> (KeeperCode, Option<Reply>) {
    if let Txn::Multi(parts) = txn {
        // A multi that failed is answered all the same: each part says how it went.
        let failed = !applied.error.is_ok();
        let result = |(txn, applied): (&Txn, Applied)| {
            if failed { MultiResult::Error(applied.error) } else { result_of(txn, applied) }
        };
        let results = parts.iter().zip(applied.parts).map(result).collect();
        return (KeeperCode::OK, Some(Reply::Multi(results)));
    }
    if !applied.error.is_ok() {
        return (applied.error, None);
    }
    let stat = applied.stat.unwrap_or_default();
    let body = match txn {
        Txn::Create { with_stat: false, path, .. } => {
            Some(Reply::Create(CreateResponse { path: path.clone() }))
        }
        Txn::Create { with_stat: true, path, .. } => {
            Some(Reply::Create2(Create2Response { path: path.clone(), stat }))
        }
        Txn::SetData { .. } | Txn::SetAcl { .. } => Some(Reply::Stat(StatResponse { stat })),
        Txn::Delete { .. }
        | Txn::Check { .. }
        | Txn::Multi(_)
        | Txn::CreateSession { .. }
        | Txn::CloseSession
        | Txn::Error(_) => None,
    };
    (KeeperCode::OK, body)
}

fn result_of(txn: &Txn, applied: Applied) -> MultiResult {
    let stat = applied.stat.unwrap_or_default();
    match txn {
        Txn::Create { with_stat: false, path, .. } => {
            MultiResult::Create(CreateResponse { path: path.clone() })
        }
        Txn::Create { with_stat: true, path, .. } => {
            MultiResult::Create2(Create2Response { path: path.clone(), stat })
        }
        Txn::Delete { .. } => MultiResult::Delete,
        Txn::SetData { .. } => MultiResult::SetData(StatResponse { stat }),
        Txn::Check { .. } => MultiResult::Check,
        Txn::SetAcl { .. }
        | Txn::Multi(_)
        | Txn::CreateSession { .. }
        | Txn::CloseSession
        | Txn::Error(_) => MultiResult::Error(applied.error),
    }
}
