//! The picture of a broker.

use super::{Broker, Life};
use crate::base::TopicPartition;
use crate::node::view::BrokerView;

impl Broker {
    pub(super) fn picture(&self) -> BrokerView {
        let isr = |id: &TopicPartition| -> &[i32] {
            self.metadata.partition(&id.topic, id.partition).map_or(&[], |known| &known.isr)
        };
        BrokerView {
            broker_id: self.config.broker_id,
            state: self.life.name().to_owned(),
            broker_epoch: self.epoch,
            zookeeper_session: self.zookeeper.session(),
            controller_epoch: self.controller.epoch(),
            known_controller: self.controller.active_controller(),
            replicas: self.replicas.view(isr),
            groups: self.groups.view(),
            waiting: self.replicas.waiting(),
        }
    }
}

impl Life {
    /// Its name in Kafka's `BrokerState`.
    fn name(self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::PendingControlledShutdown => "PendingControlledShutdown",
            Self::NotRunning => "NotRunning",
        }
    }
}
