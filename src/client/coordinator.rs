//! The consumer's side of the group protocol: finding the coordinator, joining, handing in the
//! assignment as leader, heartbeats, leaving.
//!
//! action: Unjoined joins as soon as there is a coordinator; Stable sends heartbeats.
//! transition: Unjoined → Joining → (AwaitingMetadata, as leader) → Syncing → Stable; any error that
//! the coordinator names leads back to Unjoined, a rebalance to a new join.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.{AbstractCoordinator,
//! ConsumerCoordinator}.

mod leader;

use super::assignor::{Assignor, LastAssignment};
use super::consumer_config::ConsumerConfig;
use super::consumer_link::{Links, Tag};
use super::group_member::{GroupEvent, MemberState, NotActive};
use super::group_protocol::decode_assignment;
use super::group_requests;
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{Endpoint, SortedMap, Span, Time, TopicPartition};
use crate::network::SendOptions;
use crate::node::Ctx;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatResponse, JoinGroupResponse,
    SyncGroupResponse,
};
use std::rc::Rc;

const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator";
/// A generation that is none.
pub const NO_GENERATION: i32 = -1;

/// A member of a group.
#[derive(Debug)]
pub struct Coordinator {
    config: Rc<ConsumerConfig>,
    /// Node id of the connection to the coordinator, if it is known.
    pub node: Option<i32>,
    finding: bool,
    not_before: Time,
    /// Where it stands.
    pub state: MemberState,
    /// Its member id, empty before the coordinator gave one.
    pub member_id: String,
    /// Its generation.
    pub generation: i32,
    /// The topics that it wants; none outside of any group.
    wanted: Option<Vec<String>>,
    /// Those that it last joined with.
    joined: Vec<String>,
    last: Option<LastAssignment>,
    attempt: u64,
    rejoin: bool,
    /// No join is sent: offsets are being committed first, or the consumer closes.
    pub held: bool,
    heartbeat_in_flight: bool,
    next_heartbeat: Time,
    session_deadline: Time,
    last_poll: Time,
    /// As leader: what its assignment was made from.
    assigned_from: Option<SortedMap<String, i32>>,
    events: Vec<GroupEvent>,
}

