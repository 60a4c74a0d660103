//! The field tree of record batches: the header field by field, the records down to their keys
//! and values. Compressed records are opened; each then stands for all bytes of the compressed ones.

use super::record::read_record;
use super::{HEADER_SIZE, MAGIC, RecordBatchView, TimestampType};
use crate::wire::compression::Compression;
use crate::wire::schema::{Form, read_field};
use crate::wire::{DecodeError, Reader};
use bytes::Bytes;

/// Compressed records that would be larger are not opened.
const OPENED_MAX: usize = 1 << 20;

/// Reads batches up to the end, for the tree alone. A batch that is cut off, as the last of a
/// fetched slice may be, is left to the tree's own "rest".
pub fn describe_batches(reader: &mut Reader) -> Result<(), DecodeError> {
    let mut index = 0;
    while let Some(size) = whole_batch(reader) {
        reader.open_element(index, "record_batch");
        reader.within(size, describe_batch)?;
        reader.close(String::new);
        index += 1;
    }
    Ok(())
}

fn whole_batch(reader: &Reader) -> Option<usize> {
    RecordBatchView::first(reader.rest()).ok().map(|batch| batch.size())
}

fn describe_batch(reader: &mut Reader) -> Result<(), DecodeError> {
    let plain = Form::plain(i16::from(MAGIC));
    let batch = RecordBatchView { bytes: reader.rest() };
    read_field::<i64>(reader, "base_offset", plain)?;
    read_field::<i32>(reader, "batch_length", plain)?;
    read_field::<i32>(reader, "partition_leader_epoch", plain)?;
    read_field::<i8>(reader, "magic", plain)?;
    reader.open("crc", "uint32");
    let crc = reader.u32()?;
    reader.close(|| match batch.verify() {
        Ok(()) => format!("{crc} valid"),
        Err(_) => format!("{crc} INVALID"),
    });
    reader.open("attributes", "int16");
    reader.i16()?;
    reader.close(|| attributes_text(&batch));
    read_field::<i32>(reader, "last_offset_delta", plain)?;
    read_field::<i64>(reader, "base_timestamp", plain)?;
    read_field::<i64>(reader, "max_timestamp", plain)?;
    read_field::<i64>(reader, "producer_id", plain)?;
    read_field::<i16>(reader, "producer_epoch", plain)?;
    read_field::<i32>(reader, "base_sequence", plain)?;
    let count = read_field::<i32>(reader, "record_count", plain)?;
    if batch.compression() != Compression::None {
        reader.open("records", "compressed_records");
        let (stored, codec) = (batch.size() - HEADER_SIZE, batch.compression());
        reader.take(stored)?;
        let contents = codec.decompress(&batch.bytes[HEADER_SIZE..batch.size()], OPENED_MAX);
        let text = match &contents {
            Ok(contents) => format!("{stored} bytes of {codec}, opened {} bytes", contents.len()),
            Err(error) => format!("{stored} bytes of {codec}: {error}"),
        };
        if reader.is_recording()
            && let Ok(contents) = contents
        {
            let contents = Bytes::from(contents.into_owned());
            let mut inside = Reader::recording(&contents);
            let outcome = describe_records(&mut inside, count);
            let tree = inside.into_tree(String::new(), outcome.as_ref().copied());
            reader.graft(tree, stored);
        }
        reader.close(|| text);
        return Ok(());
    }
    describe_records(reader, count)
}

fn describe_records(reader: &mut Reader, count: i32) -> Result<(), DecodeError> {
    for index in 0..count.max(0) {
        reader.open_element(index as usize, "record");
        read_record(reader)?;
        reader.close(String::new);
    }
    Ok(())
}

fn attributes_text(batch: &RecordBatchView) -> String {
    let timestamps = match batch.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    let mut text = format!("{}: {}, {timestamps}", batch.attributes(), batch.compression());
    if batch.is_transactional() {
        text += ", transactional";
    }
    if batch.is_control() {
        text += ", control";
    }
    text
}
