//! The start of a broker: session, cluster id, logs, port, registration.
//!
//! In Kafka: `KafkaServer.startup`.

use super::zookeeper::{ServerTag, zookeeper_log};
use super::{Broker, KAFKA_SERVER, Life};
use crate::base::trace::LogLevel;
use crate::base::{SortedSet, Time};
use crate::broker::admin_manager::AdminManager;
use crate::broker::controller::Controller;
use crate::broker::group::GroupCoordinator;
use crate::broker::meta_properties::{META_PROPERTIES, MetaProperties};
use crate::broker::replica_manager::ReplicaManager;
use crate::cluster::znode_path;
use crate::disk::DiskError;
use crate::node::Ctx;

/// The file that a clean stop leaves behind.
pub(super) const CLEAN_SHUTDOWN_FILE: &str = ".kafka_cleanshutdown";

const LOG_MANAGER: &str = "kafka.log.LogManager";
/// The version that this broker emulates, as it says itself.
const VERSION: &str = "2.8.2";
/// The commit that it was built from.
const COMMIT_ID: &str = "3146c6ff4a24cc24";

/// How far the start has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Startup {
    /// Until when ZooKeeper must be there.
    pub(super) deadline: Option<Time>,
    /// What of the chroot is not there yet, the topmost last.
    pub(super) chroot: Vec<String>,
    /// Persistent roots that are not there yet.
    pub(super) roots: SortedSet<String>,
    /// Topics with a log here whose settings are not known yet.
    pub(super) configs: SortedSet<String>,
    /// The logs are loaded and the port is open.
    pub(super) is_prepared: bool,
}

impl Broker {
    pub(super) fn start(&mut self, ctx: &mut Ctx<'_>) {
        // Ids that they make must differ from life to life, so their streams are this life's.
        let (me, config) = (self.id(), self.config.clone());
        self.replicas = ReplicaManager::new(&config, ctx.rng.fork("replica manager"));
        self.controller = Controller::new(me, config.clone(), ctx.rng.fork("controller"));
        let rng = ctx.rng.fork("admin manager");
        self.admin = AdminManager::new(me, self.dynamic_config.clone(), rng);
        let (rng, latency) = (ctx.rng.fork("group coordinator"), self.disk_latency);
        self.groups = GroupCoordinator::new(me, config, rng, latency);
        ctx.log(LogLevel::Info, KAFKA_SERVER, "starting");
        let text = format!("Connecting to zookeeper on {}", self.config.zookeeper_connect);
        ctx.log(LogLevel::Info, KAFKA_SERVER, text);
        self.startup.deadline = Some(ctx.now() + self.config.zookeeper_connection_timeout);
        self.initialize_session(ctx);
        zookeeper_log(LogLevel::Info, "Waiting until connected.", ctx);
    }

    pub(super) fn check_startup_deadline(&mut self, ctx: &mut Ctx<'_>) {
        if self.startup.deadline.is_some_and(|at| at <= ctx.now()) {
            self.startup.deadline = None;
            self.fail_startup("kafka.zookeeper.ZooKeeperClientTimeoutException: Timed out waiting for connection while in state: CONNECTING", ctx);
        }
    }

    pub(super) fn fail_startup(&mut self, text: &str, ctx: &mut Ctx<'_>) {
        let fatal = "Fatal error during KafkaServer startup. Prepare to shutdown";
        self.log(LogLevel::Error, fatal, ctx);
        self.halt(text, ctx);
    }

    /// A session began: the first one, or one after another was lost.
    pub(super) fn on_new_session(&mut self, ctx: &mut Ctx<'_>) {
        self.startup.deadline = None;
        if self.startup.is_prepared {
            self.register(ctx);
            return;
        }
        self.startup.chroot = self.zookeeper.chroot_levels();
        self.startup.chroot.reverse();
        self.make_chroot(ctx);
    }

