//! Every named maximum of the engine and its hosts, in one place.

/// Largest frame that any process accepts: Kafka's `socket.request.max.bytes` cut down to what a
/// browser tab can hold (bytes).
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most bytes that the compressed records of one batch may become.
pub const RECORDS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Largest ZooKeeper request: `jute.maxbuffer` (bytes).
pub const JUTE_BYTES_MAX: usize = 0xf_ffff;
/// Bytes of all files of one volume unless the world says otherwise.
pub const VOLUME_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Partitions that one request may create, as Kafka's later controllers have it.
pub const PARTITIONS_PER_REQUEST_MAX: u64 = 10_000;
/// Bytes that may wait on one connection before it is reset, as a full send buffer would be.
pub const LINK_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Trace events held in memory; the hash runs on.
pub const TRACE_EVENTS_MAX: usize = 50_000;
/// Largest pasted text or file in the produce form (bytes).
pub const PASTE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest text of a world: a file, or what a share link unfolds to (bytes).
pub const WORLD_TEXT_MAX: usize = 1024 * 1024;
/// Longest share link's `world` (bytes of URL).
pub const WORLD_LINK_MAX: usize = 8 * 1024;
/// Processes that a world from a file or link begins with.
pub const WORLD_PROCESSES_MAX: usize = 64;
