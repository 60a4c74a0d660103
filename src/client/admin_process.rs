//! An admin client as a process: it has the controller create, alter and delete topics, and answers in
//! the words of `kafka-topics.sh` and `kafka-reassign-partitions.sh`.
//!
//! In Kafka: org.apache.kafka.clients.admin.KafkaAdminClient, kafka.admin.TopicCommand.

use super::metadata::{Metadata, MetadataConfig};
use crate::base::timers::Wakeup;
use crate::base::{SortedMap, Span, Time};
use crate::network::{NetworkClient, NetworkConfig, NetworkEvent};
use crate::node::view::AdminView;
use crate::node::{Command, ConfigError, Ctx, Input, Process, ProcessSpec, ProcessView};
use crate::wire::ErrorCode;
use crate::wire::kafka::AnyResponse;
use call::{Call, What};
use std::collections::VecDeque;

mod call;

/// How many outcomes the view holds.
const OUTCOMES_SHOWN_MAX: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tag {
    Metadata,
    Call(u64),
}

/// The process.
#[derive(Debug)]
pub struct AdminProcess {
    network: NetworkClient<Tag>,
    metadata: Metadata,
    /// `default.api.timeout.ms`: how long a command is tried.
    api_timeout: Span,
    request_timeout: Span,
    retry_backoff: Span,
    calls: SortedMap<u64, Call>,
    next_call: u64,
    outcomes: VecDeque<Result<String, String>>,
    closing: bool,
    /// Time of the last step; none before the first, when there is nothing to wake up for.
    now: Option<Time>,
}

