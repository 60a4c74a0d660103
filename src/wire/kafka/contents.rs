//! What lies in fields that are bytes to the protocol and a format of their own to those who use
//! them: opened for the inspector only.

use super::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, Versioned};
use crate::wire::batch::describe_batches;
use crate::wire::{DecodeError, Reader};

/// Record batches.
pub(super) fn record_batches(reader: &mut Reader) -> Result<(), DecodeError> {
    describe_batches(reader)
}

/// A consumer's subscription.
pub(super) fn subscription(reader: &mut Reader) -> Result<(), DecodeError> {
    if reader.remaining() == 0 {
        return Ok(());
    }
    ConsumerProtocolSubscription::read_versioned(reader).map(drop)
}

/// A consumer's assignment; a member without one gets no bytes at all.
pub(super) fn assignment(reader: &mut Reader) -> Result<(), DecodeError> {
    if reader.remaining() == 0 {
        return Ok(());
    }
    ConsumerProtocolAssignment::read_versioned(reader).map(drop)
}
