//! What the controller and the admin manager ask of ZooKeeper, in their own terms: reads with or
//! without a watch, plain writes, and writes that only the current controller can make.
//!
//! In Kafka: kafka.zk.KafkaZkClient.

use crate::cluster::znode_path;
use crate::wire::zookeeper::{
    ANY_VERSION, Acl, CheckVersionRequest, CreateRequest, DeleteRequest, ExistsRequest,
    GetChildrenRequest, GetChildrenResponse, GetDataRequest, GetDataResponse, KeeperCode,
    MultiOperation, MultiResult, Reply, Request, SetDataRequest, StatResponse, create_mode,
};
use bytes::Bytes;

/// A change of one znode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// Make a persistent znode.
    Create {
        /// Where.
        path: String,
        /// With which data; none is null.
        data: Option<Bytes>,
    },
    /// Make a persistent znode whose name ZooKeeper ends with the next number.
    CreateSequential {
        /// Where, and how its name begins.
        path: String,
        /// With which data.
        data: Bytes,
    },
    /// Write the data of a znode of this version, −1 for any.
    SetData {
        /// Where.
        path: String,
        /// The data.
        data: Bytes,
        /// Version that it must have.
        version: i32,
    },
    /// Delete a znode of any version.
    Delete {
        /// Which.
        path: String,
    },
}

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// Whether a znode is there.
    Exists {
        /// Which.
        path: String,
        /// Whether to be told when it is made, changed or deleted.
        watch: bool,
    },
    /// The data of a znode.
    GetData {
        /// Which.
        path: String,
        /// Whether to be told when it is changed or deleted.
        watch: bool,
    },
    /// The children of a znode.
    GetChildren {
        /// Of which.
        path: String,
        /// Whether to be told when one comes or goes.
        watch: bool,
    },
    /// A change that anybody may make.
    Write(Write),
    /// A change that is made only while `/controller_epoch` still has this version: a controller
    /// that was deposed without knowing it writes nothing.
    Fenced {
        /// The change.
        write: Write,
        /// Version of `/controller_epoch` that the controller made.
        epoch_zk_version: i32,
    },
    /// Makes `/controller` and the next `/controller_epoch` in one transaction.
    BecomeController {
        /// Data of `/controller`.
        registration: Bytes,
        /// Data of `/controller_epoch`.
        epoch: Bytes,
        /// Version that `/controller_epoch` must have.
        epoch_zk_version: i32,
    },
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The znode is there.
    Found,
    /// The data of the znode, its version and the zxid that made it.
    Data {
        /// The data.
        data: Bytes,
        /// Data version.
        version: i32,
        /// Zxid of its creation.
        czxid: i64,
    },
    /// Names of the children, sorted.
    Children(Vec<String>),
    /// The change is made; the znode has this version now.
    Written {
        /// Data version, 0 of a new znode.
        version: i32,
    },
    /// Another controller has been elected: nothing was changed.
    ControllerMoved,
    /// It did not succeed.
    Failed(KeeperCode),
}

impl Answer {
    /// Whether the znode is not there.
    pub fn is_no_node(&self) -> bool {
        *self == Self::Failed(KeeperCode::NO_NODE)
    }

    /// The children, none unless that was asked and answered.
    pub fn into_children(self) -> Vec<String> {
        match self {
            Self::Children(names) => names,
            _ => Vec::new(),
        }
    }
}

impl Op {
    /// The data of `path`.
    pub fn get_data(path: impl Into<String>) -> Self {
        Self::GetData { path: path.into(), watch: false }
    }

    /// The data of `path`, which is watched from now on.
    pub fn watch_data(path: impl Into<String>) -> Self {
        Self::GetData { path: path.into(), watch: true }
    }

    /// The children of `path`, which are watched from now on.
    pub fn watch_children(path: impl Into<String>) -> Self {
        Self::GetChildren { path: path.into(), watch: true }
    }

    /// The path that the request is about.
    pub fn path(&self) -> &str {
        match self {
            Self::Exists { path, .. }
            | Self::GetData { path, .. }
            | Self::GetChildren { path, .. } => path,
            Self::Write(write) | Self::Fenced { write, .. } => write.path(),
            Self::BecomeController { .. } => znode_path::CONTROLLER,
        }
    }
}

