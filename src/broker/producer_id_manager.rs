//! Gives every producer that asks an id of its own. Brokers draw blocks of a thousand ids from a
//! znode, by writes that fail when another broker was faster; a block that is not used up when its
//! broker ends is lost.
//!
//! In Kafka: `kafka.coordinator.transaction.ProducerIdManager`, KIP-98.

use super::action::{Action, RequestToken};
use super::kafka_zk::{Answer, Op, Write};
use crate::base::BrokerId;
use crate::base::trace::LogLevel;
use crate::cluster::znode_data::ProducerIdBlock;
use crate::cluster::znode_path::LATEST_PRODUCER_ID_BLOCK;
use crate::wire::ErrorCode;
use crate::wire::kafka::InitProducerIdResponse;
use crate::wire::zookeeper::KeeperCode;
use bytes::Bytes;

/// How many ids a broker takes at a time.
const BLOCK_SIZE: i64 = 1_000;
const LOGGER: &str = "kafka.coordinator.transaction.ProducerIdManager";

/// Names a request of the producer id manager to ZooKeeper.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProducerIdTag {
    /// Read the latest block.
    Read,
    /// Write the next one.
    Write(ProducerIdBlock),
    /// Read whether it was written before the connection ended.
    Check(ProducerIdBlock),
}

/// What the producer id manager wants done.
pub type ProducerIdAction = Action<ProducerIdTag>;

/// The ids of one broker.
#[derive(Debug)]
pub struct ProducerIdManager {
    broker: BrokerId,
    block: Option<ProducerIdBlock>,
    next: i64,
    is_acquiring: bool,
    /// What is to be asked again once the connection stands.
    lost: Option<ProducerIdTag>,
    /// Who waits for an id, first come first served.
    waiting: Vec<RequestToken>,
    actions: Vec<ProducerIdAction>,
}

