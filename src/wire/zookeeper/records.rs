//! The records of the client protocol.
//!
//! In ZooKeeper: `zookeeper-jute/src/main/resources/zookeeper.jute`.

use bytes::Bytes;

jute_records! {
    /// What ZooKeeper knows about a znode besides its data.
    Stat {
        czxid: i64;
        mzxid: i64;
        ctime: i64;
        mtime: i64;
        version: i32;
        cversion: i32;
        aversion: i32;
        ephemeral_owner: i64;
        data_length: i32;
        num_children: i32;
        pzxid: i64;
    }

    /// Who an access control entry is for.
    Id {
        scheme: String;
        id: String;
    }

    /// An access control entry.
    Acl {
        perms: i32;
        id: Id;
    }

    /// In front of every request; `op` is the number of an [`OpCode`](super::OpCode).
    RequestHeader {
        xid: i32;
        op: i32;
    }

    /// In front of every reply and event; `err` is the number of a
    /// [`KeeperCode`](super::KeeperCode).
    ReplyHeader {
        xid: i32;
        zxid: i64;
        err: i32;
    }

    /// Creates a znode; `flags` is a [`create_mode`](super::create_mode).
    CreateRequest {
        path: String;
        data: Option<Bytes>;
        acl: Vec<Acl>;
        flags: i32;
    }

    /// Changes the membership of the ensemble.
    ReconfigRequest {
        joining_servers: Option<String>;
        leaving_servers: Option<String>;
        new_members: Option<String>;
        current_config_id: i64;
    }

    /// Creates a znode that goes away after `ttl` milliseconds without a change.
    CreateTtlRequest {
        path: String;
        data: Option<Bytes>;
        acl: Vec<Acl>;
        flags: i32;
        ttl: i64;
    }

    /// The path of the znode created, with the number it got.
    CreateResponse {
        path: String;
    }

    /// The znode created, with its stat.
    Create2Response {
        path: String;
        stat: Stat;
    }

    /// Deletes a znode of that version.
    DeleteRequest {
        path: String;
        version: i32;
    }

    /// Asks whether a znode exists.
    ExistsRequest {
        path: String;
        watch: bool;
    }

    /// A stat: the answer to exists, setData and setACL.
    StatResponse {
        stat: Stat;
    }

    /// Asks for the data of a znode.
    GetDataRequest {
        path: String;
        watch: bool;
    }

    /// The data of a znode.
    GetDataResponse {
        data: Option<Bytes>;
        stat: Stat;
    }

    /// Replaces the data of a znode of that version.
    SetDataRequest {
        path: String;
        data: Option<Bytes>;
        version: i32;
    }

    /// Asks for the access control list of a znode.
    GetAclRequest {
        path: String;
    }

    /// The access control list of a znode.
    GetAclResponse {
        acl: Vec<Acl>;
        stat: Stat;
    }

    /// Replaces the access control list of a znode of that version.
    SetAclRequest {
        path: String;
        acl: Vec<Acl>;
        version: i32;
    }

    /// Asks for the names of the children of a znode.
    GetChildrenRequest {
        path: String;
        watch: bool;
    }

    /// The names of the children.
    GetChildrenResponse {
        children: Vec<String>;
    }

    /// The names of the children, and the stat of their parent.
    GetChildren2Response {
        children: Vec<String>;
        stat: Stat;
    }

    /// Waits until this server has all that the leader had when it heard of it.
    SyncRequest {
        path: String;
    }

    /// The path that was synchronised.
    SyncResponse {
        path: String;
    }

    /// Requires that a znode has that version.
    CheckVersionRequest {
        path: String;
        version: i32;
    }

    /// Asks whether such a watch is set, or takes it away: 1 children, 2 data, 3 any.
    WatchesRequest {
        path: String;
        watcher_type: i32;
    }

    /// Arms the watches of a session again on another connection.
    SetWatchesRequest {
        relative_zxid: i64;
        data_watches: Vec<String>;
        exist_watches: Vec<String>;
        child_watches: Vec<String>;
    }

    /// Credentials.
    AuthRequest {
        auth_type: i32;
        scheme: String;
        auth: Option<Bytes>;
    }

    /// Something a watch was set on has changed; see [`event_type`](super::event_type).
    WatcherEvent {
        event_type: i32;
        state: i32;
        path: String;
    }

    /// In front of every operation and result of a multi, and once more at its end.
    MultiHeader {
        op: i32;
        done: bool;
        err: i32;
    }
}
