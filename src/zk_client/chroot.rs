//! Puts the chroot in front of the paths of requests and takes it off those of replies.
//!
//! In ZooKeeper: `ZooKeeper.prependChroot`, `ClientCnxn.finishPacket`.

use super::connect_string::ConnectString;
use crate::wire::zookeeper::{MultiOperation, MultiResult, Reply, Request};

impl ConnectString {
    /// The request as the server must see it.
    pub(super) fn request(&self, mut request: Request) -> Request {
        if self.chroot.is_empty() {
            return request;
        }
        let put = |path: &mut String| *path = self.on_server(path);
        match &mut request {
            Request::Create(body) | Request::Create2(body) | Request::CreateContainer(body) => {
                put(&mut body.path);
            }
            Request::CreateTtl(body) => put(&mut body.path),
            Request::Delete(body) => put(&mut body.path),
            Request::Exists(body) => put(&mut body.path),
            Request::GetData(body) => put(&mut body.path),
            Request::SetData(body) => put(&mut body.path),
            Request::GetAcl(body) => put(&mut body.path),
            Request::SetAcl(body) => put(&mut body.path),
            Request::GetChildren(body) | Request::GetChildren2(body) => put(&mut body.path),
            Request::Sync(body) => put(&mut body.path),
            Request::Check(body) => put(&mut body.path),
            Request::CheckWatches(body) | Request::RemoveWatches(body) => put(&mut body.path),
            Request::Multi(parts) => parts.iter_mut().for_each(|part| put(path_of(part))),
            Request::SetWatches(body) => {
                let lists =
                    [&mut body.data_watches, &mut body.exist_watches, &mut body.child_watches];
                lists.into_iter().flatten().for_each(put);
            }
            Request::Ping | Request::Reconfig(_) | Request::Auth(_) | Request::CloseSession => {}
        }
        request
    }

    /// The reply as the owner must see it.
    pub(super) fn reply(&self, mut reply: Reply) -> Reply {
        if self.chroot.is_empty() {
            return reply;
        }
        let take = |path: &mut String| *path = self.for_client(path);
        match &mut reply {
            Reply::Create(body) => take(&mut body.path),
            Reply::Create2(body) => take(&mut body.path),
            Reply::Sync(body) => take(&mut body.path),
            Reply::Multi(results) => {
                for result in results {
                    match result {
                        MultiResult::Create(body) => take(&mut body.path),
                        MultiResult::Create2(body) => take(&mut body.path),
                        MultiResult::Delete
                        | MultiResult::SetData(_)
                        | MultiResult::Check
                        | MultiResult::Error(_) => {}
                    }
                }
            }
            Reply::Stat(_)
            | Reply::GetData(_)
            | Reply::GetAcl(_)
            | Reply::GetChildren(_)
            | Reply::GetChildren2(_) => {}
        }
        reply
    }
}

fn path_of(part: &mut MultiOperation) -> &mut String {
    match part {
        MultiOperation::Create(body)
        | MultiOperation::Create2(body)
        | MultiOperation::CreateContainer(body) => &mut body.path,
        MultiOperation::CreateTtl(body) => &mut body.path,
        MultiOperation::Delete(body) => &mut body.path,
        MultiOperation::SetData(body) => &mut body.path,
        MultiOperation::Check(body) => &mut body.path,
    }
}
