//! Records from typed or pasted text: one a line, with or without `key:value`.

use crate::base::limits::PASTE_BYTES_MAX;
use crate::node::OutgoingRecord;
use bytes::Bytes;

/// One record. An empty key field means a record without a key.
pub fn single(key: &str, value: &str) -> OutgoingRecord {
    let key = (!key.is_empty()).then_some(key.as_bytes());
    record(key, value.as_bytes())
}

/// A record a line; empty lines are left out. With `keyed`, what stands before the first colon is
/// the key, as with `parse.key=true` and `key.separator=:`. An error is a sentence.
pub fn lines(text: &[u8], keyed: bool) -> Result<Vec<OutgoingRecord>, String> {
    if text.len() > PASTE_BYTES_MAX {
        let limit = PASTE_BYTES_MAX / (1024 * 1024);
        return Err(format!(
            "This text is larger than {limit} MB, the most that can be sent at once."
        ));
    }
    let mut records = Vec::new();
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        records.push(match (keyed, line.iter().position(|byte| *byte == b':')) {
            (false, _) => record(None, line),
            (true, Some(colon)) => record(Some(&line[..colon]), &line[colon + 1..]),
            (true, None) => {
                return Err(format!(
                    "No key separator found on line number {}: it should be key:value.",
                    at + 1
                ));
            }
        });
    }
    if records.is_empty() {
        Err("There is no record in this text.".to_owned())
    } else {
        Ok(records)
    }
}

fn record(key: Option<&[u8]>, value: &[u8]) -> OutgoingRecord {
    OutgoingRecord {
        key: key.map(Bytes::copy_from_slice),
        value: Some(Bytes::copy_from_slice(value)),
        ..OutgoingRecord::default()
    }
}
