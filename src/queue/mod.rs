//! Layer 5: a classic point-to-point queue, to compare Kafka with. A message lies in the queue until
//! one receiver has acknowledged it; then it is gone. A receiver that dies before has taken nothing:
//! its messages go back.
//!
//! Server, sender and receiver are processes like all others, with a small protocol of their own
//! ([`crate::wire::queue`]). As with JMS or AMQP 0-9-1 and persistent messages: at least once, in
//! order unless something goes back, nothing to read a second time.

mod link;
mod receiver;
mod sender;
mod server;
mod store;

pub use receiver::QueueReceiver;
pub use sender::QueueSender;
pub use server::QueueServer;

/// The port of a queue server that says nothing else.
pub const QUEUE_PORT: u16 = 5800;
