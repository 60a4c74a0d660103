//! What lies in fields that are bytes to the protocol and a format of their own to those who use
//! them: opened for the inspector only.

use super::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use crate::wire::batch::describe_batches;
use crate::wire::schema::{Field, Form, read_field};
use crate::wire::{DecodeError, Reader};

/// Record batches.
pub(super) fn record_batches(reader: &mut Reader) -> Result<(), DecodeError> {
    describe_batches(reader)
}

/// A consumer's subscription.
pub(super) fn subscription(reader: &mut Reader) -> Result<(), DecodeError> {
    versioned::<ConsumerProtocolSubscription>(reader)
}

/// A consumer's assignment.
pub(super) fn assignment(reader: &mut Reader) -> Result<(), DecodeError> {
    versioned::<ConsumerProtocolAssignment>(reader)
}

/// The consumer protocol puts its version in front, and reads a newer one as the newest it knows.
fn versioned<T: Field>(reader: &mut Reader) -> Result<(), DecodeError> {
    if reader.remaining() == 0 {
        return Ok(());
    }
    let version: i16 = read_field(reader, "version", Form::plain(0), None)?;
    T::read(reader, Form::plain(version.min(1))).map(drop)
}