impl ProducerIdManager {
    /// A manager without ids.
    pub fn new(broker: BrokerId) -> Self {
        Self {
            broker,
            block: None,
            next: 0,
            is_acquiring: false,
            lost: None,
            waiting: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Draws the first block.
    #[must_use]
    pub fn start(&mut self) -> Vec<ProducerIdAction> {
        self.acquire();
        std::mem::take(&mut self.actions)
    }

    /// A producer wants an id; the answer comes when there is one.
    #[must_use]
    pub fn generate(&mut self, token: RequestToken) -> Vec<ProducerIdAction> {
        self.waiting.push(token);
        self.serve();
        std::mem::take(&mut self.actions)
    }

    fn serve(&mut self) {
        let last = self.block.as_ref().map_or(-1, |block| block.block_end);
        let free = usize::try_from(last.saturating_sub(self.next).saturating_add(1)).unwrap_or(0);
        for token in self.waiting.drain(..free.min(self.waiting.len())) {
            let producer_id = self.next;
            self.next += 1;
            let response = InitProducerIdResponse { producer_id, ..Default::default() };
            self.actions.push(Action::Reply { token, response: response.into() });
        }
        if !self.waiting.is_empty() {
            self.acquire();
        }
    }

    fn acquire(&mut self) {
        if !self.is_acquiring {
            self.is_acquiring = true;
            self.ask(ProducerIdTag::Read);
        }
    }

    fn ask(&mut self, tag: ProducerIdTag) {
        let request = Op::get_data(LATEST_PRODUCER_ID_BLOCK);
        self.actions.push(Action::Zookeeper { request, tag });
    }

    /// ZooKeeper answered.
    #[must_use]
    pub fn on_zookeeper(&mut self, tag: ProducerIdTag, answer: Answer) -> Vec<ProducerIdAction> {
        match (tag, answer) {
            (tag, Answer::Failed(KeeperCode::CONNECTION_LOSS | KeeperCode::SESSION_EXPIRED)) => {
                self.lost = Some(tag);
            }
            (ProducerIdTag::Read, Answer::Data { data, version, .. }) => {
                self.write_next(&data, version);
            }
            (ProducerIdTag::Write(block), Answer::Written { version }) => {
                self.take_block(block, version);
            }
            // Another broker was faster.
            (ProducerIdTag::Write(_), Answer::Failed(KeeperCode::BAD_VERSION)) => {
                self.ask(ProducerIdTag::Read);
            }
            (ProducerIdTag::Check(block), Answer::Data { data, version, .. }) => {
                if ProducerIdBlock::from_json(&data).is_ok_and(|written| written == block) {
                    self.take_block(block, version);
                } else {
                    self.write_next(&data, version);
                }
            }
            (_, answer) => self.fail(&format!("ZooKeeper answered {answer:?}")),
        }
        std::mem::take(&mut self.actions)
    }

    fn write_next(&mut self, data: &[u8], version: i32) {
        let latest = if data.is_empty() {
            Ok(-1)
        } else {
            ProducerIdBlock::from_json(data).map(|block| block.block_end)
        };
        let end = match latest {
            Ok(end) if end <= i64::MAX - BLOCK_SIZE => end,
            Ok(_) => return self.fail("Have exhausted all producerIds."),
            Err(error) => return self.fail(&error.to_string()),
        };
        let block = ProducerIdBlock::new(self.broker.0, end + 1, end + BLOCK_SIZE);
        let write = Write::SetData {
            path: LATEST_PRODUCER_ID_BLOCK.to_owned(),
            data: Bytes::from(block.to_json()),
            version,
        };
        let tag = ProducerIdTag::Write(block);
        self.actions.push(Action::Zookeeper { request: Op::Write(write), tag });
    }

    fn take_block(&mut self, block: ProducerIdBlock, version: i32) {
        let ProducerIdBlock { broker, block_start, block_end, .. } = block;
        self.log(LogLevel::Info, &format!("Acquired new producerId block (brokerId:{broker},blockStartProducerId:{block_start},blockEndProducerId:{block_end}) by writing to Zk with path version {version}"));
        self.next = block_start;
        self.block = Some(block);
        self.is_acquiring = false;
        self.serve();
    }

    /// No id can be had now; whoever asks next tries anew.
    fn fail(&mut self, text: &str) {
        self.log(LogLevel::Error, text);
        self.is_acquiring = false;
        for token in std::mem::take(&mut self.waiting) {
            let response = InitProducerIdResponse {
                error_code: ErrorCode::UNKNOWN_SERVER_ERROR,
                producer_epoch: -1,
                ..Default::default()
            };
            self.actions.push(Action::Reply { token, response: response.into() });
        }
    }

    /// The connection to ZooKeeper stands again.
    #[must_use]
    pub fn on_connected(&mut self) -> Vec<ProducerIdAction> {
        match self.lost.take() {
            Some(ProducerIdTag::Write(block)) => self.ask(ProducerIdTag::Check(block)),
            Some(tag) => self.ask(tag),
            None => {}
        }
        std::mem::take(&mut self.actions)
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        let text = format!("[ProducerId Manager {}]: {text}", self.broker);
        self.actions.push(Action::Log { level, logger: LOGGER, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::kafka::AnyResponse;

    /// The znode, and what a manager asks of it.
    struct Znode(Vec<u8>, i32);

    impl Znode {
        fn serve(&mut self, request: &Op) -> Answer {
            match request {
                Op::Write(Write::SetData { data, version, .. }) if *version == self.1 => {
                    (self.0, self.1) = (data.to_vec(), self.1 + 1);
                    Answer::Written { version: self.1 }
                }
                Op::Write(_) => Answer::Failed(KeeperCode::BAD_VERSION),
                _ => Answer::Data { data: self.0.clone().into(), version: self.1, czxid: 1 },
            }
        }

        /// Answers until nothing is asked any more. Returns the ids given out.
        fn run(
            &mut self,
            manager: &mut ProducerIdManager,
            asked: Vec<ProducerIdAction>,
        ) -> Vec<i64> {
            let (mut asked, mut ids) = (std::collections::VecDeque::from(asked), Vec::new());
            while let Some(action) = asked.pop_front() {
                match action {
                    Action::Zookeeper { request, tag } => {
                        let answer = self.serve(&request);
                        asked.extend(manager.on_zookeeper(tag, answer));
                    }
                    Action::Reply { response: AnyResponse::InitProducerId(response), .. } => {
                        ids.push(response.producer_id);
                    }
                    _ => {}
                }
            }
            ids
        }
    }

    fn acquired(actions: &[ProducerIdAction]) -> Option<(&Op, &ProducerIdTag)> {
        actions.iter().find_map(|action| match action {
            Action::Zookeeper { request, tag } => Some((request, tag)),
            _ => None,
        })
    }

    #[test]
    fn brokers_draw_blocks_of_a_thousand() {
        let mut znode = Znode(Vec::new(), 0);
        let mut managers = [1, 2].map(|id| ProducerIdManager::new(BrokerId(id)));
        for manager in &mut managers {
            let asked = manager.start();
            assert!(znode.run(manager, asked).is_empty());
        }
        let expected = br#"{"version":1,"broker":2,"block_start":"1000","block_end":"1999"}"#;
        assert_eq!(znode.0, expected, "as the recorded cluster wrote it");
        for id in 1_000..2_000 {
            let asked = managers[1].generate(RequestToken(1));
            assert_eq!(znode.run(&mut managers[1], asked), [id]);
        }
        let asked = managers[1].generate(RequestToken(1));
        assert_eq!(znode.run(&mut managers[1], asked), [2_000]);
        let asked = managers[0].generate(RequestToken(1));
        assert_eq!(znode.run(&mut managers[0], asked), [0]);
    }

    #[test]
    fn a_slower_broker_reads_again() {
        let mut znode = Znode(Vec::new(), 0);
        let mut slow = ProducerIdManager::new(BrokerId(1));
        let asked = slow.generate(RequestToken(1));
        let (read, tag) = acquired(&asked).expect("a read");
        let late = slow.on_zookeeper(tag.clone(), znode.serve(read));
        let mut fast = ProducerIdManager::new(BrokerId(2));
        let asked = fast.start();
        znode.run(&mut fast, asked);
        assert_eq!(znode.run(&mut slow, late), [1_000]);
    }

    #[test]
    fn a_write_whose_answer_was_lost_is_found_out_about() {
        for was_written in [true, false] {
            let mut znode = Znode(Vec::new(), 0);
            let mut manager = ProducerIdManager::new(BrokerId(1));
            let asked = manager.generate(RequestToken(1));
            let (read, tag) = acquired(&asked).expect("a read");
            let asked = manager.on_zookeeper(tag.clone(), znode.serve(read));
            let (write, tag) = acquired(&asked).expect("a write");
            if was_written {
                znode.serve(write);
            }
            let lost = Answer::Failed(KeeperCode::CONNECTION_LOSS);
            assert!(manager.on_zookeeper(tag.clone(), lost).is_empty());
            let asked = manager.on_connected();
            assert_eq!(znode.run(&mut manager, asked), [0], "{was_written}");
            assert_eq!(znode.1, 1, "one block was drawn");
        }
    }

    #[test]
    fn who_waits_is_told_when_there_are_no_ids_left() {
        let last = ProducerIdBlock::new(1, i64::MAX - 999, i64::MAX);
        let mut znode = Znode(last.to_json(), 3);
        let mut manager = ProducerIdManager::new(BrokerId(1));
        let asked = manager.generate(RequestToken(1));
        assert_eq!(znode.run(&mut manager, asked), [-1]);
    }
}
