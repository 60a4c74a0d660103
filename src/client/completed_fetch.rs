//! What one fetch brought of one partition: batches are opened, records of aborted transactions and
//! control records left out, the rest kept until the application polls.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.Fetcher.CompletedFetch.

use super::consumer_config::IsolationLevel;
use super::producer_batch::Header;
use crate::base::{SortedSet, TopicPartition};
use crate::wire::batch::{BatchError, Batches, EndTransactionMarker, RecordBatchView, RecordView};
use crate::wire::kafka::FetchablePartitionResponse;
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::VecDeque;

/// A record handed to the application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumedRecord {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: i64,
    /// Leader epoch of its batch.
    pub leader_epoch: i32,
    /// Timestamp in ms.
    pub timestamp: i64,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
    /// Headers, in order.
    pub headers: Vec<Header>,
}

/// Records of one partition that were fetched and not handed out yet.
#[derive(Debug)]
pub struct CompletedFetch {
    /// The partition.
    pub partition: TopicPartition,
    /// The position that these records continue; they are dropped when it is another by now.
    pub position: i64,
    /// The records.
    pub records: VecDeque<ConsumedRecord>,
    /// The position behind them.
    pub next: i64,
    /// Leader epoch of the last batch.
    pub epoch: i32,
}

/// The transactions that a fetch tells were aborted, as its batches pass by.
struct Aborted {
    /// Producer and first offset, those that begin last first.
    to_come: Vec<(i64, i64)>,
    running: SortedSet<i64>,
}

impl Aborted {
    fn of(answer: &FetchablePartitionResponse, isolation: IsolationLevel) -> Self {
        let told = answer.aborted_transactions.iter().flatten();
        let mut to_come: Vec<_> = told.map(|one| (one.producer_id, one.first_offset)).collect();
        if isolation == IsolationLevel::ReadUncommitted {
            to_come.clear();
        }
        to_come.sort_by_key(|(_, first_offset)| std::cmp::Reverse(*first_offset));
        Self { to_come, running: SortedSet::new() }
    }

    /// True when the records of `batch` are not for the application.
    fn hides(&mut self, batch: &RecordBatchView) -> bool {
        let begun = |(_, first): &mut (i64, i64)| *first <= batch.last_offset();
        while let Some((producer, _)) = self.to_come.pop_if(begun) {
            self.running.insert(producer);
        }
        if !batch.is_control() {
            return batch.is_transactional() && self.running.contains(&batch.producer_id());
        }
        let marker = batch.records().ok().and_then(|mut records| records.next()?.ok());
        let marker = marker.as_ref().and_then(EndTransactionMarker::parse);
        if marker.is_some_and(|marker| !marker.is_commit) {
            self.running.remove(&batch.producer_id());
        }
        true
    }
}

impl CompletedFetch {
    /// Opens what an answer holds from `position` on; and what is wrong with the rest, if anything.
    pub fn open(
        partition: TopicPartition,
        position: i64,
        answer: &FetchablePartitionResponse,
        isolation: IsolationLevel,
    ) -> (Self, Option<BatchError>) {
        let records = VecDeque::new();
        let mut fetch = Self { partition, position, records, next: position, epoch: -1 };
        let bytes = answer.record_set.clone().unwrap_or_default();
        let mut aborted = Aborted::of(answer, isolation);
        let mut batches = Batches::verified(&bytes);
        for batch in batches.by_ref() {
            if !aborted.hides(&batch)
                && let Err(error) = fetch.add(&batch, &bytes)
            {
                return (fetch, Some(error));
            }
            fetch.next = fetch.next.max(batch.next_offset());
            fetch.epoch = batch.partition_leader_epoch();
        }
        let torn = batches.stopped().filter(|_| fetch.next == position).cloned();
        (fetch, torn)
    }

    fn add(&mut self, batch: &RecordBatchView, bytes: &Bytes) -> Result<(), BatchError> {
        let contents = match batch.contents()? {
            Cow::Borrowed(plain) => bytes.slice_ref(plain),
            Cow::Owned(opened) => Bytes::from(opened),
        };
        let before = self.records.len();
        for record in batch.records_in(&contents)? {
            match record {
                Ok(record) if record.offset < self.position => {}
                Ok(record) => {
                    let record = self.consumed(&record, batch, &contents);
                    self.records.push_back(record);
                }
                Err(error) => {
                    self.records.truncate(before);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn consumed(
        &self,
        record: &RecordView,
        batch: &RecordBatchView,
        contents: &Bytes,
    ) -> ConsumedRecord {
        let slice = |part: Option<&[u8]>| part.map(|part| contents.slice_ref(part));
        let headers = record.headers.iter();
        ConsumedRecord {
            partition: self.partition.clone(),
            offset: record.offset,
            leader_epoch: batch.partition_leader_epoch(),
            timestamp: record.timestamp,
            key: slice(record.key),
            value: slice(record.value),
            headers: headers.map(|header| (header.key.to_owned(), slice(header.value))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::{BatchFields, RecordBatchBuilder};
    use crate::wire::kafka::AbortedTransaction;

    fn batch(base_offset: i64, producer_id: i64, value: &str) -> Bytes {
        let mut builder = RecordBatchBuilder::new(BatchFields {
            base_offset,
            producer_id,
            producer_epoch: 0,
            base_sequence: 0,
            is_transactional: producer_id >= 0,
            ..BatchFields::default()
        });
        builder.append(1, None, Some(value.as_bytes()), &[]);
        builder.build()
    }

    fn marker(base_offset: i64, producer_id: i64, is_commit: bool) -> Bytes {
        let marker = EndTransactionMarker { is_commit, coordinator_epoch: 0 };
        let mut builder = RecordBatchBuilder::end_transaction(producer_id, 0, marker, 1);
        builder.fields.base_offset = base_offset;
        builder.build()
    }

    fn open(isolation: IsolationLevel, parts: &[Bytes]) -> (Vec<String>, i64) {
        let aborted = [(7, 1), (8, 5)]
            .map(|(producer_id, first_offset)| AbortedTransaction { producer_id, first_offset });
        let answer = FetchablePartitionResponse {
            record_set: Some(parts.concat().into()),
            aborted_transactions: Some(aborted.into()),
            ..FetchablePartitionResponse::default()
        };
        let partition = TopicPartition::new("t", 0);
        let (fetch, problem) = CompletedFetch::open(partition, 0, &answer, isolation);
        assert_eq!(problem, None);
        let values = fetch.records.iter().map(|record| {
            String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned()
        });
        (values.collect(), fetch.next)
    }

    #[test]
    fn aborted_transactions_are_hidden_from_read_committed_only() {
        let parts = [
            batch(0, 7, "committed"),
            marker(1, 7, true),
            batch(2, 7, "aborted"),
            batch(3, -1, "plain"),
            marker(4, 7, false),
            batch(5, 7, "later"),
            batch(6, 8, "aborted too"),
            marker(7, 7, true),
        ];
        let committed = open(IsolationLevel::ReadCommitted, &parts);
        assert_eq!(committed, (["committed", "plain", "later"].map(str::to_owned).into(), 8));
        let all = ["committed", "aborted", "plain", "later", "aborted too"].map(str::to_owned);
        assert_eq!(open(IsolationLevel::ReadUncommitted, &parts), (all.into(), 8));
    }
}
