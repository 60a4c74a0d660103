//! How the records of a batch are compressed: gzip, Snappy in the frames of xerial's library, LZ4
//! frames, Zstandard frames. What comes out of untrusted bytes is bounded.
//!
//! In Kafka: `org.apache.kafka.common.record.CompressionType`, `KafkaLZ4BlockOutputStream`,
//! `org.xerial.snappy.SnappyOutputStream`. Left out: writing Zstandard frames, which are only read.

use std::borrow::Cow;
use std::fmt;
use std::io::{Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use ruzstd::decoding::StreamingDecoder;

/// What xerial's frames begin with.
const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// The magic, and the versions that write and can read the frames.
const XERIAL_HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// The most that a Zstandard frame may have its reader remember: what every reader should be able to
/// (RFC 8878, 3.1.1.1.2).
const ZSTD_WINDOW_MAX: u64 = 8 << 20;
/// How much goes into one block of xerial's frames.
const XERIAL_BLOCK_SIZE: usize = 32 * 1024;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard, which is read but not written.
    Zstd,
    /// A number that 2.8 does not know.
    Unknown(i16),
}

/// Why compressed records cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompressionError {
    /// It is a codec that we do not have.
    Unsupported(Compression),
    /// The bytes are not what the codec writes.
    Corrupt(Compression),
    /// More would come out than is allowed.
    TooLarge {
        /// How much is allowed, in bytes.
        limit: usize,
    },
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Gzip => f.write_str("gzip"),
            Self::Snappy => f.write_str("snappy"),
            Self::Lz4 => f.write_str("lz4"),
            Self::Zstd => f.write_str("zstd"),
            Self::Unknown(number) => write!(f, "unknown codec {number}"),
        }
    }
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(codec) => write!(f, "records compressed with {codec}"),
            Self::Corrupt(codec) => write!(f, "not what {codec} writes"),
            Self::TooLarge { limit } => write!(f, "more than {limit} bytes when decompressed"),
        }
    }
}

impl std::error::Error for CompressionError {}

impl Compression {
    /// The codec with that number in the attributes of a batch.
    pub fn from_id(id: i16) -> Self {
        match id {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            number => Self::Unknown(number),
        }
    }

