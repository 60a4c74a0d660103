//! The words of commands for admin clients.

use super::Quoted;
use super::parse::{BadAction, Line};
use crate::node::AdminCommand;
use std::fmt;

pub(super) fn write(f: &mut fmt::Formatter<'_>, command: &AdminCommand) -> fmt::Result {
    match command {
        AdminCommand::DeleteTopic(topic) => write!(f, "delete-topic {}", Quoted(topic)),
        AdminCommand::CreatePartitions { topic, count } => {
            write!(f, "create-partitions {} {count}", Quoted(topic))
        }
        AdminCommand::Reassign { partition, replicas } => {
            write!(f, "reassign {}", Quoted(&partition.to_string()))?;
            replicas.iter().try_for_each(|broker| write!(f, " {broker}"))
        }
    }
}

impl Line {
    /// The command for admin clients that begins with `verb`, if there is one.
    pub(super) fn admin_command(&mut self, verb: &str) -> Result<Option<AdminCommand>, BadAction> {
        Ok(Some(match verb {
            "delete-topic" => AdminCommand::DeleteTopic(self.next("a topic")?.text()?),
            "create-partitions" => AdminCommand::CreatePartitions {
                topic: self.next("a topic")?.text()?,
                count: self.next("how many")?.number()?,
            },
            "reassign" => {
                let word = self.next("a partition")?;
                let partition = word.text()?.parse();
                let partition = partition.map_err(|_| word.bad("should be TOPIC-PARTITION"))?;
                let replicas = self.rest().map(|word| word.number()).collect::<Result<_, _>>()?;
                AdminCommand::Reassign { partition, replicas }
            }
            _ => return Ok(None),
        }))
    }
}
