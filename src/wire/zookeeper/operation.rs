//! The operations: their numbers, requests and replies.
//!
//! In ZooKeeper: `ZooDefs.OpCode`, `FinalRequestProcessor`.

use serde::{Deserialize, Serialize};

use super::{
    AuthRequest, CheckVersionRequest, Create2Response, CreateRequest, CreateResponse,
    CreateTtlRequest, DeleteRequest, ExistsRequest, GetAclRequest, GetAclResponse,
    GetChildren2Response, GetChildrenRequest, GetChildrenResponse, GetDataRequest, GetDataResponse,
    MultiOperation, MultiResult, ReconfigRequest, SetAclRequest, SetDataRequest, SetWatchesRequest,
    StatResponse, SyncRequest, SyncResponse, WatchesRequest,
};
use crate::wire::jute::FORM;
use crate::wire::schema::Field;
use crate::wire::{DecodeError, Reader, Writer};

macro_rules! operations {
    ($($(#[$doc:meta])* $op:ident = $number:literal $name:literal:
        $($request:ty)? => $($reply:ident)?;)*) => {
        /// The operations a client can ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum OpCode {
            $( $(#[$doc])* $op, )*
        }

        impl OpCode {
            /// The operation of that number.
            pub fn from_number(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$op),)*
                    _ => None,
                }
            }

            /// Its number on the wire.
            pub fn number(self) -> i32 {
                match self { $(Self::$op => $number),* }
            }

            /// Its name as ZooKeeper logs it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$op => $name),* }
            }
        }

        /// A request of a client.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Request {
            $( $(#[$doc])* $op $(($request))?, )*
        }

        impl Request {
            /// Its operation.
            pub fn op(&self) -> OpCode {
                match self { $(operations!(@any $op $($request)?) => OpCode::$op),* }
            }

            pub(super) fn read(reader: &mut Reader, op: OpCode) -> Result<Self, DecodeError> {
                match op {
                    $(OpCode::$op => Ok(operations!(@read reader $op $($request)?)),)*
                }
            }

            pub(super) fn write(&self, writer: &mut Writer) {
                match self {
                    $(operations!(@bind request $op $($request)?) => {
                        operations!(@write writer request $($request)?);
                    })*
                }
            }
        }

        impl Reply {
            /// Reads the body of a reply that is not an error; none where there is no body.
            pub(super) fn read(
                reader: &mut Reader,
                op: OpCode,
            ) -> Result<Option<Self>, DecodeError> {
                match op {
                    $(OpCode::$op => operations!(@reply reader $($reply)?),)*
                }
            }
        }
    };
    (@any $op:ident) => { Self::$op };
    (@any $op:ident $request:ty) => { Self::$op(_) };
    (@bind $value:ident $op:ident) => { Self::$op };
    (@bind $value:ident $op:ident $request:ty) => { Self::$op($value) };
    (@read $reader:ident $op:ident) => { Self::$op };
    (@read $reader:ident $op:ident $request:ty) => {
        Self::$op(<$request as Field>::read($reader, FORM)?)
    };
    (@write $writer:ident $value:ident) => {};
    (@write $writer:ident $value:ident $request:ty) => { $value.write($writer, FORM) };
    (@reply $reader:ident) => { Ok(None) };
    (@reply $reader:ident $reply:ident) => { Field::read($reader, FORM).map(Self::$reply).map(Some) };
}