impl Coordinator {
    /// Not in the group yet.
    pub fn new(config: Rc<ConsumerConfig>) -> Self {
        Self {
            config,
            node: None,
            finding: false,
            not_before: Time::ZERO,
            state: MemberState::Unjoined,
            member_id: String::new(),
            generation: NO_GENERATION,
            wanted: None,
            joined: Vec::new(),
            last: None,
            attempt: 0,
            rejoin: false,
            held: false,
            heartbeat_in_flight: false,
            next_heartbeat: Time::ZERO,
            session_deadline: Time::ZERO,
            last_poll: Time::ZERO,
            assigned_from: None,
            events: Vec::new(),
        }
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<GroupEvent> {
        std::mem::take(&mut self.events)
    }

    /// True while no rebalance is under way, or there is no group to rebalance.
    pub fn is_stable(&self) -> bool {
        self.wanted.is_none() || self.state == MemberState::Stable && !self.rejoin
    }

    /// Wants `topics` of its group from now on; none is outside of any group.
    pub fn want(&mut self, topics: Option<Vec<String>>) {
        self.wanted = topics;
        let changed = |topics: &Vec<String>| *topics != self.joined;
        if self.state == MemberState::Stable && self.wanted.as_ref().is_some_and(changed) {
            self.rejoin = true;
        }
    }

    /// The topics that it wants.
    pub fn wanted(&self) -> &[String] {
        self.wanted.as_deref().unwrap_or_default()
    }

    /// Joins again as soon as it may.
    pub fn request_rejoin(&mut self) {
        self.rejoin = true;
    }

    /// Why it may not commit now, if so.
    ///
    /// In Kafka: AbstractCoordinator.generationIfStable.
    pub fn refuses_commits(&self) -> Option<NotActive> {
        if self.wanted.is_none() || self.config.offsets_in_zookeeper {
            return None;
        }
        match self.state {
            MemberState::Stable => None,
            MemberState::Unjoined if self.generation == NO_GENERATION => Some(NotActive::Outside),
            _ => Some(NotActive::Rebalancing),
        }
    }

    /// The application polled: it is alive.
    pub fn polled(&mut self, now: Time) {
        self.last_poll = now;
    }

    fn log(&self, ctx: &mut Ctx<'_>, level: LogLevel, text: &str) {
        ctx.log(level, LOGGER, self.config.log_context() + text);
    }

    /// Does what is due: looks for the coordinator, sends a heartbeat, notices that a session or
    /// the poll interval has run out.
    pub fn run(&mut self, links: &mut Links, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        self.check_poll_interval(links, ctx);
        if self.state == MemberState::Stable && self.node.is_some() {
            if now >= self.session_deadline {
                let reason = "session timed out without receiving a heartbeat response.";
                self.mark_unknown(reason, links, ctx);
            } else if now >= self.next_heartbeat && !self.heartbeat_in_flight {
                self.send_heartbeat(links, ctx);
            }
        }
        let wants_one = !self.config.group_id.is_empty();
        if self.node.is_none() && !self.finding && wants_one && now >= self.not_before {
            self.find(links, ctx);
        }
        self.lead(links, ctx);
        if self.state == MemberState::Stable && !self.rejoin && self.is_outdated(links) {
            self.rejoin = true;
        }
    }

    /// A consumer that does not poll for max.poll.interval.ms leaves, so that others can go on.
    fn check_poll_interval(&mut self, links: &mut Links, ctx: &mut Ctx<'_>) {
        let deadline = self.last_poll + self.config.max_poll_interval;
        if self.state == MemberState::Stable && ctx.now() >= deadline {
            self.log(ctx, LogLevel::Warn, "consumer poll timeout has expired.");
            self.leave(links, ctx);
            self.reset_generation();
        }
    }

    fn find(&mut self, links: &mut Links, ctx: &mut Ctx<'_>) {
        self.not_before = ctx.now() + self.config.retry_backoff;
        let Some(node) = links.metadata.any_broker(&links.network, ctx) else { return };
        self.finding = true;
        let request = FindCoordinatorRequest { key: self.config.group_id.clone(), key_type: 0 };
        links.network.send(node, request, Tag::FindCoordinator, ctx);
    }

    /// Takes in the answer to FindCoordinator.
    pub fn on_found(
        &mut self,
        response: FindCoordinatorResponse,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        self.finding = false;
        let FindCoordinatorResponse { error_code, node_id, host, port, .. } = response;
        match (error_code, u16::try_from(port)) {
            (ErrorCode::NONE, Ok(port)) if node_id >= 0 => {
                let node = i32::MAX - node_id;
                let found =
                    format!("Discovered group coordinator {host}:{port} (id: {node} rack: null)");
                self.log(ctx, LogLevel::Info, &found);
                links.network.set_node(node, Endpoint::new(host, port));
                self.node = Some(node);
                self.not_before = ctx.now();
                self.session_deadline = ctx.now() + self.config.session_timeout;
            }
            (ErrorCode::GROUP_AUTHORIZATION_FAILED | ErrorCode::INVALID_GROUP_ID, _) => {
                self.fail(error_code);
            }
            _ => self.not_before = ctx.now() + self.config.retry_backoff,
        }
    }

    /// FindCoordinator was not answered.
    pub fn on_find_failed(&mut self, ctx: &Ctx<'_>) {
        self.finding = false;
        self.not_before = ctx.now() + self.config.retry_backoff;
    }

    /// A connection ended or a request on it failed; when it was the coordinator's, look for it
    /// again.
    pub fn on_node_lost(&mut self, node: i32, links: &mut Links, ctx: &mut Ctx<'_>) {
        if self.node == Some(node) {
            self.mark_unknown("coordinator unavailable.", links, ctx);
        }
    }

    /// Forgets which broker coordinates the group.
    pub fn mark_unknown(&mut self, reason: &str, links: &mut Links, ctx: &mut Ctx<'_>) {
        let Some(node) = self.node.take() else { return };
        let text = format!(
            "Group coordinator (id: {node}) is unavailable or invalid due to cause: {reason} \
             Rediscovery will be attempted."
        );
        self.log(ctx, LogLevel::Info, &text);
        self.heartbeat_in_flight = false;
        if !matches!(self.state, MemberState::Stable) {
            self.state = MemberState::Unjoined;
        }
        // The node stays known, so that finding a dead broker again and again meets its back-off.
        links.network.disconnect(node, ctx);
        links.metadata.request_update();
    }

    /// True when JoinGroup may be sent.
    pub fn wants_to_join(&self, now: Time) -> bool {
        let outside = self.state == MemberState::Unjoined
            || (self.state == MemberState::Stable && self.rejoin);
        self.wanted.is_some() && outside && self.node.is_some() && now >= self.not_before
    }

    /// Sends JoinGroup, as a member that owns `owned` and keeps it.
    pub fn join(&mut self, owned: &[TopicPartition], links: &mut Links, ctx: &mut Ctx<'_>) {
        let Some(node) = self.node else { return };
        self.log(ctx, LogLevel::Info, "(Re-)joining group");
        self.attempt += 1;
        self.rejoin = false;
        self.assigned_from = None;
        self.state = MemberState::Joining;
        let config = &self.config;
        self.joined = self.wanted.clone().unwrap_or_default();
        let (topics, last) = (&self.joined, self.last.as_ref());
        let request = group_requests::join(config, &self.member_id, topics, owned, last);
        // The coordinator may keep the request for as long as members may take between two polls.
        let parked = config.max_poll_interval + Span::from_secs(5);
        let timeout = Some(parked.max(config.network.request_timeout));
        let options = SendOptions { version: None, timeout };
        let tag = Tag::JoinGroup(self.attempt);
        links.network.send_with(node, request, options, tag, ctx);
    }

    /// Takes in the answer to JoinGroup.
    pub fn on_joined(
        &mut self,
        attempt: u64,
        response: JoinGroupResponse,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        if attempt != self.attempt || self.state != MemberState::Joining {
            return;
        }
        match response.error_code {
            ErrorCode::NONE => {
                let chosen = response.protocol_name.clone().unwrap_or_default();
                let known = Assignor::from_name(&chosen);
                let Some(assignor) = known.filter(|one| self.config.assignors.contains(one)) else {
                    let text = "Coordinator selected invalid assignment protocol:";
                    self.events.push(GroupEvent::Failed(format!("{text} {chosen}")));
                    return;
                };
                self.member_id.clone_from(&response.member_id);
                self.generation = response.generation_id;
                let text = format!(
                    "Successfully joined group with generation Generation{{generationId={}, \
                     memberId='{}', protocol='{chosen}'}}",
                    self.generation, self.member_id
                );
                self.log(ctx, LogLevel::Info, &text);
                if response.leader == self.member_id {
                    self.begin_to_lead(assignor, response.members, links);
                } else {
                    self.sync(assignor, SortedMap::new(), links, ctx);
                }
            }
            ErrorCode::MEMBER_ID_REQUIRED => {
                self.member_id = response.member_id;
                self.state = MemberState::Unjoined;
            }
            error => self.on_group_error(error, links, ctx),
        }
    }

    /// Takes in the answer to SyncGroup.
    pub fn on_synced(
        &mut self,
        attempt: u64,
        response: &SyncGroupResponse,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        if attempt != self.attempt || self.state != MemberState::Syncing {
            return;
        }
        if response.error_code.is_error() {
            self.on_group_error(response.error_code, links, ctx);
            return;
        }
        let Some(partitions) = decode_assignment(&response.assignment) else {
            self.log(ctx, LogLevel::Error, "Assignment could not be read");
            self.on_group_error(ErrorCode::UNKNOWN_SERVER_ERROR, links, ctx);
            return;
        };
        self.state = MemberState::Stable;
        self.heartbeat_in_flight = false;
        self.next_heartbeat = ctx.now() + self.config.heartbeat_interval;
        self.session_deadline = ctx.now() + self.config.session_timeout;
        let last = LastAssignment { generation: self.generation, partitions: partitions.clone() };
        self.last = Some(last);
        self.events.push(GroupEvent::Assigned(partitions));
    }

    /// JoinGroup or SyncGroup was not answered.
    pub fn on_join_failed(&mut self, attempt: u64, ctx: &Ctx<'_>) {
        if attempt == self.attempt && self.state != MemberState::Stable {
            self.state = MemberState::Unjoined;
            self.not_before = ctx.now() + self.config.retry_backoff;
        }
    }

    fn send_heartbeat(&mut self, links: &mut Links, ctx: &mut Ctx<'_>) {
        let Some(node) = self.node else { return };
        self.heartbeat_in_flight = true;
        self.next_heartbeat = ctx.now() + self.config.heartbeat_interval;
        let request = group_requests::heartbeat(&self.config, self.generation, &self.member_id);
        links.network.send(node, request, Tag::Heartbeat(self.attempt), ctx);
    }

    /// Takes in the answer to a heartbeat; none when there was no answer.
    pub fn on_heartbeat(
        &mut self,
        attempt: u64,
        response: Option<&HeartbeatResponse>,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        if attempt != self.attempt || self.state != MemberState::Stable {
            return;
        }
        self.heartbeat_in_flight = false;
        match response.map(|response| response.error_code) {
            None => self.next_heartbeat = ctx.now() + self.config.retry_backoff,
            Some(ErrorCode::NONE) => {
                self.session_deadline = ctx.now() + self.config.session_timeout;
            }
            Some(error) => self.on_group_error(error, links, ctx),
        }
    }

    /// Does what an error in an answer of the coordinator asks for.
    pub fn on_group_error(&mut self, error: ErrorCode, links: &mut Links, ctx: &mut Ctx<'_>) {
        match error {
            ErrorCode::REBALANCE_IN_PROGRESS => {
                if self.state == MemberState::Stable {
                    if !self.rejoin {
                        let text = "Attempt to heartbeat failed since group is rebalancing";
                        self.log(ctx, LogLevel::Info, text);
                    }
                    self.rejoin = true;
                } else {
                    self.state = MemberState::Unjoined;
                }
            }
            ErrorCode::ILLEGAL_GENERATION | ErrorCode::UNKNOWN_MEMBER_ID => {
                let text = format!("Resetting generation due to: encountered {}", error.name());
                self.log(ctx, LogLevel::Info, &text);
                self.reset_generation();
            }
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                self.mark_unknown(&format!("error response {}.", error.name()), links, ctx);
                self.not_before = ctx.now() + self.config.retry_backoff;
            }
            error if error.is_retriable() || error == ErrorCode::UNKNOWN_SERVER_ERROR => {
                if self.state != MemberState::Stable {
                    self.state = MemberState::Unjoined;
                }
                self.not_before = ctx.now() + self.config.retry_backoff;
            }
            error => self.fail(error),
        }
    }

