//! The broker's session with ZooKeeper: what the server itself asks, and who gets which answer.
//!
//! In Kafka: `KafkaZkClient.registerBroker`, `createOrGetClusterId`, `CheckedEphemeral`.

use super::config_changes::overrides;
use super::{Broker, Life, ZkTag};
use crate::base::trace::LogLevel;
use crate::broker::kafka_zk::Answer;
use crate::cluster::znode_data::{BrokerRegistration, ClusterId};
use crate::cluster::znode_path;
use crate::node::{Ctx, Properties};
use crate::wire::Uuid;
use crate::wire::zookeeper::{
    ANY_VERSION, Acl, CreateRequest, DeleteRequest, GetChildrenRequest, GetDataRequest,
    GetDataResponse, KeeperCode, MultiOperation, MultiResult, Reply, Request, SetDataRequest,
    create_mode, event_type,
};
use crate::zk_client::ZkEvent;
use bytes::Bytes;

/// A request of the server itself. It says all that is needed to make the request again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ServerTag {
    /// Make the chroot or a znode above it.
    CreateChroot(String),
    /// Make a persistent root.
    CreateRoot(String),
    /// Read `/cluster/id`.
    ReadClusterId,
    /// Make `/cluster`.
    CreateCluster,
    /// Make `/cluster/id` with this id.
    CreateClusterId(String),
    /// Make `/brokers/ids/N`.
    Register,
    /// Write `/brokers/ids/N` anew.
    UpdateBrokerInfo,
    /// Read `/brokers/ids/N`, which is there already.
    ReadRegistration,
    /// Read the settings of a topic that gets a replica here.
    ReadTopicConfig(String),
    /// Read the settings of a topic, which have changed.
    ReadChangedTopicConfig(String),
    /// Read the settings of a broker, or of all.
    ReadBrokerConfig(Option<i32>),
    /// See which config changes there are, and watch for more.
    ListConfigChanges,
    /// Read one of them.
    ReadConfigChange(String),
    /// Delete one of them that is old.
    DeleteConfigChange(String),
}

type Outcome = Result<Option<Reply>, KeeperCode>;

impl Broker {
    pub(super) fn on_zookeeper_events(&mut self, events: Vec<ZkEvent<ZkTag>>, ctx: &mut Ctx<'_>) {
        for event in events {
            if self.life == Life::NotRunning {
                return;
            }
            match event {
                ZkEvent::Connected { new_session, .. } => self.on_connected(new_session, ctx),
                ZkEvent::Disconnected => {
                    zookeeper_log(LogLevel::Warn, "Disconnected.", ctx);
                }
                ZkEvent::Expired => self.on_session_expired(ctx),
                ZkEvent::Reply { tag, result, .. } => self.on_reply(tag, result, ctx),
                ZkEvent::Watch { path, .. } if path == znode_path::CONFIG_CHANGES => {
                    self.ask_zookeeper(ServerTag::ListConfigChanges, ctx);
                }
                // Of a registration the controller hears what it says; that it went is heard of the list.
                ZkEvent::Watch { path, kind }
                    if path.starts_with("/brokers/ids/")
                        && kind != event_type::NODE_DATA_CHANGED => {}
                ZkEvent::Watch { path, .. } => {
                    let actions = self.controller.on_watch(ctx.now(), &path);
                    self.apply_controller(actions, ctx);
                }
            }
        }
    }

    fn on_connected(&mut self, new_session: bool, ctx: &mut Ctx<'_>) {
        zookeeper_log(LogLevel::Info, "Connected.", ctx);
        if new_session {
            self.on_new_session(ctx);
        }
        // In the order in which they were first asked.
        for tag in std::mem::take(&mut self.zookeeper_lost) {
            self.ask_zookeeper(tag, ctx);
        }
        let actions = self.producer_ids.on_connected();
        self.apply_producer_id(actions, ctx);
        if !new_session {
            let actions = self.controller.on_reconnected(ctx.now());
            self.apply_controller(actions, ctx);
            let actions = self.admin.on_reconnected();
            self.apply_admin(actions, ctx);
        }
    }

