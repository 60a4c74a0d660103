//! ZooKeeper's error codes.
//!
//! In ZooKeeper: `KeeperException.Code`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An error code. A number that 3.5 does not know is kept as it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct KeeperCode(pub i32);

impl KeeperCode {
    /// Whether the operation succeeded.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// The message of the exception, as in `KeeperErrorCode = NoNode for /a`.
    pub fn message_for(self, path: &str) -> String {
        if path.is_empty() {
            format!("KeeperErrorCode = {self}")
        } else {
            format!("KeeperErrorCode = {self} for {path}")
        }
    }
}

macro_rules! keeper_codes {
    ($($number:literal $name:ident $text:literal;)*) => {
        impl KeeperCode {
            $(
                #[doc = concat!("Code ", $number, ": ", $text)]
                pub const $name: Self = Self($number);
            )*
        }

        impl fmt::Display for KeeperCode {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($number => write!(f, $text),)*
                    number => write!(f, "Unknown error {number}"),
                }
            }
        }
    };
}

keeper_codes! {
    0 OK "ok";
    -1 SYSTEM_ERROR "SystemError";
    -2 RUNTIME_INCONSISTENCY "RuntimeInconsistency";
    -3 DATA_INCONSISTENCY "DataInconsistency";
    -4 CONNECTION_LOSS "ConnectionLoss";
    -5 MARSHALLING_ERROR "MarshallingError";
    -6 UNIMPLEMENTED "Unimplemented";
    -7 OPERATION_TIMEOUT "OperationTimeout";
    -8 BAD_ARGUMENTS "BadArguments";
    -13 NEW_CONFIG_NO_QUORUM "NewConfigNoQuorum";
    -14 RECONFIG_IN_PROGRESS "ReconfigInProgress";
    -100 API_ERROR "APIError";
    -101 NO_NODE "NoNode";
    -102 NO_AUTH "NoAuth";
    -103 BAD_VERSION "BadVersion";
    -108 NO_CHILDREN_FOR_EPHEMERALS "NoChildrenForEphemerals";
    -110 NODE_EXISTS "NodeExists";
    -111 NOT_EMPTY "Directory not empty";
    -112 SESSION_EXPIRED "Session expired";
    -113 INVALID_CALLBACK "Invalid callback";
    -114 INVALID_ACL "InvalidACL";
    -115 AUTH_FAILED "AuthFailed";
    -118 SESSION_MOVED "Session moved";
    -119 NOT_READ_ONLY "Not a read-only call";
    -120 EPHEMERAL_ON_LOCAL_SESSION "Ephemeral node on local session";
    -121 NO_WATCHER "No such watcher";
    -123 RECONFIG_DISABLED "Reconfig is disabled";
}
