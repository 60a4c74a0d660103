//! The messages of a queue on its volume: one log to which messages and their removals are appended,
//! and which is written anew when most of it is about messages that are gone.

use crate::base::SortedMap;
use crate::disk::{DiskError, Volume};
use crate::wire::queue::QueueEntry;
use crate::wire::{DecodeError, Reader, jute};
use bytes::Bytes;

/// The log.
pub(super) const FILE: &str = "queue/messages.log";
/// Bytes about messages that are gone, before the log is written anew.
const GARBAGE_MAX: u64 = 256 * 1024;
/// Length and checksum in front of each entry.
const PREFIX: usize = 8;

/// A message was put into the queue.
const STORED: i32 = 1;
/// A message is gone.
const REMOVED: i32 = 2;
/// Ids below this one have been given out.
const NEXT: i32 = 3;

/// What is in the queue.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Store {
    /// Every message that is not gone, by its id.
    pub(super) messages: SortedMap<i64, Bytes>,
    next: i64,
    /// Bytes of the log, and how many of them are about messages that are gone.
    size: u64,
    garbage: u64,
}

impl Store {
    /// Reads the log; what a power cut tore off its end is cut away.
    pub(super) fn load(volume: &mut Volume) -> Result<Self, DiskError> {
        let mut store = Self::default();
        let bytes = volume.read(FILE).map(Bytes::copy_from_slice).unwrap_or_default();
        let mut at = 0;
        while let Some((entry, end)) = next_entry(&bytes, at) {
            store.take(entry, (end - at) as u64);
            at = end;
        }
        if at < bytes.len() {
            volume.truncate(FILE, at as u64)?;
        }
        Ok(store)
    }

    fn take(&mut self, entry: QueueEntry, size: u64) {
        self.size += size;
        self.next = self.next.max(entry.message + 1);
        match entry.kind {
            STORED => {
                self.messages.insert(entry.message, entry.body.unwrap_or_default());
            }
            REMOVED => {
                let body = self.messages.remove(&entry.message);
                self.garbage += size + body.map_or(0, |body| stored_size(&body));
            }
            _ => self.garbage += size,
        }
    }

    /// Appends a message; its id. It is safe once the log is synced.
    pub(super) fn put(&mut self, body: Bytes, volume: &mut Volume) -> Result<i64, DiskError> {
        let message = self.next;
        self.append(QueueEntry { kind: STORED, message, body: Some(body) }, volume)?;
        Ok(message)
    }

    /// Removes a message for good.
    pub(super) fn remove(&mut self, message: i64, volume: &mut Volume) -> Result<(), DiskError> {
        self.append(QueueEntry { kind: REMOVED, message, body: None }, volume)?;
        if self.garbage > GARBAGE_MAX && self.garbage > self.size / 2 {
            self.compact(volume)?;
        }
        Ok(())
    }

    fn append(&mut self, entry: QueueEntry, volume: &mut Volume) -> Result<(), DiskError> {
        let bytes = encode(&entry);
        volume.append(FILE, &bytes)?;
        self.take(entry, bytes.len() as u64);
        Ok(())
    }

    fn compact(&mut self, volume: &mut Volume) -> Result<(), DiskError> {
        // Ids are never used twice, so the log says where they go on.
        let mut log = encode(&QueueEntry { kind: NEXT, message: self.next - 1, body: None });
        self.garbage = log.len() as u64;
        for (message, body) in &self.messages {
            let entry = QueueEntry { kind: STORED, message: *message, body: Some(body.clone()) };
            log.extend_from_slice(&encode(&entry));
        }
        self.size = log.len() as u64;
        volume.replace(FILE, &log)
    }
}

fn stored_size(body: &Bytes) -> u64 {
    let entry = QueueEntry { kind: STORED, message: 0, body: Some(body.clone()) };
    encode(&entry).len() as u64
}

fn encode(entry: &QueueEntry) -> Vec<u8> {
    let record = jute::encode(entry);
    let mut bytes = Vec::with_capacity(PREFIX + record.len());
    bytes.extend_from_slice(&(record.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&record).to_be_bytes());
    bytes.extend_from_slice(&record);
    bytes
}

/// The entry that begins at `at`, and where it ends; none at the end and where the log is torn.
fn next_entry(bytes: &Bytes, at: usize) -> Option<(QueueEntry, usize)> {
    let rest = bytes.slice(at..);
    let mut reader = Reader::new(&rest);
    let length = usize::try_from(reader.i32().ok()?).ok()?;
    let checksum = reader.i32().ok()?.cast_unsigned();
    let record = reader.take_shared(length).ok()?;
    if crc32c::crc32c(&record) != checksum {
        return None;
    }
    let entry: Result<QueueEntry, DecodeError> = jute::decode(&record);
    Some((entry.ok()?, at + PREFIX + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_removals_come_back_and_ids_go_on() {
        let mut volume = Volume::default();
        let mut store = Store::default();
        for body in ["a", "b", "c"] {
            store.put(Bytes::from(body), &mut volume).expect("there is room");
        }
        store.remove(2, &mut volume).expect("there is room");
        store.remove(0, &mut volume).expect("there is room");
        let mut again = Store::load(&mut volume).expect("it can be read");
        assert_eq!(again, store);
        assert_eq!(again.messages.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!(again.put(Bytes::from("d"), &mut volume), Ok(3));
    }

    #[test]
    fn a_torn_end_is_cut_away_wherever_it_is_torn() {
        let mut volume = Volume::default();
        let mut store = Store::default();
        store.put(Bytes::from("first"), &mut volume).expect("there is room");
        let whole = volume.len(FILE).expect("it is there");
        store.put(Bytes::from("second"), &mut volume).expect("there is room");
        let log = volume.read(FILE).expect("it is there").to_vec();
        for end in whole as usize..log.len() {
            let mut volume = Volume::default();
            volume.append(FILE, &log[..end]).expect("there is room");
            let loaded = Store::load(&mut volume).expect("it can be read");
            assert_eq!(loaded.messages.values().collect::<Vec<_>>(), ["first"]);
            assert_eq!(volume.len(FILE), Some(whole));
        }
    }

    #[test]
    fn a_log_of_removals_is_written_anew() {
        let mut volume = Volume::default();
        let mut store = Store::default();
        store.put(Bytes::from("stays"), &mut volume).expect("there is room");
        for _ in 0..600 {
            let id = store.put(Bytes::from(vec![7; 1_000]), &mut volume).expect("there is room");
            store.remove(id, &mut volume).expect("there is room");
        }
        let size = volume.len(FILE).expect("it is there");
        assert!(size < 2 * GARBAGE_MAX, "{size}");
        let mut again = Store::load(&mut volume).expect("it can be read");
        assert_eq!(again.messages.values().collect::<Vec<_>>(), ["stays"]);
        assert_eq!(again.put(Bytes::new(), &mut volume), Ok(601));
    }
}
