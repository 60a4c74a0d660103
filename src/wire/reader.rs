//! A bounded reader over the bytes of one frame.
//!
//! Every length and count is checked against the bytes that are left before anything is allocated,
//! so a frame never makes us take more than a small multiple of its own size. While it reads it can
//! record a [`FieldNode`] tree, so that what the inspector shows is what the codec really read.
//!
//! In Kafka: `org.apache.kafka.common.protocol.ByteBufferAccessor`, KIP-482 (compact types).

use std::fmt;

use bytes::Bytes;

use super::field_tree::{FieldNode, FieldTree};
use super::schema::{Describe, Lengths};

/// Why bytes could not be read. `at` is the offset of the offending byte in the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// Fewer bytes are left than the next value needs.
    UnexpectedEnd {
        /// Where the value starts.
        at: usize,
        /// How many bytes it needs.
        needed: usize,
        /// How many are left.
        left: usize,
    },
    /// A length or a count is negative or larger than what is left could hold.
    InvalidLength {
        /// Where the length stands.
        at: usize,
        /// The length as written.
        length: i64,
    },
    /// A variable-length integer runs on beyond its widest form.
    InvalidVarint {
        /// Where the integer starts.
        at: usize,
    },
    /// A string is not UTF-8.
    InvalidUtf8 {
        /// Where the string's bytes start.
        at: usize,
    },
    /// A value is null where this version does not allow it.
    UnexpectedNull {
        /// Where the value ends.
        at: usize,
    },
    /// A field holds a value that has no meaning there.
    InvalidValue {
        /// Where the value stands.
        at: usize,
        /// What was expected.
        expected: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd { at, needed, left } => {
                write!(f, "{needed} bytes needed at offset {at}, {left} left")
            }
            Self::InvalidLength { at, length } => write!(f, "invalid length {length} at {at}"),
            Self::InvalidVarint { at } => write!(f, "variable-length integer too long at {at}"),
            Self::InvalidUtf8 { at } => write!(f, "string at {at} is not UTF-8"),
            Self::UnexpectedNull { at } => write!(f, "null before {at} is not allowed here"),
            Self::InvalidValue { at, expected } => write!(f, "{expected} expected at {at}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads values one after the other; big endian as all of Kafka and ZooKeeper.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    shared: Option<&'a Bytes>,
    position: usize,
    end: usize,
    tree: Option<Box<FieldTree>>,
}

macro_rules! read_number {
    ($(#[$doc:meta] $name:ident: $ty:ty;)*) => { $(
        #[$doc]
        pub fn $name(&mut self) -> Result<$ty, DecodeError> {
            let mut value = [0; size_of::<$ty>()];
            value.copy_from_slice(self.take(size_of::<$ty>())?);
            Ok(<$ty>::from_be_bytes(value))
        }
    )* };
}

impl<'a> Reader<'a> {
    /// Reads `frame` from its start; the byte fields of what is read share its memory.
    pub fn new(frame: &'a Bytes) -> Self {
        Self { shared: Some(frame), ..Self::over(frame) }
    }

    /// Reads `bytes` from their start; byte fields are copied out of them.
    pub fn over(bytes: &'a [u8]) -> Self {
        Self { bytes, shared: None, position: 0, end: bytes.len(), tree: None }
    }

    /// Reads `frame` and records every field on the way; [`Reader::into_tree`] gives the result.
    pub fn recording(frame: &'a Bytes) -> Self {
        Self { tree: Some(Box::default()), ..Self::new(frame) }
    }

    /// The offset of the next byte.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// Goes back to `position`, from outside all fields, and forgets what was recorded since.
    pub fn rewind(&mut self, position: usize) {
        self.position = position;
        if let Some(tree) = &mut self.tree {
            tree.rewind(position);
        }
    }

    /// Whether fields are recorded.
    pub fn is_recording(&self) -> bool {
        self.tree.is_some()
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        if length > self.remaining() {
            return Err(DecodeError::UnexpectedEnd {
                at: self.position,
                needed: length,
                left: self.remaining(),
            });
        }
        let start = self.position;
        self.position += length;
        Ok(&self.bytes[start..self.position])
    }

    /// The next `length` bytes, shared with the frame instead of copied.
    pub fn take_shared(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let start = self.position;
        let taken = self.take(length)?;
        Ok(match self.shared {
            Some(frame) => frame.slice(start..self.position),
            None => Bytes::copy_from_slice(taken),
        })
    }

    read_number! {
        /// An int8.
        i8: i8;
        /// An int16.
        i16: i16;
        /// A uint16.
        u16: u16;
        /// An int32.
        i32: i32;
        /// A uint32.
        u32: u32;
        /// An int64.
        i64: i64;
        /// A float64.
        f64: f64;
    }

    /// A boolean: one byte, anything but zero is true, as Kafka reads it.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? != 0)
    }

    /// An unsigned integer in groups of seven bits, low group first, at most five bytes.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let at = self.position;
        let value = self.varint_bits(5)?;
        u32::try_from(value).map_err(|_| DecodeError::InvalidVarint { at })
    }

    /// A zigzag integer of 32 bits.
    pub fn varint(&mut self) -> Result<i32, DecodeError> {
        let raw = self.unsigned_varint()?;
        Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// A zigzag integer of 64 bits, at most ten bytes.
    pub fn varlong(&mut self) -> Result<i64, DecodeError> {
        let raw = self.varint_bits(10)?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn varint_bits(&mut self, max_bytes: u32) -> Result<u64, DecodeError> {
        let at = self.position;
        let mut value = 0u64;
        for group in 0..max_bytes {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            let shifted = bits.checked_shl(group * 7).unwrap_or(0);
            if shifted >> (group * 7) != bits {
                return Err(DecodeError::InvalidVarint { at });
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::InvalidVarint { at })
    }

    /// A length of -1 (null) or more.
    fn length(&mut self, lengths: Lengths, is_string: bool) -> Result<Option<usize>, DecodeError> {
        let at = self.position;
        let length = match lengths {
            Lengths::Compact => {
                return Ok(self.unsigned_varint()?.checked_sub(1).map(|length| length as usize));
            }
            Lengths::Plain if is_string => i64::from(self.i16()?),
            Lengths::Plain | Lengths::Jute => i64::from(self.i32()?),
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(DecodeError::InvalidLength { at, length }),
        }
    }

    /// A string or null.
    pub fn string(&mut self, lengths: Lengths) -> Result<Option<String>, DecodeError> {
        let Some(length) = self.length(lengths, true)? else {
            return Ok(None);
        };
        self.utf8(length).map(Some)
    }

    /// The next `length` bytes as text.
    pub fn utf8(&mut self, length: usize) -> Result<String, DecodeError> {
        let at = self.position;
        let text = str::from_utf8(self.take(length)?);
        text.map(str::to_owned).map_err(|_| DecodeError::InvalidUtf8 { at })
    }

    /// Bytes or null, shared with the frame.
    pub fn bytes(&mut self, lengths: Lengths) -> Result<Option<Bytes>, DecodeError> {
        let Some(length) = self.length(lengths, false)? else {
            return Ok(None);
        };
        self.take_shared(length).map(Some)
    }

    /// The number of elements of an array, or null; refused when that many elements of at least
    /// `min_size` bytes cannot follow.
    pub fn count(
        &mut self,
        lengths: Lengths,
        min_size: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let at = self.position;
        let Some(count) = self.length(lengths, false)? else {
            return Ok(None);
        };
        if count > self.remaining() / min_size.max(1) {
            return Err(DecodeError::InvalidLength { at, length: count as i64 });
        }
        Ok(Some(count))
    }

    /// Tagged fields (KIP-482): `known` reads the value of a tag it knows and says so; others are
    /// skipped.
    pub fn tagged_fields(
        &mut self,
        known: &mut dyn FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        self.open("tagged_fields", "tagged_fields");
        let count = self.unsigned_varint()?;
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()? as usize;
            if size > self.remaining() {
                let left = self.remaining();
                return Err(DecodeError::UnexpectedEnd { at: self.position, needed: size, left });
            }
            let after = self.position + size;
            let outer = std::mem::replace(&mut self.end, after);
            let read = known(self, tag);
            self.end = outer;
            if !read? {
                self.open("unknown", "bytes");
                self.position = after;
                self.close(|| format!("tag {tag}, {size} bytes"));
            }
            self.position = after;
        }
        self.close(|| count.to_string());
        Ok(())
    }

    /// Reads what lies in the last `length` bytes with `read`, for the tree only: nothing that goes
    /// wrong there is an error of the frame that carries them.
    pub fn describe_last(&mut self, length: usize, read: Describe) {
        if !self.is_recording() || length > self.position {
            return;
        }
        let (position, end) = (self.position, self.end);
        (self.position, self.end) = (position - length, position);
        let depth = self.tree.as_ref().map_or(0, |tree| tree.depth());
        let outcome = read(self);
        if let Some(tree) = &mut self.tree {
            tree.close_to(depth, self.position);
            if let Err(error) = outcome {
                tree.note(self.position, position, &error);
            } else if self.position < position {
                tree.rest(self.position, position);
            }
        }
        (self.position, self.end) = (position, end);
    }

    /// The bytes that are left, without reading them.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..self.end]
    }

    /// Reads with `read` no further than the next `length` bytes, and goes on behind them.
    pub fn within(&mut self, length: usize, read: Describe) -> Result<(), DecodeError> {
        let left = self.remaining();
        if length > left {
            return Err(DecodeError::UnexpectedEnd { at: self.position, needed: length, left });
        }
        let outer = std::mem::replace(&mut self.end, self.position + length);
        read(self)?;
        self.position = self.end;
        self.end = outer;
        Ok(())
    }

    /// Starts a node of the tree; a no-op unless recording.
    pub fn open(&mut self, name: &'static str, type_name: &'static str) {
        if let Some(tree) = &mut self.tree {
            tree.open(name.into(), type_name, self.position);
        }
    }

    /// Starts the node of an array's element.
    pub fn open_element(&mut self, index: usize, type_name: &'static str) {
        if let Some(tree) = &mut self.tree {
            tree.open(format!("[{index}]").into(), type_name, self.position);
        }
    }

    /// Puts the children of `tree`, which were read from what the last `length` bytes hold, into the
    /// innermost open node, as if each of them were all of these bytes.
    pub fn graft(&mut self, tree: FieldNode, length: usize) {
        if let Some(own) = &mut self.tree {
            own.graft(tree.children, self.position - length, self.position);
        }
    }

    /// Ends the innermost open node with its value as text.
    pub fn close(&mut self, value: impl FnOnce() -> String) {
        if let Some(tree) = &mut self.tree {
            tree.close(value(), self.position);
        }
    }

    /// What was recorded, as the children of a node named `name`: complete, or up to the error that
    /// stopped the reading, which then stands at the end beside the bytes it left.
    pub fn into_tree(self, name: String, outcome: Result<(), &DecodeError>) -> FieldNode {
        let mut tree = self.tree.unwrap_or_default();
        tree.close_to(0, self.position);
        match outcome {
            Err(error) => tree.note(self.position, self.end, error),
            Ok(()) if self.position < self.end => tree.rest(self.position, self.end),
            Ok(()) => {}
        }
        tree.finish(name, self.end)
    }
}