    /// The session is over. The broker goes on serving with what it knows, and opens a new one.
    fn on_session_expired(&mut self, ctx: &mut Ctx<'_>) {
        zookeeper_log(LogLevel::Info, "Session expired.", ctx);
        let actions = self.controller.on_session_expired(ctx.now());
        self.apply_controller(actions, ctx);
        let actions = self.admin.on_session_expired(ctx.now(), &self.metadata);
        self.apply_admin(actions, ctx);
        // What belonged to the old session is asked anew by whoever needs it.
        self.zookeeper_lost.retain(|tag| {
            let is_config = matches!(
                tag,
                ServerTag::ReadTopicConfig(_)
                    | ServerTag::ReadChangedTopicConfig(_)
                    | ServerTag::ReadBrokerConfig(_)
            );
            is_config || matches!(tag, ServerTag::ReadConfigChange(_))
        });
        self.initialize_session(ctx);
    }

    pub(super) fn initialize_session(&mut self, ctx: &mut Ctx<'_>) {
        let servers = &self.config.zookeeper_connect;
        let text = format!("Initializing a new session to {servers}.");
        zookeeper_log(LogLevel::Info, &text, ctx);
        self.zookeeper.connect(ctx);
    }

    pub(super) fn close_session(&mut self, ctx: &mut Ctx<'_>) {
        zookeeper_log(LogLevel::Info, "Closing.", ctx);
        self.zookeeper.close(ctx);
        zookeeper_log(LogLevel::Info, "Closed.", ctx);
    }

    fn on_reply(&mut self, tag: ZkTag, result: Outcome, ctx: &mut Ctx<'_>) {
        match tag {
            ZkTag::Controller(tag) => {
                let actions = self.controller.on_zookeeper(ctx.now(), tag, Answer::from(result));
                self.apply_controller(actions, ctx);
            }
            ZkTag::Admin(tag) => {
                let answer = Answer::from(result);
                let actions = self.admin.on_zookeeper(ctx.now(), tag, answer, &self.metadata);
                self.apply_admin(actions, ctx);
            }
            ZkTag::Group(tag) => {
                let actions = self.groups.on_zookeeper(ctx.now(), tag, Answer::from(result));
                self.apply_group(actions, ctx);
            }
            ZkTag::ProducerId(tag) => {
                let actions = self.producer_ids.on_zookeeper(tag, Answer::from(result));
                self.apply_producer_id(actions, ctx);
            }
            ZkTag::Server(tag) => match result {
                Err(KeeperCode::CONNECTION_LOSS | KeeperCode::SESSION_EXPIRED) => {
                    self.zookeeper_lost.push(tag);
                }
                result => self.on_own_reply(tag, result, ctx),
            },
        }
    }

    /// Asks ZooKeeper for the server itself.
    pub(super) fn ask_zookeeper(&mut self, tag: ServerTag, ctx: &mut Ctx<'_>) {
        let request = self.request_of(&tag, ctx);
        if matches!(tag, ServerTag::CreateChroot(_)) {
            self.zookeeper.submit_without_chroot(request, ZkTag::Server(tag), ctx);
        } else {
            self.zookeeper.submit(request, ZkTag::Server(tag), ctx);
        }
    }

    fn request_of(&self, tag: &ServerTag, ctx: &Ctx<'_>) -> Request {
        let read = |path: String| Request::GetData(GetDataRequest { path, watch: false });
        match tag {
            ServerTag::CreateChroot(path) | ServerTag::CreateRoot(path) => create(path, None),
            ServerTag::ReadClusterId => read(znode_path::CLUSTER_ID.to_owned()),
            ServerTag::CreateCluster => create("/cluster", None),
            ServerTag::CreateClusterId(id) => {
                create(znode_path::CLUSTER_ID, Some(ClusterId::new(id.as_str()).to_json()))
            }
            ServerTag::Register => self.registration(ctx),
            ServerTag::UpdateBrokerInfo => Request::SetData(SetDataRequest {
                path: znode_path::broker(self.id()),
                data: Some(self.broker_info(ctx)),
                version: ANY_VERSION,
            }),
            ServerTag::ReadRegistration => read(znode_path::broker(self.id())),
            ServerTag::ReadTopicConfig(topic) | ServerTag::ReadChangedTopicConfig(topic) => {
                read(znode_path::topic_config(topic))
            }
            ServerTag::ReadBrokerConfig(broker) => read(znode_path::broker_config(*broker)),
            ServerTag::ListConfigChanges => Request::GetChildren(GetChildrenRequest {
                path: znode_path::CONFIG_CHANGES.to_owned(),
                watch: true,
            }),
            ServerTag::ReadConfigChange(name) => {
                read(format!("{}/{name}", znode_path::CONFIG_CHANGES))
            }
            ServerTag::DeleteConfigChange(name) => Request::Delete(DeleteRequest {
                path: format!("{}/{name}", znode_path::CONFIG_CHANGES),
                version: ANY_VERSION,
            }),
        }
    }

