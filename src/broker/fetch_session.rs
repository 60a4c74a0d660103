//! Fetch sessions: what a fetcher wants is remembered here, so that its requests name only what
//! changed, and the answers only partitions of which there is something new to say.
//!
//! The cache holds `max.incremental.fetch.session.cache.slots` sessions. A new one takes the place
//! of one that was idle for two minutes; else of a smaller one of the same kind or less: consumers'
//! sessions make room for followers', never the other way round within two minutes.
//!
//! In Kafka: `kafka.server.FetchSession`, `FetchSessionCache`, `FetchManager`, KIP-227.

use crate::base::{Rng, SortedMap, Span, Time, TopicPartition};
use crate::network::{FINAL_EPOCH, INITIAL_EPOCH, INVALID_SESSION_ID, next_session_epoch};
use crate::wire::ErrorCode;
use crate::wire::kafka::{FetchPartition, FetchablePartitionResponse};

/// How long a session is safe from others that want its place
/// (`KafkaServer.MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
const EVICTION: Span = Span::from_secs(120);

/// Partitions with what is wanted of them, in the order of the session.
pub type WantedPartitions = Vec<(TopicPartition, FetchPartition)>;
/// Partitions with what is answered.
pub type AnsweredPartitions = Vec<(TopicPartition, FetchablePartitionResponse)>;

/// How a fetch is to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchContext {
    /// Everything, without a session.
    Sessionless,
    /// Everything, and a session if there is room.
    Full {
        /// Whether a follower asks.
        is_follower: bool,
    },
    /// What is new in a session.
    Incremental {
        /// Its id.
        session_id: i32,
        /// Its epoch in the request.
        epoch: i32,
    },
}

/// The session's part of a request.
#[derive(Clone, PartialEq, Debug)]
pub struct SessionRequest {
    /// Id of the session, 0 for none.
    pub session_id: i32,
    /// Its epoch.
    pub epoch: i32,
    /// What is new in it, or has changed; everything when the epoch says so.
    pub wanted: WantedPartitions,
    /// What leaves it.
    pub forgotten: Vec<TopicPartition>,
    /// Whether a follower asks.
    pub is_follower: bool,
}

/// A partition in a session.
#[derive(Clone, PartialEq, Debug)]
struct CachedPartition {
    /// Its place; partitions that had something to say go to the end, for fairness.
    place: u64,
    wanted: FetchPartition,
    /// The high watermark that the fetcher was told last, −1 after an error.
    high_watermark: i64,
    /// The log start offset that it was told last.
    log_start_offset: i64,
}

impl CachedPartition {
    /// Whether there is something new to say; remembers that it was said.
    fn must_respond(&mut self, answer: &FetchablePartitionResponse) -> bool {
        let is_error = answer.error_code != ErrorCode::NONE;
        let must = answer.record_set.as_ref().is_some_and(|records| !records.is_empty())
            || self.high_watermark != answer.high_watermark
            || self.log_start_offset != answer.log_start_offset
            || answer.preferred_read_replica >= 0
            || answer.diverging_epoch.epoch >= 0
            || is_error;
        // After an error everything is news again.
        self.high_watermark = if is_error { -1 } else { answer.high_watermark };
        self.log_start_offset = answer.log_start_offset;
        must
    }
}

#[derive(Clone, PartialEq, Debug)]
struct FetchSession {
    is_privileged: bool,
    partitions: SortedMap<TopicPartition, CachedPartition>,
    next_place: u64,
    created: Time,
    last_used: Time,
    /// Epoch of the next request.
    epoch: i32,
}

impl FetchSession {
    fn add(&mut self, partition: TopicPartition, wanted: FetchPartition) {
        let place = self.next_place;
        self.next_place += 1;
        let cached = CachedPartition { place, wanted, high_watermark: -1, log_start_offset: -1 };
        self.partitions.insert(partition, cached);
    }

    fn in_order(&self) -> WantedPartitions {
        let mut partitions: Vec<_> = self.partitions.iter().collect();
        partitions.sort_by_key(|(_, cached)| cached.place);
        let wanted = partitions.into_iter();
        wanted.map(|(partition, cached)| (partition.clone(), cached.wanted.clone())).collect()
    }
}

/// All sessions of a broker.
#[derive(Debug)]
pub struct FetchSessionCache {
    slots: usize,
    sessions: SortedMap<i32, FetchSession>,
    rng: Rng,
}