operations! {
    /// Creates a znode.
    Create = 1 "create": CreateRequest => Create;
    /// Deletes a znode.
    Delete = 2 "delete": DeleteRequest => ;
    /// Looks for a znode.
    Exists = 3 "exists": ExistsRequest => Stat;
    /// Reads the data of a znode.
    GetData = 4 "getData": GetDataRequest => GetData;
    /// Writes the data of a znode.
    SetData = 5 "setData": SetDataRequest => Stat;
    /// Reads an access control list.
    GetAcl = 6 "getACL": GetAclRequest => GetAcl;
    /// Writes an access control list.
    SetAcl = 7 "setACL": SetAclRequest => Stat;
    /// Lists the children of a znode.
    GetChildren = 8 "getChildren": GetChildrenRequest => GetChildren;
    /// Catches up with the leader.
    Sync = 9 "sync": SyncRequest => Sync;
    /// Keeps the session alive.
    Ping = 11 "ping": => ;
    /// Lists the children of a znode, with its stat.
    GetChildren2 = 12 "getChildren2": GetChildrenRequest => GetChildren2;
    /// Requires a version; only inside a multi.
    Check = 13 "check": CheckVersionRequest => ;
    /// Does all of several operations, or none.
    Multi = 14 "multi": Vec<MultiOperation> => Multi;
    /// Creates a znode and returns its stat.
    Create2 = 15 "create2": CreateRequest => Create2;
    /// Changes the membership of the ensemble.
    Reconfig = 16 "reconfig": ReconfigRequest => GetData;
    /// Asks whether a watch is set.
    CheckWatches = 17 "checkWatches": WatchesRequest => ;
    /// Takes a watch away.
    RemoveWatches = 18 "removeWatches": WatchesRequest => ;
    /// Creates a container.
    CreateContainer = 19 "createContainer": CreateRequest => Create2;
    /// Creates a znode with a time to live.
    CreateTtl = 21 "createTTL": CreateTtlRequest => Create2;
    /// Presents credentials.
    Auth = 100 "auth": AuthRequest => ;
    /// Arms watches again.
    SetWatches = 101 "setWatches": SetWatchesRequest => ;
    /// Ends the session.
    CloseSession = -11 "closeSession": => ;
}

/// The body of a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To create.
    Create(CreateResponse),
    /// To create2, createContainer and createTTL.
    Create2(Create2Response),
    /// To exists, setData and setACL.
    Stat(StatResponse),
    /// To getData.
    GetData(GetDataResponse),
    /// To getACL.
    GetAcl(GetAclResponse),
    /// To getChildren.
    GetChildren(GetChildrenResponse),
    /// To getChildren2.
    GetChildren2(GetChildren2Response),
    /// To sync.
    Sync(SyncResponse),
    /// To multi.
    Multi(Vec<MultiResult>),
}

impl Reply {
    pub(super) fn write(&self, writer: &mut Writer) {
        match self {
            Self::Create(body) => body.write(writer, FORM),
            Self::Create2(body) => body.write(writer, FORM),
            Self::Stat(body) => body.write(writer, FORM),
            Self::GetData(body) => body.write(writer, FORM),
            Self::GetAcl(body) => body.write(writer, FORM),
            Self::GetChildren(body) => body.write(writer, FORM),
            Self::GetChildren2(body) => body.write(writer, FORM),
            Self::Sync(body) => body.write(writer, FORM),
            Self::Multi(results) => results.write(writer, FORM),
        }
    }
}

impl Request {
    /// The path it is about.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Create(body) | Self::Create2(body) | Self::CreateContainer(body) => {
                Some(&body.path)
            }
            Self::CreateTtl(body) => Some(&body.path),
            Self::Delete(body) => Some(&body.path),
            Self::Exists(body) => Some(&body.path),
            Self::GetData(body) => Some(&body.path),
            Self::SetData(body) => Some(&body.path),
            Self::GetAcl(body) => Some(&body.path),
            Self::SetAcl(body) => Some(&body.path),
            Self::GetChildren(body) | Self::GetChildren2(body) => Some(&body.path),
            Self::Sync(body) => Some(&body.path),
            Self::Check(body) => Some(&body.path),
            Self::CheckWatches(body) | Self::RemoveWatches(body) => Some(&body.path),
            Self::Multi(operations) => operations.first().map(MultiOperation::path),
            Self::Ping
            | Self::Reconfig(_)
            | Self::Auth(_)
            | Self::SetWatches(_)
            | Self::CloseSession => None,
        }
    }
}