    /// What others have to know of this broker.
    fn broker_info(&self, ctx: &Ctx<'_>) -> Bytes {
        let registration = BrokerRegistration {
            endpoint: self.config.advertised_listener.clone(),
            rack: self.config.rack.clone(),
            timestamp_ms: ctx.now().as_millis(),
        };
        registration.to_json().into()
    }

    /// Creates the znode empty and fills it, in one transaction: so its czxid comes back in the
    /// stat of the second operation.
    fn registration(&self, ctx: &Ctx<'_>) -> Request {
        let path = znode_path::broker(self.id());
        let data = Some(self.broker_info(ctx));
        let flags = create_mode::EPHEMERAL;
        Request::Multi(vec![
            MultiOperation::Create(CreateRequest {
                path: path.clone(),
                data: None,
                acl: Acl::open(),
                flags,
            }),
            MultiOperation::SetData(SetDataRequest { path, data, version: 0 }),
        ])
    }

    fn on_own_reply(&mut self, tag: ServerTag, result: Outcome, ctx: &mut Ctx<'_>) {
        match (tag, result) {
            (ServerTag::CreateChroot(_), Ok(_) | Err(KeeperCode::NODE_EXISTS)) => {
                self.make_chroot(ctx);
            }
            (ServerTag::CreateRoot(path), Ok(_) | Err(KeeperCode::NODE_EXISTS)) => {
                self.on_root(&path, ctx);
            }
            (ServerTag::ReadClusterId, Ok(Some(Reply::GetData(reply)))) => {
                match ClusterId::from_json(&reply.data.unwrap_or_default()) {
                    Ok(cluster) => self.on_cluster_id(cluster.id, ctx),
                    Err(error) => self.fail_startup(&error.to_string(), ctx),
                }
            }
            (ServerTag::ReadClusterId, Err(KeeperCode::NO_NODE)) => {
                let id = Uuid(ctx.rng.uuid()).to_string();
                self.ask_zookeeper(ServerTag::CreateCluster, ctx);
                self.ask_zookeeper(ServerTag::CreateClusterId(id), ctx);
                self.ask_zookeeper(ServerTag::ReadClusterId, ctx);
            }
            // Whoever was first made it; the read that follows tells.
            (
                ServerTag::CreateCluster | ServerTag::CreateClusterId(_),
                Ok(_) | Err(KeeperCode::NODE_EXISTS),
            ) => {}
            (ServerTag::UpdateBrokerInfo, Ok(_)) => {
                let (id, path) = (self.id(), znode_path::broker(self.id()));
                let endpoint = &self.config.advertised_listener;
                let text = format!(
                    "Updated broker {id} at path {path} with addresses: ArrayBuffer(EndPoint({},{},ListenerName(PLAINTEXT),PLAINTEXT))",
                    endpoint.host, endpoint.port
                );
                ctx.log(LogLevel::Info, "kafka.zk.KafkaZkClient", text);
            }
            // The session is over; the next registration says it.
            (ServerTag::UpdateBrokerInfo, Err(KeeperCode::NO_NODE)) => {}
            (ServerTag::Register, result) => self.on_register_reply(result, ctx),
            (ServerTag::ReadRegistration, result) => self.on_registration_read(result, ctx),
            (ServerTag::ReadTopicConfig(topic), result) => {
                self.on_topic_config(&topic, configs(result), ctx);
            }
            (ServerTag::ReadChangedTopicConfig(topic), result) => {
                self.on_changed_topic_config(&topic, configs(result), ctx);
            }
            (ServerTag::ReadBrokerConfig(broker), result) => {
                self.on_broker_config(broker, configs(result), ctx);
            }
            (ServerTag::ListConfigChanges, Ok(Some(Reply::GetChildren(reply)))) => {
                self.on_config_changes(reply.children, ctx);
            }
            (ServerTag::ReadConfigChange(name), Ok(Some(Reply::GetData(reply)))) => {
                let data = reply.data.unwrap_or_default();
                self.on_config_change(name, &data, &reply.stat, ctx);
            }
            // Another broker was faster to delete it.
            (
                ServerTag::ListConfigChanges
                | ServerTag::ReadConfigChange(_)
                | ServerTag::DeleteConfigChange(_),
                _,
            ) => {}
            (tag, result) => {
                let text = match result {
                    Err(code) => code.message_for(&format!("{tag:?}")),
                    Ok(_) => format!("Unexpected reply of ZooKeeper to {tag:?}"),
                };
                self.fail_startup(&text, ctx);
            }
        }
    }