    /// Makes what is left of the chroot, one znode after the other, then the roots below it.
    pub(super) fn make_chroot(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(path) = self.startup.chroot.pop() {
            self.ask_zookeeper(ServerTag::CreateChroot(path), ctx);
            return;
        }
        if let Some(chroot) = self.zookeeper.chroot_levels().last() {
            ctx.log(LogLevel::Info, KAFKA_SERVER, format!("Created zookeeper path {chroot}"));
        }
        let mut paths: Vec<String> = Vec::new();
        for path in znode_path::PERSISTENT_PATHS {
            let ancestors = znode_path::ancestors(path).into_iter().map(str::to_owned);
            paths.extend(ancestors.chain([(*path).to_owned()]));
        }
        self.startup.roots = paths.iter().cloned().collect();
        let mut sent = SortedSet::new();
        for path in paths {
            if sent.insert(path.clone()) {
                self.ask_zookeeper(ServerTag::CreateRoot(path), ctx);
            }
        }
    }

    /// One more root is there.
    pub(super) fn on_root(&mut self, path: &str, ctx: &mut Ctx<'_>) {
        if self.startup.roots.remove(path) && self.startup.roots.is_empty() {
            // Answered in this order: the configs are known before anything begins.
            self.ask_zookeeper(ServerTag::ReadBrokerConfig(None), ctx);
            let own = Some(self.config.broker_id);
            self.ask_zookeeper(ServerTag::ReadBrokerConfig(own), ctx);
            self.ask_zookeeper(ServerTag::ReadClusterId, ctx);
        }
    }

    /// The cluster's id is known: checks that the volume belongs here and asks for the settings that
    /// its logs are loaded with.
    pub(super) fn on_cluster_id(&mut self, id: String, ctx: &mut Ctx<'_>) {
        ctx.log(LogLevel::Info, KAFKA_SERVER, format!("Cluster ID = {id}"));
        self.cluster_id = id;
        let stored = MetaProperties::read(ctx.volume);
        let conflict =
            stored.as_ref().and_then(|meta| meta.conflict(self.config.broker_id, &self.cluster_id));
        if let Some(text) = conflict {
            self.fail_startup(&text, ctx);
            return;
        }
        if stored.is_none() {
            let dir = self.config.log_dir();
            let text = format!("No meta.properties file under dir {dir}/{META_PROPERTIES}");
            ctx.log(LogLevel::Warn, "kafka.server.BrokerMetadataCheckpoint", text);
        }
        self.startup.configs = ReplicaManager::topics_on(ctx.volume);
        for topic in self.startup.configs.clone() {
            self.ask_zookeeper(ServerTag::ReadTopicConfig(topic), ctx);
        }
        self.continue_startup(ctx);
    }

    /// Loads the logs, opens the port and registers, once the settings of all logs are known.
    pub(super) fn continue_startup(&mut self, ctx: &mut Ctx<'_>) {
        let is_waiting = self.cluster_id.is_empty() || !self.startup.configs.is_empty();
        if is_waiting || self.startup.is_prepared {
            return;
        }
        if let Err(error) = self.prepare(ctx) {
            self.fail_startup(&format!("java.io.IOException: {error}"), ctx);
        }
    }

