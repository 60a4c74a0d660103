//! The broker process: its components, and the loop that hands each input to the one it is for and
//! then lets everything follow from it.
//!
//! state: Starting. action: registers in ZooKeeper. transition: → Running.
//! state: Running. action: answers requests. transition: SIGTERM → `PendingControlledShutdown`.
//! state: PendingControlledShutdown. action: asks the controller to move its leaderships, still
//! answers requests. transition: done, or given up → `NotRunning`.
//!
//! In Kafka: `kafka.server.KafkaServer`, `BrokerState`.

mod admin;
mod apply;
mod config_changes;
mod groups;
mod requests;
mod shutdown;
mod startup;
mod view;
mod zookeeper;

use super::action::Node;
use super::admin_manager::{AdminManager, AdminTag};
use super::changes::{Changes, Flush};
use super::controller::{ChannelTag, Controller, ZkTag as ControllerTag};
use super::delayed_elect_leader::DelayedElections;
use super::group::{GroupCoordinator, GroupZkTag};
use super::metadata_cache::MetadataCache;
use super::producer_id_manager::{ProducerIdManager, ProducerIdTag};
use super::replica_manager::{Completion, FollowTag, ReplicaManager};
use super::socket_server::SocketServer;
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, ConnId, Span, Time};
use crate::cluster::{BrokerConfig, DynamicBrokerConfig};
use crate::disk::DiskError;
use crate::log::dump::dump;
use crate::network::{NetworkClient, NetworkConfig};
use crate::node::{Command, ConfigError, Ctx, Input, LinkInput, Process, ProcessSpec, ProcessView};
use crate::zk_client::ZkClient;
use apply::ToController;
use config_changes::ConfigChanges;
use requests::ParkedLeaderAndIsr;
use shutdown::ControlledShutdown;
use startup::Startup;
use std::collections::VecDeque;
use zookeeper::ServerTag;

const KAFKA_SERVER: &str = "kafka.server.KafkaServer";

/// Where a broker is in its life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Life {
    Starting,
    Running,
    PendingControlledShutdown,
    NotRunning,
}

/// Which component a request to ZooKeeper is of.
#[derive(Clone, PartialEq, Debug)]
enum ZkTag {
    Server(ServerTag),
    Controller(ControllerTag),
    Admin(AdminTag),
    Group(GroupZkTag),
    ProducerId(ProducerIdTag),
}

/// A broker.
pub struct Broker {
    /// The configs that hold now.
    config: BrokerConfig,
    /// The same, with where each comes from.
    dynamic_config: DynamicBrokerConfig,
    config_changes: ConfigChanges,
    life: Life,
    startup: Startup,
    shutdown: ControlledShutdown,
    /// Broker epoch: czxid of the registration, −1 before it.
    epoch: i64,
    cluster_id: String,
    zookeeper: ZkClient<ZkTag>,
    /// The server's own requests that went down with a connection.
    zookeeper_lost: Vec<ServerTag>,
    sockets: SocketServer,
    metadata: MetadataCache,
    replicas: ReplicaManager,
    controller: Controller,
    admin: AdminManager,
    elections: DelayedElections,
    groups: GroupCoordinator,
    /// Latency of its disk.
    disk_latency: Span,
    producer_ids: ProducerIdManager,
    /// From this broker as the controller to all brokers.
    controller_channel: NetworkClient<ChannelTag>,
    /// From this broker's followers to their leaders.
    fetch_channel: NetworkClient<(Node, FollowTag)>,
    /// From this broker to the controller.
    to_controller: NetworkClient<ToController>,
    /// LeaderAndIsr requests that wait for topic configs from ZooKeeper.
    parked: VecDeque<ParkedLeaderAndIsr>,
}

