//! Writes what [`Reader`](super::Reader) reads.
//!
//! Writing cannot fail: a string longer than its length field can say is cut at that length, as
//! nothing that is accepted anywhere comes near it.
//!
//! In Kafka: `org.apache.kafka.common.protocol.ByteBufferAccessor`.

use bytes::{BufMut, Bytes, BytesMut};

use super::schema::Lengths;

/// A growing frame; big endian as all of Kafka and ZooKeeper.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: BytesMut,
}

macro_rules! write_number {
    ($(#[$doc:meta] $name:ident: $ty:ty;)*) => { $(
        #[$doc]
        pub fn $name(&mut self, value: $ty) {
            self.bytes.put_slice(&value.to_be_bytes());
        }
    )* };
}

impl Writer {
    /// An empty frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The frame.
    pub fn finish(self) -> Bytes {
        self.bytes.freeze()
    }

    /// Bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.put_slice(bytes);
    }

    write_number! {
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

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        self.i8(i8::from(value));
    }

    /// An unsigned integer in groups of seven bits, low group first.
    pub fn unsigned_varint(&mut self, value: u32) {
        self.varint_bits(u64::from(value));
    }

    /// A zigzag integer of 32 bits.
    pub fn varint(&mut self, value: i32) {
        self.varint_bits(u64::from(((value << 1) ^ (value >> 31)) as u32));
    }

    /// A zigzag integer of 64 bits.
    pub fn varlong(&mut self, value: i64) {
        self.varint_bits(((value << 1) ^ (value >> 63)) as u64);
    }

    fn varint_bits(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    /// A string or null.
    pub fn string(&mut self, value: Option<&str>, lengths: Lengths) {
        let longest = match lengths {
            Lengths::Jute => i32::MAX as usize,
            Lengths::Plain | Lengths::Compact => i16::MAX as usize,
        };
        let value = value.map(|value| &value[..value.floor_char_boundary(longest)]);
        let length = value.map(str::len);
        if lengths == Lengths::Plain {
            self.i16(length.map_or(-1, |length| length as i16));
        } else {
            self.count(length, lengths);
        }
        self.put(value.unwrap_or_default().as_bytes());
    }

    /// Bytes or null.
    pub fn bytes(&mut self, value: Option<&[u8]>, lengths: Lengths) {
        self.count(value.map(<[u8]>::len), lengths);
        self.put(value.unwrap_or_default());
    }

    /// The number of elements of an array, or null.
    pub fn count(&mut self, count: Option<usize>, lengths: Lengths) {
        match lengths {
            Lengths::Compact => self.unsigned_varint(count.map_or(0, |count| count as u32 + 1)),
            Lengths::Plain | Lengths::Jute => {
                self.i32(count.map_or(-1, |count| count as i32));
            }
        }
    }
}