    /// Its number in the attributes of a batch.
    pub fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
            Self::Unknown(number) => number,
        }
    }

    /// The codec that `compression.type` names, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];
        all.into_iter().find(|codec| codec.to_string().eq_ignore_ascii_case(name))
    }

    /// Whether [`Compression::compress`] knows it.
    pub fn can_compress(self) -> bool {
        matches!(self, Self::None | Self::Gzip | Self::Snappy | Self::Lz4)
    }

    /// Whether [`Compression::decompress`] knows it.
    pub fn can_decompress(self) -> bool {
        !matches!(self, Self::Unknown(_))
    }

    /// The records compressed.
    pub fn compress(self, records: &[u8]) -> Result<Cow<'_, [u8]>, CompressionError> {
        let unsupported = Err(CompressionError::Unsupported(self));
        let compressed = match self {
            Self::None => return Ok(Cow::Borrowed(records)),
            Self::Gzip => gzip(records).ok(),
            Self::Snappy => xerial(records),
            Self::Lz4 => lz4(records),
            Self::Zstd | Self::Unknown(_) => return unsupported,
        };
        compressed.map_or(unsupported, |compressed| Ok(Cow::Owned(compressed)))
    }

    /// The records behind `bytes`, at most `limit` bytes of them.
    pub fn decompress(self, bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, CompressionError> {
        let records = match self {
            Self::None => return Ok(Cow::Borrowed(bytes)),
            Self::Gzip => self.read_all(MultiGzDecoder::new(bytes), limit),
            Self::Snappy => self.open_snappy(bytes, limit),
            Self::Lz4 => self.read_all(FrameDecoder::new(bytes), limit),
            Self::Zstd => self.open_zstd(bytes, limit),
            Self::Unknown(_) => Err(CompressionError::Unsupported(self)),
        };
        records.map(Cow::Owned)
    }

    fn read_all(self, reader: impl Read, limit: usize) -> Result<Vec<u8>, CompressionError> {
        let mut records = Vec::new();
        let read = reader.take(limit as u64 + 1).read_to_end(&mut records);
        read.map_err(|_| CompressionError::Corrupt(self))?;
        if records.len() > limit { Err(CompressionError::TooLarge { limit }) } else { Ok(records) }
    }

    /// One Zstandard frame after the other.
    fn open_zstd(self, mut bytes: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let frame = StreamingDecoder::new_with_max_window_size(&mut bytes, ZSTD_WINDOW_MAX);
            let frame = frame.map_err(|_| CompressionError::Corrupt(self))?;
            let left = limit - records.len();
            let more = self.read_all(frame, left);
            records.append(&mut more.map_err(|error| match error {
                CompressionError::TooLarge { .. } => CompressionError::TooLarge { limit },
                other => other,
            })?);
        }
        Ok(records)
    }

    /// Snappy in xerial's frames, or bare as other clients send it.
    fn open_snappy(self, bytes: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        let mut records = Vec::new();
        let mut rest = match bytes.strip_prefix(XERIAL_MAGIC) {
            Some(framed) => framed.get(XERIAL_HEADER.len() - XERIAL_MAGIC.len()..),
            None => return self.open_block(bytes, limit, records),
        }
        .ok_or(CompressionError::Corrupt(self))?;
        while let Some((length, blocks)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let (block, after) =
                blocks.split_at_checked(length).ok_or(CompressionError::Corrupt(self))?;
            records = self.open_block(block, limit, records)?;
            rest = after;
        }
        if rest.is_empty() { Ok(records) } else { Err(CompressionError::Corrupt(self)) }
    }

    /// Adds what one block of Snappy holds to `records`.
    fn open_block(
        self,
        block: &[u8],
        limit: usize,
        mut records: Vec<u8>,
    ) -> Result<Vec<u8>, CompressionError> {
        let corrupt = |_| CompressionError::Corrupt(self);
        let length = snap::raw::decompress_len(block).map_err(corrupt)?;
        let start = records.len();
        if length > limit - start {
            return Err(CompressionError::TooLarge { limit });
        }
        records.resize(start + length, 0);
        let mut decoder = snap::raw::Decoder::new();
        let read = decoder.decompress(block, &mut records[start..]).map_err(corrupt)?;
        records.truncate(start + read);
        Ok(records)
    }
}

fn gzip(records: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(records)?;
    encoder.finish()
}

fn xerial(records: &[u8]) -> Option<Vec<u8>> {
    let mut framed = XERIAL_HEADER.to_vec();
    let mut encoder = snap::raw::Encoder::new();
    for chunk in records.chunks(XERIAL_BLOCK_SIZE) {
        let block = encoder.compress_vec(chunk).ok()?;
        framed.extend_from_slice(&(block.len() as u32).to_be_bytes());
        framed.extend_from_slice(&block);
    }
    Some(framed)
}

