//! The controller's way to each broker: requests go one at a time, in order, each again and again
//! until it is answered or the broker is gone.
//!
//! In Kafka: kafka.controller.ControllerChannelManager, RequestSendThread.

use crate::base::{BrokerId, SortedMap, Span, Time};
use crate::broker::action::{Node, SendError};
use crate::wire::kafka::{AnyRequest, AnyResponse};
use std::collections::VecDeque;

/// How long to wait before a request is sent again.
const BACKOFF: Span = Span::from_millis(100);

/// Names a request on its way to a broker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ChannelTag {
    /// To which broker.
    pub broker: i32,
    /// Counts the requests of one controller; what comes back late is told by it.
    pub serial: u64,
}

/// A request that is to leave now.
#[derive(Clone, PartialEq, Debug)]
pub struct Outgoing {
    /// To whom.
    pub to: Node,
    /// The request.
    pub request: AnyRequest,
    /// Its name.
    pub tag: ChannelTag,
}

#[derive(Clone, Debug)]
struct Channel {
    to: Node,
    queue: VecDeque<AnyRequest>,
    /// The request at the head of the queue is on its way.
    in_flight: Option<ChannelTag>,
    retry_at: Option<Time>,
}

/// All channels.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    by_broker: SortedMap<i32, Channel>,
    next_serial: u64,
}

impl Channels {
    /// Opens the channel to a broker.
    pub fn add_broker(&mut self, to: Node) {
        let channel = Channel { queue: VecDeque::new(), in_flight: None, retry_at: None, to };
        self.by_broker.insert(channel.to.id.0, channel);
    }

    /// Gives up a broker, with all that waits for it.
    pub fn remove_broker(&mut self, broker: i32) -> Option<BrokerId> {
        self.by_broker.remove(&broker).map(|channel| channel.to.id)
    }

    /// Gives up all brokers.
    pub fn clear(&mut self) -> Vec<BrokerId> {
        std::mem::take(&mut self.by_broker).into_values().map(|channel| channel.to.id).collect()
    }

    /// Queues `request` for `broker`; returns what can leave at once.
    pub fn send(&mut self, broker: i32, request: AnyRequest) -> Option<Outgoing> {
        self.by_broker.get_mut(&broker)?.queue.push_back(request);
        self.next_of(broker)
    }

    /// Takes the outcome of a request: a response frees the channel, a failure has the request sent
    /// again after a back-off. Returns the request with its response, and what can leave now.
    pub fn on_outcome(
        &mut self,
        now: Time,
        tag: ChannelTag,
        outcome: Result<AnyResponse, SendError>,
    ) -> (Option<(AnyRequest, AnyResponse)>, Option<Outgoing>) {
        let Some(channel) = self.by_broker.get_mut(&tag.broker) else { return (None, None) };
        if channel.in_flight != Some(tag) {
            return (None, None);
        }
        channel.in_flight = None;
        let Ok(response) = outcome else {
            channel.retry_at = Some(now + BACKOFF);
            return (None, None);
        };
        let answered = channel.queue.pop_front().map(|request| (request, response));
        (answered, self.next_of(tag.broker))
    }

    /// When the next back-off ends.
    pub fn next_retry(&self) -> Option<Time> {
        self.by_broker.values().filter_map(|channel| channel.retry_at).min()
    }

    /// What leaves now that its back-off has ended.
    pub fn retry(&mut self, now: Time) -> Vec<Outgoing> {
        let is_due = |channel: &Channel| channel.retry_at.is_some_and(|at| at <= now);
        let due: Vec<i32> =
            self.by_broker.iter().filter(|(_, one)| is_due(one)).map(|(id, _)| *id).collect();
        for broker in &due {
            if let Some(channel) = self.by_broker.get_mut(broker) {
                channel.retry_at = None;
            }
        }
        due.into_iter().filter_map(|broker| self.next_of(broker)).collect()
    }

    fn next_of(&mut self, broker: i32) -> Option<Outgoing> {
        let channel = self.by_broker.get_mut(&broker)?;
        if channel.in_flight.is_some() || channel.retry_at.is_some() {
            return None;
        }
        let request = channel.queue.front()?.clone();
        let tag = ChannelTag { broker, serial: self.next_serial };
        self.next_serial += 1;
        channel.in_flight = Some(tag);
        Some(Outgoing { to: channel.to.clone(), request, tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Endpoint;
    use crate::wire::kafka::{UpdateMetadataRequest, UpdateMetadataResponse};

    fn request(epoch: i32) -> AnyRequest {
        let controller_epoch = epoch;
        UpdateMetadataRequest { controller_epoch, ..UpdateMetadataRequest::default() }.into()
    }

    #[test]
    fn one_request_at_a_time_and_again_until_it_is_answered() {
        let mut channels = Channels::default();
        channels.add_broker(Node { id: BrokerId(2), endpoint: Endpoint::new("broker-2", 9092) });
        let first = channels.send(2, request(1)).unwrap();
        assert_eq!(channels.send(2, request(2)), None);
        assert_eq!(channels.send(9, request(2)), None);

        let now = Time::from_millis(10);
        let failed = channels.on_outcome(now, first.tag, Err(SendError::Disconnected));
        assert_eq!(failed, (None, None));
        assert_eq!(channels.next_retry(), Some(Time::from_millis(110)));
        assert_eq!(channels.retry(Time::from_millis(109)), []);
        let again = channels.retry(Time::from_millis(110));
        assert_eq!(again[0].request, request(1));

        let late =
            channels.on_outcome(now, first.tag, Ok(UpdateMetadataResponse::default().into()));
        assert_eq!(late, (None, None));
        let response: AnyResponse = UpdateMetadataResponse::default().into();
        let (answered, next) = channels.on_outcome(now, again[0].tag, Ok(response.clone()));
        assert_eq!(answered, Some((request(1), response)));
        assert_eq!(next.unwrap().request, request(2));
        assert_eq!(channels.remove_broker(2), Some(BrokerId(2)));
    }
}
