//! The transaction log, byte for byte ZooKeeper's: `version-2/log.ZXID` is a header ("ZKLG",
//! version, database id) and records: Adler-32 of the record, its length, the record, `B`. Nothing
//! is preallocated; what a power cut tore is recognised by length or checksum and cut off.
//!
//! In ZooKeeper: `server.persistence.FileTxnLog`.

use super::txn::{Txn, TxnHeader, decode, encode, get, put};
use crate::base::SortedSet;
use crate::disk::{DiskError, Volume};
use crate::wire::{DecodeError, Reader, Writer};
use bytes::Bytes;

const MAGIC: &[u8; 4] = b"ZKLG";
const VERSION: i32 = 2;
/// The database id of every log.
const DATABASE_ID: i64 = 0;
const HEADER_LEN: usize = 16;
/// Ends every record.
const END_OF_RECORD: u8 = 0x42;

/// Adler-32 (RFC 1950), which guards log records and snapshots.
pub(super) fn adler32(bytes: &[u8]) -> i64 {
    const MODULUS: u32 = 65_521;
    /// So many bytes are summed before the sums can overflow.
    const RUN: usize = 5_552;
    let (mut a, mut b) = (1u32, 0u32);
    for run in bytes.chunks(RUN) {
        for byte in run {
            a += u32::from(*byte);
            b += a;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    i64::from((b << 16) | a)
}

/// The number at the end of `log.ZXID` or `snapshot.ZXID`.
pub(super) fn zxid_of_name(name: &str) -> Option<i64> {
    let (_, hex) = name.rsplit_once('.')?;
    i64::from_str_radix(hex, 16).ok()
}

/// What a log file held.
#[derive(Debug, Default)]
pub(super) struct LogFile {
    /// Its transactions.
    pub txns: Vec<(TxnHeader, Txn)>,
    /// Where each of them ends.
    pub ends: Vec<u64>,
    /// Bytes up to the end of the last whole record; 0 when not even the header is whole.
    pub valid_len: u64,
}

/// A record is whole but says nothing that this server knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct UnknownTxn(pub DecodeError);

/// Reads a log file up to its end or the first record that is not whole.
pub(super) fn read_log(bytes: &Bytes) -> Result<LogFile, UnknownTxn> {
    let mut file = LogFile::default();
    let mut reader = Reader::new(bytes);
    match reader.take(HEADER_LEN) {
        Ok(header) if header.starts_with(MAGIC) => file.valid_len = HEADER_LEN as u64,
        Ok(_) | Err(_) => return Ok(file),
    }
    while let Some(record) = next_record(&mut reader) {
        file.txns.push(decode(&record).map_err(UnknownTxn)?);
        file.valid_len = reader.position() as u64;
        file.ends.push(file.valid_len);
    }
    Ok(file)
}

fn next_record(reader: &mut Reader) -> Option<Bytes> {
    let checksum: i64 = get(reader).ok()?;
    let record: Bytes = get(reader).ok()?;
    let end = reader.take(1).ok()?;
    let is_whole = end == [END_OF_RECORD] && !record.is_empty() && checksum == adler32(&record);
    is_whole.then_some(record)
}

/// Where transactions are appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TxnLog {
    directory: String,
    current: Option<String>,
    /// Files that something was appended to since their last sync; one, unless the log was rolled.
    unsynced: SortedSet<String>,
}

impl TxnLog {
    /// A log in `directory` (`version-2/`). The first append of a life begins a new file.
    pub(super) fn new(directory: &str) -> Self {
        Self { directory: directory.to_owned(), current: None, unsynced: SortedSet::new() }
    }

    /// The log files of `volume`, oldest first.
    pub(super) fn files(&self, volume: &Volume) -> Vec<String> {
        let prefix = format!("{}log.", self.directory);
        let mut files: Vec<String> = volume.list(&prefix).map(str::to_owned).collect();
        files.retain(|name| zxid_of_name(name).is_some());
        files.sort_by_key(|name| zxid_of_name(name));
        files
    }

    /// Appends a transaction; returns the name of the file when this began a new one.
    pub(super) fn append(
        &mut self,
        header: &TxnHeader,
        txn: &Txn,
        volume: &mut Volume,
    ) -> Result<Option<String>, DiskError> {
        let record = encode(header, txn);
        let mut writer = Writer::new();
        let (name, begun) = if let Some(current) = &self.current {
            (current.clone(), None)
        } else {
            writer.put(MAGIC);
            put(&mut writer, &VERSION);
            put(&mut writer, &DATABASE_ID);
            let file = format!("log.{:x}", header.zxid);
            (format!("{}{file}", self.directory), Some(file))
        };
        put(&mut writer, &adler32(&record));
        put(&mut writer, &record);
        writer.put(&[END_OF_RECORD]);
        volume.append(&name, &writer.finish())?;
        self.unsynced.insert(name.clone());
        self.current = Some(name);
        Ok(begun)
    }

    /// The files that must be synced before anything appended so far may be answered.
    pub(super) fn take_unsynced(&mut self) -> SortedSet<String> {
        std::mem::take(&mut self.unsynced)
    }

    /// The next append begins a new file.
    pub(super) fn roll(&mut self) {
        self.current = None;
    }
}

#[cfg(test)]
mod tests;