fn lz4(records: &[u8]) -> Option<Vec<u8>> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(records).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Compression; 4] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4];

    fn sample(size: usize) -> Vec<u8> {
        (0..size).map(|at| if at % 7 < 4 { b'k' } else { (at * at / 13) as u8 }).collect()
    }

    #[test]
    fn what_is_compressed_comes_out_again() {
        for codec in CODECS {
            for size in [0, 1, 100, 32_768, 32_769, 200_000] {
                let records = sample(size);
                let compressed = codec.compress(&records).expect("supported");
                let opened = codec.decompress(&compressed, size).expect("sound");
                assert!(*opened == records, "{codec} of {size} bytes");
                if codec != Compression::None && size > 1_000 {
                    assert!(compressed.len() < size, "{codec}");
                }
            }
        }
    }

    #[test]
    fn the_frames_are_those_that_kafka_writes() {
        let records = sample(100);
        let snappy = Compression::Snappy.compress(&records).expect("snappy");
        assert_eq!(snappy[..16], XERIAL_HEADER);
        assert_eq!(u32::from_be_bytes([0, 0, snappy[18], snappy[19]]) as usize, snappy.len() - 20);
        // Magic, version 1 with independent blocks, 64 KiB, and the header's checksum.
        let lz4 = Compression::Lz4.compress(&records).expect("lz4");
        assert_eq!(lz4[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
        let gzip = Compression::Gzip.compress(&records).expect("gzip");
        assert_eq!(gzip[..3], [0x1f, 0x8b, 8]);
    }

    #[test]
    fn bare_snappy_and_several_gzip_members_are_read() {
        let records = sample(5_000);
        let bare = snap::raw::Encoder::new().compress_vec(&records).expect("compresses");
        assert!(*Compression::Snappy.decompress(&bare, 5_000).expect("bare") == records);
        let mut two = gzip(&records[..2_000]).expect("gzip");
        two.extend(gzip(&records[2_000..]).expect("gzip"));
        assert!(*Compression::Gzip.decompress(&two, 5_000).expect("members") == records);
    }

    #[test]
    fn no_more_comes_out_than_allowed() {
        let bomb = vec![0; 1_000_000];
        for codec in &CODECS[1..] {
            let compressed = codec.compress(&bomb).expect("supported");
            let opened = codec.decompress(&compressed, 999_999);
            assert_eq!(opened, Err(CompressionError::TooLarge { limit: 999_999 }), "{codec}");
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let records = sample(300);
        for codec in &CODECS[1..] {
            let compressed = codec.compress(&records).expect("supported").into_owned();
            // LZ4's end mark, the last four bytes, may be missing.
            for cut in 1..compressed.len() - 4 {
                let opened = codec.decompress(&compressed[..cut], 1_000);
                assert!(opened.is_err() || opened.is_ok_and(|opened| *opened != records));
            }
            for at in 0..compressed.len() {
                let mut damaged = compressed.clone();
                damaged[at] ^= 0xff;
                // Not every codec has a checksum; it must end, within the limit.
                if let Ok(opened) = codec.decompress(&damaged, 1_000) {
                    assert!(opened.len() <= 1_000);
                }
            }
        }
    }

    /// A frame with one block of 1,000 times the same byte.
    const ZSTD: [u8; 10] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x43, 0x1f, 0x00, b'x'];

    #[test]
    fn zstandard_frames_are_read_one_after_the_other() {
        let zstd = Compression::Zstd;
        let frame = &ZSTD[..];
        assert!(*zstd.decompress(frame, 1_000).expect("a frame") == [b'x'; 1_000]);
        let two = frame.repeat(2);
        assert!(*zstd.decompress(&two, 2_000).expect("two frames") == [b'x'; 2_000]);
        let too_large = Err(CompressionError::TooLarge { limit: 1_999 });
        assert_eq!(zstd.decompress(&two, 1_999), too_large);
        for cut in 1..frame.len() {
            assert_eq!(zstd.decompress(&frame[..cut], 9_999), Err(CompressionError::Corrupt(zstd)));
        }
        // A window of 16 MiB.
        let mut greedy = frame.to_vec();
        greedy[5] = 0x70;
        assert_eq!(zstd.decompress(&greedy, 9_999), Err(CompressionError::Corrupt(zstd)));
        assert_eq!(zstd.compress(b"x"), Err(CompressionError::Unsupported(zstd)));
        assert!(zstd.can_decompress() && !zstd.can_compress());
    }

    #[test]
    fn codecs_have_kafkas_numbers_and_names() {
        for (id, name) in [(0, "none"), (1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd")] {
            let codec = Compression::from_id(id);
            assert_eq!((codec.id(), codec.to_string().as_str()), (id, name));
            assert_eq!(Compression::from_name(name), Some(codec));
        }
        assert_eq!(Compression::from_name("brotli"), None);
        assert_eq!(Compression::from_id(6), Compression::Unknown(6));
    }
}