impl Broker {
    /// A broker with the configuration of the process.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let mut dynamic_config = DynamicBrokerConfig::new(&spec.properties)?;
        dynamic_config.advertise(&spec.host);
        let config = dynamic_config.current().clone();
        if config.broker_id < 0 {
            return Err(ConfigError {
                key: "broker.id".to_owned(),
                value: config.broker_id.to_string(),
                reason: "Value must be at least 0".to_owned(),
            });
        }
        let connect = spec.properties.get("zookeeper.connect").unwrap_or("localhost:2181");
        let zookeeper = ZkClient::new(connect, config.zookeeper_session_timeout)?;
        let me = BrokerId(config.broker_id);
        let rng = crate::base::Rng::new(spec.seed);
        let channel = |timeout| NetworkConfig {
            request_timeout: timeout,
            max_in_flight: 1,
            // Brokers know each other's version from inter.broker.protocol.version.
            discover_versions: false,
            ..NetworkConfig::default()
        };
        let client_id = format!("broker-{me}");
        Ok(Self {
            life: Life::Starting,
            startup: Startup::default(),
            shutdown: ControlledShutdown::default(),
            epoch: -1,
            cluster_id: String::new(),
            zookeeper,
            zookeeper_lost: Vec::new(),
            sockets: SocketServer::default(),
            metadata: MetadataCache::default(),
            replicas: ReplicaManager::new(&config, rng.clone()),
            controller: Controller::new(me, config.clone(), rng.clone()),
            admin: AdminManager::new(me, dynamic_config.clone(), rng.clone()),
            elections: DelayedElections::default(),
            groups: GroupCoordinator::new(me, config.clone(), rng, spec.sync_latency),
            disk_latency: spec.sync_latency,
            producer_ids: ProducerIdManager::new(me),
            controller_channel: NetworkClient::new(
                &me.to_string(),
                channel(config.controller_socket_timeout),
            ),
            fetch_channel: NetworkClient::new(
                &format!("{client_id}-fetcher-0"),
                channel(config.replica_socket_timeout),
            ),
            to_controller: NetworkClient::new(&me.to_string(), channel(config.request_timeout)),
            parked: VecDeque::new(),
            config_changes: ConfigChanges::default(),
            dynamic_config,
            config,
        })
    }

    /// This broker.
    fn id(&self) -> BrokerId {
        BrokerId(self.config.broker_id)
    }

    /// True while requests are answered.
    fn is_serving(&self) -> bool {
        matches!(self.life, Life::Running | Life::PendingControlledShutdown)
    }

    fn log(&self, level: LogLevel, text: &str, ctx: &mut Ctx<'_>) {
        ctx.log(level, KAFKA_SERVER, format!("[KafkaServer id={}] {text}", self.id()));
    }

    fn on_link(&mut self, link: LinkInput, ctx: &mut Ctx<'_>) {
        let conn = match &link {
            LinkInput::Opened(conn) | LinkInput::Frame(conn, _) | LinkInput::Closed(conn, _) => {
                *conn
            }
            LinkInput::Accepted { conn, from, .. } => {
                self.sockets.on_accepted(*conn, from.clone());
                return;
            }
        };
        if self.zookeeper.owns(conn) {
            let events = self.zookeeper.on_link(link, ctx);
            self.on_zookeeper_events(events, ctx);
        } else if self.controller_channel.owns(conn) {
            let events = self.controller_channel.on_link(link, ctx);
            self.on_controller_channel(events, ctx);
        } else if self.fetch_channel.owns(conn) {
            let events = self.fetch_channel.on_link(link, ctx);
            self.on_fetch_channel(events, ctx);
        } else if self.to_controller.owns(conn) {
            let events = self.to_controller.on_link(link, ctx);
            self.on_to_controller(events, ctx);
        } else if let LinkInput::Frame(conn, frame) = link {
            if let Some(refusal) = self.sockets.on_frame(conn, frame, ctx) {
                requests::log_refusal(&refusal, ctx);
            }
        } else if let LinkInput::Closed(conn, _) = link {
            self.sockets.on_closed(conn);
        }
    }

    fn on_wake(&mut self, ctx: &mut Ctx<'_>) {
        let events = self.zookeeper.on_wake(ctx);
        self.on_zookeeper_events(events, ctx);
        let events = self.controller_channel.on_wake(ctx);
        self.on_controller_channel(events, ctx);
        let events = self.fetch_channel.on_wake(ctx);
        self.on_fetch_channel(events, ctx);
        let events = self.to_controller.on_wake(ctx);
        self.on_to_controller(events, ctx);
        let actions = self.controller.on_wake(ctx.now());
        self.apply_controller(actions, ctx);
        let actions = self.admin.on_wake(ctx.now(), &self.metadata);
        self.apply_admin(actions, ctx);
        let answered = self.elections.expire(ctx.now(), &self.metadata);
        self.answer_elections(answered, ctx);
        let actions = self.groups.on_wake(ctx.now());
        self.apply_group(actions, ctx);
        self.check_startup_deadline(ctx);
        self.continue_shutdown(ctx);
    }

    /// Lets everything follow from the input: requests are begun, late answers given, fetches and
    /// ISR changes sent, until nothing is left to do. What must be durable is synced last.
    fn settle(&mut self, ctx: &mut Ctx<'_>) {
        if self.life == Life::NotRunning {
            return;
        }
        loop {
            let begun = self.begin_requests(ctx);
            let completions = self.replicas.poll(ctx.volume, ctx.now());
            self.flush_events(ctx);
            let is_idle = !begun && completions.is_empty();
            for completion in completions {
                self.complete(completion, ctx);
            }
            if is_idle {
                break;
            }
        }
        if self.is_serving() {
            self.send_fetches(ctx);
            self.send_alter_isr(ctx);
        }
        let mut changes = self.replicas.take_changes();
        for event in std::mem::take(&mut changes.events) {
            ctx.trace(event);
        }
        if let Err(error) = self.store(&changes, ctx) {
            self.fail_log_dir(error, ctx);
        }
    }

    /// Makes durable what a step changed; an error is that of the step or that of the disk now.
    fn store(&mut self, changes: &Changes, ctx: &mut Ctx<'_>) -> Result<(), DiskError> {
        changes.disk_failure.map_or(Ok(()), Err)?;
        for flush in &changes.flushes {
            self.flush_in_background(flush, ctx)?;
        }
        for file in &changes.to_sync {
            // A file that is gone again by now needs no sync.
            if ctx.volume.len(file).is_some() {
                ctx.fsync(file)?;
            }
        }
        Ok(())
    }

    /// The only log directory failed, and the broker with it.
    ///
    /// In Kafka: `LogDirFailureChannel`, `ReplicaManager.handleLogDirFailure`,
    /// `LogManager.handleLogDirFailure`.
    fn fail_log_dir(&mut self, error: DiskError, ctx: &mut Ctx<'_>) {
        let dir = self.config.log_dir().to_owned();
        let text = format!("Error while writing to log dir {dir}: java.io.IOException: {error}");
        ctx.log(LogLevel::Error, "kafka.server.LogDirFailureChannel", text);
        let text =
            format!("[ReplicaManager broker={}] Stopping serving replicas in dir {dir}", self.id());
        ctx.log(LogLevel::Warn, "kafka.server.ReplicaManager", text);
        let text = format!("Stopping serving logs in dir {dir}");
        ctx.log(LogLevel::Warn, "kafka.log.LogManager", text);
        let text = format!("Shutdown broker because all log dirs in {dir} have failed");
        ctx.log(LogLevel::Error, "kafka.log.LogManager", text.clone());
        self.life = Life::NotRunning;
        ctx.exit(true, format!("{text}: {error}"));
    }

    fn flush_in_background(&mut self, flush: &Flush, ctx: &mut Ctx<'_>) -> Result<(), DiskError> {
        let mut done = None;
        for file in &flush.files {
            match ctx.fsync_in_background(file) {
                Ok(at) => done = done.max(Some(at)),
                // A file that was given up and removed meanwhile needs no sync.
                Err(DiskError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(at) = done {
            self.replicas.flushed_by(flush, at);
        }
        Ok(())
    }

    fn complete(&mut self, completion: Completion, ctx: &mut Ctx<'_>) {
        match completion {
            Completion::Reply(token, response) => self.sockets.reply(token, &response, ctx),
            Completion::Offsets(tag, outcome) => self.on_offsets_appended(tag, outcome, ctx),
        }
    }

    /// Tells what happened to the replicas before what is answered because of it.
    fn flush_events(&mut self, ctx: &mut Ctx<'_>) {
        for event in self.replicas.take_events() {
            ctx.trace(event);
        }
    }

    /// Ends the process with a failure.
    fn halt(&mut self, text: &str, ctx: &mut Ctx<'_>) {
        ctx.log(LogLevel::Error, "kafka.Kafka$", text);
        self.life = Life::NotRunning;
        ctx.exit(true, text);
    }
}

impl Process for Broker {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let before = ctx.emitted();
        match input {
            Input::Start { .. } => self.start(ctx),
            Input::Wake => self.on_wake(ctx),
            Input::Link(link) => self.on_link(link, ctx),
            Input::Command { id, command: Command::DumpLog(file) } => {
                ctx.answer(id, dump(ctx.volume, self.config.log_dir(), &file));
            }
            Input::Command { id, .. } => {
                ctx.answer(id, Err("INVALID_REQUEST: A broker takes requests only".to_owned()));
            }
            Input::Stop => self.on_stop(ctx),
        }
        self.settle(ctx);
        let loggers = self.admin.loggers();
        if loggers.are_changed() {
            ctx.retain_log(before, |level, logger| loggers.writes(logger, level));
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        if self.life == Life::NotRunning {
            return None;
        }
        let own = |at: Option<Time>, reason: &'static str| {
            at.map(|at| Wakeup { at, reason: reason.into() })
        };
        [
            self.zookeeper.next_wakeup(),
            self.controller_channel.next_wakeup(),
            self.fetch_channel.next_wakeup(),
            self.to_controller.next_wakeup(),
            self.controller.next_wakeup(),
            self.admin.next_wakeup(),
            self.groups.next_wakeup(),
            own(self.startup.deadline, "zookeeper.connection.timeout.ms"),
            own(self.shutdown.retry_at, "controlled shutdown retry"),
            own(self.elections.next_deadline(), "leader election timeout"),
            if self.is_serving() { self.replicas.next_wakeup() } else { None },
        ]
        .into_iter()
        .flatten()
        .min_by_key(|wakeup| wakeup.at)
    }

    fn unread(&self, conn: ConnId) -> usize {
        self.sockets.unread(conn)
    }

    fn view(&self) -> ProcessView {
        ProcessView::Broker(self.picture())
    }
}