    /// In Kafka: AbstractCoordinator.resetGenerationOnResponseError.
    fn reset_generation(&mut self) {
        self.generation = NO_GENERATION;
        self.member_id.clear();
        self.state = MemberState::Unjoined;
        self.attempt += 1;
        self.events.push(GroupEvent::Lost);
    }

    /// Is in no group any more, by its own will.
    pub fn forget_group(&mut self) {
        self.generation = NO_GENERATION;
        self.member_id.clear();
        self.state = MemberState::Unjoined;
        self.attempt += 1;
        self.rejoin = false;
        self.assigned_from = None;
    }

    fn fail(&mut self, error: ErrorCode) {
        let text = format!("{}: {}", error.name(), error.message());
        self.events.push(GroupEvent::Failed(text));
    }

    /// Leaves the group; [`GroupEvent::Left`] says when. A static member only goes silent.
    pub fn leave(&mut self, links: &mut Links, ctx: &mut Ctx<'_>) {
        let leaves = !self.member_id.is_empty() && self.config.group_instance_id.is_none();
        let Some(node) = self.node.filter(|_| leaves) else {
            self.events.push(GroupEvent::Left);
            return;
        };
        let request = group_requests::leave(&self.config, &self.member_id);
        links.network.send(node, request, Tag::LeaveGroup, ctx);
    }