impl FetchSessionCache {
    /// Room for `slots` sessions, whose ids `rng` draws.
    pub fn new(slots: usize, rng: Rng) -> Self {
        Self { slots, sessions: SortedMap::new(), rng }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// True when there is no session.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// What a request wants in all, and how it is to be answered; or the error that is the answer.
    ///
    /// In Kafka: `FetchManager.newContext`.
    pub fn context_of(
        &mut self,
        request: SessionRequest,
        now: Time,
    ) -> Result<(FetchContext, WantedPartitions), ErrorCode> {
        let SessionRequest { session_id, epoch, wanted, forgotten, is_follower } = request;
        if matches!(epoch, INITIAL_EPOCH | FINAL_EPOCH) {
            // A request for everything closes the session that it names.
            self.sessions.remove(&session_id);
            let context = match epoch {
                FINAL_EPOCH => FetchContext::Sessionless,
                _ => FetchContext::Full { is_follower },
            };
            return Ok((context, wanted));
        }
        let session =
            self.sessions.get_mut(&session_id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        for (partition, data) in wanted {
            match session.partitions.get_mut(&partition) {
                Some(cached) => cached.wanted = data,
                None => session.add(partition, data),
            }
        }
        for partition in &forgotten {
            session.partitions.remove(partition);
        }
        if session.partitions.is_empty() {
            self.sessions.remove(&session_id);
            return Ok((FetchContext::Sessionless, Vec::new()));
        }
        session.last_used = now;
        session.epoch = next_session_epoch(session.epoch);
        Ok((FetchContext::Incremental { session_id, epoch }, session.in_order()))
    }

    /// What of `answers` is sent, and the session id that goes with it. `wanted` is what
    /// [`FetchSessionCache::context_of`] gave.
    ///
    /// In Kafka: `FetchContext.updateAndGenerateResponseData`.
    pub fn answer(
        &mut self,
        context: FetchContext,
        wanted: &WantedPartitions,
        answers: AnsweredPartitions,
        now: Time,
    ) -> Result<(i32, AnsweredPartitions), (i32, ErrorCode)> {
        match context {
            FetchContext::Sessionless => Ok((INVALID_SESSION_ID, answers)),
            FetchContext::Full { is_follower } => {
                let id = self.maybe_create(is_follower, wanted, &answers, now);
                Ok((id, answers))
            }
            FetchContext::Incremental { session_id, epoch } => {
                let news = self.news(session_id, epoch, answers);
                news.map(|news| (session_id, news)).map_err(|error| (session_id, error))
            }
        }
    }

    fn news(
        &mut self,
        session_id: i32,
        epoch: i32,
        mut answers: AnsweredPartitions,
    ) -> Result<AnsweredPartitions, ErrorCode> {
        let session = self.sessions.get_mut(&session_id);
        // While the fetch waited the session may have gone, or a repeated request used it.
        let Some(session) = session.filter(|known| known.epoch == next_session_epoch(epoch)) else {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        };
        answers.retain(|(partition, answer)| {
            let next_place = session.next_place;
            let Some(cached) = session.partitions.get_mut(partition) else { return false };
            let must_respond = cached.must_respond(answer);
            if must_respond {
                cached.place = next_place;
                session.next_place += 1;
            }
            must_respond
        });
        Ok(answers)
    }

    fn maybe_create(
        &mut self,
        is_privileged: bool,
        wanted: &WantedPartitions,
        answers: &AnsweredPartitions,
        now: Time,
    ) -> i32 {
        let has_room = self.sessions.len() < self.slots;
        if !has_room && !self.try_evict(is_privileged, answers.len(), now) {
            return INVALID_SESSION_ID;
        }
        let mut session = FetchSession {
            is_privileged,
            partitions: SortedMap::new(),
            next_place: 0,
            created: now,
            last_used: now,
            epoch: next_session_epoch(INITIAL_EPOCH),
        };
        for (partition, data) in wanted {
            session.add(partition.clone(), data.clone());
        }
        for (partition, answer) in answers {
            if let Some(cached) = session.partitions.get_mut(partition) {
                cached.must_respond(answer);
            }
        }
        let id = self.new_id();
        self.sessions.insert(id, session);
        id
    }

    fn new_id(&mut self) -> i32 {
        loop {
            let id = self.rng.between(1, u64::from(i32::MAX.cast_unsigned()) - 1) as i32;
            if !self.sessions.contains_key(&id) {
                return id;
            }
        }
    }

    /// Ends a session to make room for one of `size` partitions; false when none is worth less.
    fn try_evict(&mut self, is_privileged: bool, size: usize, now: Time) -> bool {
        let stalest = self.sessions.iter().min_by_key(|(id, session)| (session.last_used, **id));
        let stale = stalest.filter(|(_, session)| now.since(session.last_used) > EVICTION);
        let cheapest = || {
            let evictable = self.sessions.iter().filter(|(_, session)| {
                let is_old = now.since(session.created) > EVICTION;
                is_old || (is_privileged && !session.is_privileged)
            });
            let least = evictable
                .map(|(id, session)| ((session.is_privileged, session.partitions.len(), *id), id))
                .min_by_key(|(key, _)| *key);
            least.filter(|(key, _)| (is_privileged, size, 0) >= *key).map(|(_, id)| *id)
        };
        let victim = stale.map(|(id, _)| *id).or_else(cheapest);
        victim.is_some_and(|id| self.sessions.remove(&id).is_some())
    }
}

#[cfg(test)]
mod tests;