impl Write {
    /// The path that is changed.
    pub fn path(&self) -> &str {
        match self {
            Self::Create { path, .. }
            | Self::CreateSequential { path, .. }
            | Self::SetData { path, .. }
            | Self::Delete { path } => path,
        }
    }
}

impl Write {
    fn to_operation(&self) -> MultiOperation {
        match self {
            Self::Create { path, data } => MultiOperation::Create(CreateRequest {
                path: path.clone(),
                data: data.clone(),
                acl: Acl::open(),
                flags: create_mode::PERSISTENT,
            }),
            Self::CreateSequential { path, data } => MultiOperation::Create(CreateRequest {
                path: path.clone(),
                data: Some(data.clone()),
                acl: Acl::open(),
                flags: create_mode::PERSISTENT_SEQUENTIAL,
            }),
            Self::SetData { path, data, version } => MultiOperation::SetData(SetDataRequest {
                path: path.clone(),
                data: Some(data.clone()),
                version: *version,
            }),
            Self::Delete { path } => {
                let version = ANY_VERSION;
                MultiOperation::Delete(DeleteRequest { path: path.clone(), version })
            }
        }
    }
}

impl From<Op> for Request {
    fn from(op: Op) -> Self {
        match op {
            Op::Exists { path, watch } => Self::Exists(ExistsRequest { path, watch }),
            Op::GetData { path, watch } => Self::GetData(GetDataRequest { path, watch }),
            Op::GetChildren { path, watch } => {
                Self::GetChildren(GetChildrenRequest { path, watch })
            }
            Op::Write(write) => match write.to_operation() {
                MultiOperation::Create(create) => Self::Create(create),
                MultiOperation::SetData(set) => Self::SetData(set),
                MultiOperation::Delete(delete) => Self::Delete(delete),
                other => Self::Multi(vec![other]),
            },
            Op::Fenced { write, epoch_zk_version: version } => {
                let path = znode_path::CONTROLLER_EPOCH.to_owned();
                let check = MultiOperation::Check(CheckVersionRequest { path, version });
                Self::Multi(vec![check, write.to_operation()])
            }
            Op::BecomeController { registration, epoch, epoch_zk_version } => {
                let create = MultiOperation::Create(CreateRequest {
                    path: znode_path::CONTROLLER.to_owned(),
                    data: Some(registration),
                    acl: Acl::open(),
                    flags: create_mode::EPHEMERAL,
                });
                let set = MultiOperation::SetData(SetDataRequest {
                    path: znode_path::CONTROLLER_EPOCH.to_owned(),
                    data: Some(epoch),
                    version: epoch_zk_version,
                });
                Self::Multi(vec![create, set])
            }
        }
    }
}

impl From<Result<Option<Reply>, KeeperCode>> for Answer {
    fn from(outcome: Result<Option<Reply>, KeeperCode>) -> Self {
        match outcome {
            Err(code) => Self::Failed(code),
            Ok(Some(Reply::GetData(GetDataResponse { data, stat }))) => Self::Data {
                data: data.unwrap_or_default(),
                version: stat.version,
                czxid: stat.czxid,
            },
            Ok(Some(Reply::GetChildren(GetChildrenResponse { mut children }))) => {
                children.sort();
                Self::Children(children)
            }
            Ok(Some(Reply::Stat(StatResponse { stat }))) => Self::Written { version: stat.version },
            Ok(Some(Reply::Multi(results))) => of_multi(&results),
            Ok(_) => Self::Written { version: 0 },
        }
    }
}

/// What came of a fenced write: the check is the first operation.
fn of_multi(results: &[MultiResult]) -> Answer {
    let mut version = 0;
    for (index, result) in results.iter().enumerate() {
        match result {
            MultiResult::Error(code) if code.is_ok() => {}
            MultiResult::Error(KeeperCode::BAD_VERSION | KeeperCode::NO_NODE) if index == 0 => {
                return Answer::ControllerMoved;
            }
            MultiResult::Error(code) => return Answer::Failed(*code),
            MultiResult::SetData(StatResponse { stat }) => version = stat.version,
            _ => {}
        }
    }
    Answer::Written { version }
}