    fn prepare(&mut self, ctx: &mut Ctx<'_>) -> Result<(), DiskError> {
        let write_meta = MetaProperties::read(ctx.volume).is_none();
        let is_clean = ctx.volume.read(CLEAN_SHUTDOWN_FILE).is_some();
        let (dir, began) = (self.config.log_dir().to_owned(), ctx.now());
        let text = format!("Loading logs from log dirs ArrayBuffer({dir})");
        ctx.log(LogLevel::Info, LOG_MANAGER, text);
        let how = if is_clean {
            format!("Skipping recovery for all logs in {dir} since clean shutdown file was found")
        } else {
            format!(
                "Attempting recovery for all logs in {dir} since no clean shutdown file was found"
            )
        };
        ctx.log(LogLevel::Info, LOG_MANAGER, how);
        let loaded = self.replicas.load_logs(ctx.volume, is_clean, ctx.now());
        loaded.map_err(|crate::log::LogError::Disk(error)| error)?;
        self.flush_events(ctx);
        let took = ctx.now().since(began).as_millis();
        let period = |key: &str| self.dynamic_config.value(key).unwrap_or_default().to_owned();
        let cleanup = period("log.retention.check.interval.ms");
        let flusher = period("log.flush.scheduler.interval.ms");
        for text in [
            format!("Loaded {} logs in {took}ms.", self.replicas.log_count()),
            format!("Starting log cleanup with a period of {cleanup} ms."),
            format!("Starting log flusher with a default period of {flusher} ms."),
        ] {
            ctx.log(LogLevel::Info, LOG_MANAGER, text);
        }
        let endpoint = &self.config.advertised_listener;
        let text = format!("Awaiting socket connections on {endpoint}.");
        ctx.log(LogLevel::Info, "kafka.network.Acceptor", text);
        ctx.listen(self.config.port);
        self.startup.is_prepared = true;
        self.register(ctx);
        if write_meta {
            let (broker_id, cluster_id) = (self.config.broker_id, self.cluster_id.clone());
            let meta = MetaProperties { broker_id, cluster_id }.to_text(ctx.now());
            ctx.volume.replace(META_PROPERTIES, meta.as_bytes())?;
            ctx.fsync(META_PROPERTIES)?;
        }
        if is_clean {
            // Synced, so that a power cut cannot bring it back to vouch for logs written since.
            ctx.volume.delete(CLEAN_SHUTDOWN_FILE)?;
            ctx.fsync(CLEAN_SHUTDOWN_FILE)?;
        }
        Ok(())
    }

    pub(super) fn log_socket_server(&self, text: &str, ctx: &mut Ctx<'_>) {
        let text = format!("[SocketServer listenerType=ZK_BROKER, nodeId={}] {text}", self.id());
        ctx.log(LogLevel::Info, "kafka.network.SocketServer", text);
    }

    fn log_started(&self, ctx: &mut Ctx<'_>) {
        for what in ["Starting up.", "Startup complete."] {
            let text = format!("[GroupCoordinator {}]: {what}", self.id());
            ctx.log(LogLevel::Info, "kafka.coordinator.group.GroupCoordinator", text);
        }
        self.log_socket_server("Starting socket server acceptors and processors", ctx);
        self.log_socket_server("Started socket server acceptors and processors", ctx);
        let started_ms = ctx.now().as_millis();
        for text in [
            format!("Kafka version: {VERSION}"),
            format!("Kafka commitId: {COMMIT_ID}"),
            format!("Kafka startTimeMs: {started_ms}"),
        ] {
            ctx.log(LogLevel::Info, "org.apache.kafka.common.utils.AppInfoParser", text);
        }
        self.log(LogLevel::Info, "started", ctx);
    }

    fn register(&mut self, ctx: &mut Ctx<'_>) {
        let path = znode_path::broker(self.id());
        let text = format!("Creating {path} (is it secure? false)");
        ctx.log(LogLevel::Info, "kafka.zk.KafkaZkClient", text);
        self.ask_zookeeper(ServerTag::Register, ctx);
    }

    /// The registration stands, with this czxid as the broker's epoch.
    pub(super) fn on_registered(&mut self, czxid: i64, ctx: &mut Ctx<'_>) {
        self.epoch = czxid;
        let text = format!(
            "Registered broker {} at path {} with addresses: PLAINTEXT://{}, czxid (broker epoch): {czxid}",
            self.id(),
            znode_path::broker(self.id()),
            self.config.advertised_listener
        );
        ctx.log(LogLevel::Info, "kafka.zk.KafkaZkClient", text);
        if self.life == Life::Starting {
            self.life = Life::Running;
            self.log_started(ctx);
            let actions = self.producer_ids.start();
            self.apply_producer_id(actions, ctx);
        }
        self.ask_zookeeper(ServerTag::ListConfigChanges, ctx);
        let actions = self.controller.on_session_established(ctx.now());
        self.apply_controller(actions, ctx);
    }
}