impl AdminProcess {
    /// An admin client with the settings of `spec`.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let properties = &spec.properties;
        let config = MetadataConfig::from_properties(properties)?;
        let network_config = NetworkConfig::from_properties(properties)?;
        let client_id = properties.get("client.id").unwrap_or(&spec.name);
        let (request_timeout, retry_backoff) =
            (network_config.request_timeout, config.retry_backoff);
        let mut network = NetworkClient::new(client_id, network_config);
        let config = MetadataConfig { allow_auto_topic_creation: false, ..config };
        let mut metadata = Metadata::new(config, &format!("[AdminClient clientId={client_id}] "));
        metadata.bootstrap(&mut network);
        Ok(Self {
            network,
            metadata,
            api_timeout: properties.millis("default.api.timeout.ms", 60_000)?,
            request_timeout,
            retry_backoff,
            calls: SortedMap::new(),
            next_call: 0,
            outcomes: VecDeque::new(),
            closing: false,
            now: None,
        })
    }

    fn on_command(&mut self, command: u64, what: Command, ctx: &mut Ctx<'_>) {
        let Some(what) = What::of(what) else {
            let text = "An admin client only creates, alters and deletes topics.".to_owned();
            self.finish(command, Err(text), ctx);
            return;
        };
        let call = Call {
            command,
            what,
            deadline: ctx.now() + self.api_timeout,
            not_before: ctx.now(),
            in_flight: false,
            last_error: None,
        };
        self.calls.insert(self.next_call, call);
        self.next_call += 1;
    }

    fn finish(&mut self, command: u64, outcome: Result<String, String>, ctx: &mut Ctx<'_>) {
        if self.outcomes.len() == OUTCOMES_SHOWN_MAX {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(outcome.clone());
        ctx.answer(command, outcome);
    }

    fn on_events(&mut self, events: Vec<NetworkEvent<Tag>>, ctx: &mut Ctx<'_>) {
        for event in events {
            match event {
                NetworkEvent::Response { tag, correlation_id, response, .. } => {
                    match (tag, response) {
                        (Tag::Metadata, AnyResponse::Metadata(response)) => {
                            self.metadata.on_response(
                                correlation_id,
                                response,
                                &mut self.network,
                                ctx,
                            );
                        }
                        (Tag::Metadata, _) => self.metadata.on_failure(),
                        (Tag::Call(id), response) => self.on_answer(id, &response, ctx),
                    }
                }
                NetworkEvent::Failed { tag: Tag::Metadata, .. } => self.metadata.on_failure(),
                NetworkEvent::Failed { tag: Tag::Call(id), .. } => {
                    self.retry(id, ErrorCode::NETWORK_EXCEPTION, ctx);
                }
                NetworkEvent::Disconnected { .. } => self.metadata.request_update(),
                NetworkEvent::Connected { .. } | NetworkEvent::Sent { .. } => {}
            }
        }
    }

    fn on_answer(&mut self, id: u64, response: &AnyResponse, ctx: &mut Ctx<'_>) {
        let Some(call) = self.calls.get(&id) else { return };
        let (error, message) = What::verdict(response);
        if error == ErrorCode::NOT_CONTROLLER {
            self.retry(id, error, ctx);
            return;
        }
        let outcome = if error.is_ok() {
            Ok(call.what.done())
        } else {
            let message = message.filter(|message| !message.is_empty());
            let message = message.unwrap_or_else(|| error.message().to_owned());
            Err(format!("{}: {message}", error.name()))
        };
        let command = call.command;
        self.calls.remove(&id);
        self.finish(command, outcome, ctx);
    }

    fn retry(&mut self, id: u64, error: ErrorCode, ctx: &Ctx<'_>) {
        self.metadata.request_update();
        if let Some(call) = self.calls.get_mut(&id) {
            call.in_flight = false;
            call.last_error = Some(error);
            call.not_before = ctx.now() + self.retry_backoff;
        }
    }

    /// Sends what may be sent and gives up what took too long.
    fn run(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let late = self.calls.iter().filter(|(_, call)| call.deadline <= now);
        let late: Vec<u64> = late.map(|(id, _)| *id).collect();
        for id in late {
            if let Some(call) = self.calls.remove(&id) {
                let cause = call.last_error.map_or("REQUEST_TIMED_OUT", ErrorCode::name);
                let waited_ms = self.api_timeout.as_millis();
                let text = format!(
                    "{cause}: The call {} timed out after {waited_ms} ms.",
                    call.what.name()
                );
                self.finish(call.command, Err(text), ctx);
            }
        }
        if let Some(controller) = self.metadata.controller() {
            let timeout_ms = self.request_timeout.as_millis() as i32;
            for (id, call) in &mut self.calls {
                if call.in_flight || call.not_before > now {
                    continue;
                }
                call.in_flight = true;
                let request = call.what.request(timeout_ms);
                self.network.send(controller, request, Tag::Call(*id), ctx);
            }
        } else if !self.calls.is_empty() {
            self.metadata.request_update();
        }
        self.metadata.maybe_update(&mut self.network, Tag::Metadata, ctx);
    }
}

impl Process for AdminProcess {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        self.now = Some(ctx.now());
        match input {
            Input::Start { .. } => {}
            Input::Wake => {
                let events = self.network.on_wake(ctx);
                self.on_events(events, ctx);
            }
            Input::Link(link) => {
                let events = self.network.on_link(link, ctx);
                self.on_events(events, ctx);
            }
            Input::Command { id, command } => self.on_command(id, command, ctx),
            Input::Stop => self.closing = true,
        }
        self.run(ctx);
        if self.closing {
            ctx.exit(false, "Closed the admin client");
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let now = self.now?;
        let calls = self.calls.values().flat_map(|call| {
            let retry = (!call.in_flight && call.not_before > now)
                .then(|| Wakeup { at: call.not_before, reason: "retry back-off".into() });
            let deadline = Wakeup { at: call.deadline, reason: "default.api.timeout.ms".into() };
            retry.into_iter().chain([deadline])
        });
        [self.network.next_wakeup(), self.metadata.next_wakeup()]
            .into_iter()
            .flatten()
            .chain(calls)
            .min_by_key(|wakeup| wakeup.at)
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(AdminView {
            pending: self.calls.len() as u32,
            outcomes: self.outcomes.iter().cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests;