    /// LeaveGroup was answered, or cannot be.
    pub fn on_left(&mut self) {
        self.events.push(GroupEvent::Left);
    }

    /// When [`Coordinator::run`] has something to do, and why. An application that does not poll
    /// does not join either.
    pub fn next_wakeup(&self, may_poll: bool, now: Time) -> Option<Wakeup> {
        let wake = |at, reason: &'static str| Some(Wakeup { at, reason: reason.into() });
        let stable = self.state == MemberState::Stable;
        let wants_one = !self.config.group_id.is_empty();
        let retry = if self.node.is_none() && !self.finding && wants_one {
            wake(self.not_before, "coordinator retry back-off")
        } else if may_poll && self.wants_to_join(Time::MAX) && (!self.held || self.not_before > now)
        {
            wake(self.not_before, "join retry back-off")
        } else {
            None
        };
        let beats = stable && self.node.is_some();
        let heartbeat = (beats && !self.heartbeat_in_flight)
            .then(|| Wakeup { at: self.next_heartbeat, reason: "heartbeat".into() });
        let session =
            beats.then(|| Wakeup { at: self.session_deadline, reason: "session timeout".into() });
        let poll = stable.then(|| Wakeup {
            at: self.last_poll + self.config.max_poll_interval,
            reason: "max.poll.interval.ms".into(),
        });
        [retry, heartbeat, session, poll].into_iter().flatten().min_by_key(|wakeup| wakeup.at)
    }
}