    fn on_register_reply(&mut self, result: Outcome, ctx: &mut Ctx<'_>) {
        let exists = MultiResult::Error(KeeperCode::NODE_EXISTS);
        match result {
            Ok(Some(Reply::Multi(results))) if results.contains(&exists) => {
                self.ask_zookeeper(ServerTag::ReadRegistration, ctx);
            }
            Ok(Some(Reply::Multi(results))) => {
                let stat = results.iter().find_map(|result| match result {
                    MultiResult::SetData(body) => Some(&body.stat),
                    _ => None,
                });
                match stat.map(|stat| stat.czxid) {
                    Some(czxid) => self.on_registered(czxid, ctx),
                    None => self.fail_startup("Broker registration failed", ctx),
                }
            }
            Err(KeeperCode::NODE_EXISTS) => {
                self.ask_zookeeper(ServerTag::ReadRegistration, ctx);
            }
            Err(code) => {
                let text = code.message_for(&znode_path::broker(self.id()));
                self.fail_startup(&text, ctx);
            }
            Ok(_) => self.fail_startup("Broker registration failed", ctx),
        }
    }

    /// The registration was there before. It may be our own, whose answer was lost.
    fn on_registration_read(&mut self, result: Outcome, ctx: &mut Ctx<'_>) {
        match result {
            Ok(Some(Reply::GetData(GetDataResponse { stat, .. }))) => {
                let session = self.zookeeper.session();
                if stat.ephemeral_owner == session {
                    self.on_registered(stat.czxid, ctx);
                    return;
                }
                let path = znode_path::broker(self.id());
                let text = format!(
                    "Error while creating ephemeral at {path}, node already exists and owner '{}' does not match current session '{session}'",
                    stat.ephemeral_owner
                );
                ctx.log(LogLevel::Error, "kafka.zk.KafkaZkClient$CheckedEphemeral", text);
                self.fail_startup("org.apache.zookeeper.KeeperException$NodeExistsException: KeeperErrorCode = NodeExists", ctx);
            }
            // It went away meanwhile.
            Err(KeeperCode::NO_NODE) => self.ask_zookeeper(ServerTag::Register, ctx),
            _ => self.fail_startup("Broker registration failed", ctx),
        }
    }
}

fn create(path: &str, data: Option<Vec<u8>>) -> Request {
    Request::Create(CreateRequest {
        path: path.to_owned(),
        data: data.map(Bytes::from),
        acl: Acl::open(),
        flags: create_mode::PERSISTENT,
    })
}

/// The settings in a config znode; what is not there or cannot be read sets nothing.
fn configs(result: Outcome) -> Properties {
    match result {
        Ok(Some(Reply::GetData(reply))) => overrides(&reply.data.unwrap_or_default()),
        _ => Properties::default(),
    }
}

pub(super) fn zookeeper_log(level: LogLevel, text: &str, ctx: &mut Ctx<'_>) {
    let text = format!("[ZooKeeperClient Kafka server] {text}");
    ctx.log(level, "kafka.zookeeper.ZooKeeperClient", text);
}
